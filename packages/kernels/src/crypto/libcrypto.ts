/**
 * The libcrypto inside Node's own binary (or linked to it), reached by koffi: EVP digests, ciphers and MACs.
 * Contexts and algorithm objects are made once and used again; bytes stay in the caller's buffers.
 * `data` arguments are typed arrays, also over a SharedArrayBuffer; the others are addresses.
 */

import type koffi from 'koffi';
import { processorFeatures } from '../machine/features.ts';
import { functionAddress } from '../machine/function-address.ts';
import { koffiModule } from '../optional-module.ts';

type Address = number;

export interface Libcrypto {
  /** Memory that never moves, for keys, nonces and tags. */
  stable(size: number): { readonly bytes: Buffer; readonly address: Address };
  readonly digest: Digests | null;
  readonly sha256Blocks: Sha256Blocks | null;
  readonly cipher: Ciphers | null;
  readonly mac: Macs | null;
}

/** Every function returns 1 on success. */
export interface Digests {
  readonly sha256: Address;
  newContext(): Address;
  freeContext(context: Address): void;
  init(context: Address, digest: Address, engine: Address): number;
  update(context: Address, data: Uint8Array, size: number): number;
  updateAt(context: Address, data: Address, size: number): number;
  final(context: Address, hash: Address, size: Address): number;
}

/** The inside of SHA-256: no part of libcrypto's interface, but exported by Node's own binary on x86-64. */
export interface Sha256Blocks {
  /** Advances eight words, in the processor's byte order, by whole blocks. */
  oneLane(words: Uint32Array, data: Uint8Array, blocks: number): void;
  oneLaneAt(words: Address, data: Address, blocks: number): void;
  /** The address of the function. */
  readonly oneLaneFunction: Address;
  /**
   * Advances 4 * `fours` lanes in lockstep: word w of lane l is words[8 * w + l]; an input is an address and a count of blocks. Null
   * without a SHA unit, where it is slower than one message after another.
   */
  readonly lanes: ((words: Address, inputs: Address, fours: number) => void) | null;
}

export interface Ciphers {
  readonly aes256Ctr: Address;
  readonly aes128Ecb: Address;
  newContext(): Address;
  freeContext(context: Address): void;
  /** Zero for `cipher` or `key` keeps what the context has. */
  init(context: Address, cipher: Address, engine: Address, key: Address, iv: Address): number;
  setPadding(context: Address, on: number): number;
  update(context: Address, out: Uint8Array, written: Address, data: Uint8Array, size: number): number;
  updateAt(context: Address, out: Address, written: Address, data: Address, size: number): number;
}

export interface Macs {
  readonly poly1305: Address;
  newContext(mac: Address): Address;
  freeContext(context: Address): void;
  init(context: Address, key: Address, size: number, parameters: Address): number;
  update(context: Address, data: Uint8Array, size: number): number;
  updateAt(context: Address, data: Address, size: number): number;
  final(context: Address, tag: Address, written: Address, size: number): number;
}

let bound: Libcrypto | null | undefined;

/** Returns the bindings, or null without koffi; a primitive whose symbols are missing is null. Binds once a thread. */
export function libcrypto(): Libcrypto | null {
  if (bound === undefined) bound = bind();
  return bound;
}

function bind(): Libcrypto | null {
  const ffi = koffiModule();
  if (ffi === null) return null;
  try {
    const library = ffi.load(null);
    return {
      stable(size) {
        const bytes = Buffer.allocUnsafeSlow(size);
        return { bytes, address: Number(ffi.address(bytes)) };
      },
      digest: attempt(() => bindDigests(library)),
      sha256Blocks: attempt(() => bindSha256Blocks(library)),
      cipher: attempt(() => bindCiphers(library)),
      mac: attempt(() => bindMacs(library)),
    };
  } catch {
    return null;
  }
}

type Library = ReturnType<typeof koffi.load>;

function bindDigests(library: Library): Digests {
  const fetch = library.func('uintptr_t EVP_MD_fetch(void *library, const char *name, const char *properties)');
  return {
    sha256: found(fetch(null, 'SHA256', null)),
    newContext: library.func('uintptr_t EVP_MD_CTX_new()'),
    freeContext: library.func('void EVP_MD_CTX_free(uintptr_t context)'),
    init: library.func('int EVP_DigestInit_ex(uintptr_t context, uintptr_t digest, uintptr_t engine)'),
    update: library.func('int EVP_DigestUpdate(uintptr_t context, void *data, size_t size)'),
    updateAt: library.func('int EVP_DigestUpdate(uintptr_t context, uintptr_t data, size_t size)'),
    final: library.func('int EVP_DigestFinal_ex(uintptr_t context, uintptr_t hash, uintptr_t size)'),
  };
}

/** Of use where messages can go together: two on a SHA unit, or many in the vectors of sha256-vectors.ts. */
function bindSha256Blocks(library: Library): Sha256Blocks {
  const { sha, avx512 } = processorFeatures();
  if (!sha && !avx512) throw new Error('one message after another');
  return {
    oneLane: library.func('void sha256_block_data_order(void *words, void *data, size_t blocks)'),
    oneLaneAt: library.func('void sha256_block_data_order(uintptr_t words, uintptr_t data, size_t blocks)'),
    oneLaneFunction: functionAddress('sha256_block_data_order', library),
    lanes: sha ? library.func('void sha256_multi_block(uintptr_t words, uintptr_t inputs, int fours)') : null,
  };
}

function bindCiphers(library: Library): Ciphers {
  const fetch = library.func('uintptr_t EVP_CIPHER_fetch(void *library, const char *name, const char *properties)');
  const update = (pointer: string) =>
    library.func(
      `int EVP_EncryptUpdate(uintptr_t context, ${pointer} out, uintptr_t written, ${pointer} data, int size)`,
    );
  return {
    aes256Ctr: found(fetch(null, 'AES-256-CTR', null)),
    aes128Ecb: found(fetch(null, 'AES-128-ECB', null)),
    newContext: library.func('uintptr_t EVP_CIPHER_CTX_new()'),
    freeContext: library.func('void EVP_CIPHER_CTX_free(uintptr_t context)'),
    init: library.func(
      'int EVP_EncryptInit_ex(uintptr_t context, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t iv)',
    ),
    setPadding: library.func('int EVP_CIPHER_CTX_set_padding(uintptr_t context, int on)'),
    update: update('void *'),
    updateAt: update('uintptr_t'),
  };
}

function bindMacs(library: Library): Macs {
  const fetch = library.func('uintptr_t EVP_MAC_fetch(void *library, const char *name, const char *properties)');
  return {
    poly1305: found(fetch(null, 'POLY1305', null)),
    newContext: library.func('uintptr_t EVP_MAC_CTX_new(uintptr_t mac)'),
    freeContext: library.func('void EVP_MAC_CTX_free(uintptr_t context)'),
    init: library.func('int EVP_MAC_init(uintptr_t context, uintptr_t key, size_t size, uintptr_t parameters)'),
    update: library.func('int EVP_MAC_update(uintptr_t context, void *data, size_t size)'),
    updateAt: library.func('int EVP_MAC_update(uintptr_t context, uintptr_t data, size_t size)'),
    final: library.func('int EVP_MAC_final(uintptr_t context, uintptr_t tag, uintptr_t written, size_t size)'),
  };
}

function found(address: Address): Address {
  if (address === 0) throw new Error('libcrypto does not offer the algorithm');
  return address;
}

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null; // Symbols missing: a Node built without them.
  }
}

/** Throws unless a libcrypto call returned 1: only memory exhaustion or misuse of ours makes one fail. */
export function expectOne(result: number, call: string): void {
  if (result !== 1) throw new Error(`libcrypto: ${call} failed`);
}

/** Returns a context for encryption under a key, given by its address, that is freed with its owner. */
export function cipherContext(owner: object, cipher: Ciphers, algorithm: Address, key: Address): Address {
  const context = cipher.newContext();
  releaseWith(owner, cipher.freeContext, context);
  expectOne(cipher.init(context, algorithm, 0, key, 0), 'EVP_EncryptInit_ex');
  expectOne(cipher.setPadding(context, 0), 'EVP_CIPHER_CTX_set_padding');
  return context;
}

const released = new FinalizationRegistry<() => void>((free) => free());

/** Frees what an owner has, a context of libcrypto's for instance, when the owner is collected. `free` must not know the owner. */
export function releaseWith<T>(owner: object, free: (held: T) => void, held: T): void {
  released.register(owner, () => free(held));
}
