/**
 * Whether sealed blobs are what their names say, without keeping them: MAC, decryption in place, decompression, SHA-256.
 * The same as Sealer.open(), zstd and SHA-256 one after another, but by address in memory that never moves: eight
 * transitions to C a blob, no views, nothing allocated. A blob that fails is for the caller to look at closely.
 */

import type { Ciphers, Macs } from './libcrypto.ts';
import { type Digests, expectOne, type Libcrypto, releaseWith } from './libcrypto.ts';
import { NativeSealer } from './native-sealer.ts';
import { SEAL_OVERHEAD, type SealingKey } from './sealer.ts';

/** zstd by address; a failure is not a number (zstd's errors are bigints near 2^64). */
export type DecompressAt = (to: number, capacity: number, from: number, size: number) => number | bigint;

/** Verifies blobs in its own memory. One thread. */
export interface BlobVerifier {
  /** Returns `length` bytes to read sealed blobs into. The next call may give them again; what they hold is open to change. */
  memory(length: number): Uint8Array;
  /**
   * Returns whether the sealed blob at `offset` of that memory opens to content with the SHA-256 in `id` at `idAt`, and of
   * `uncompressedLength` bytes unless that is 0 (then it is not compressed). Overwrites the blob. False also for one of more
   * than 64 MiB.
   */
  isWhole(offset: number, length: number, uncompressedLength: number, id: Uint8Array, idAt: number): boolean;
}

const HASH_BYTES = 32;
const FIRST_BYTES: number = 512 * 1024;
/** Longer ones are left to the caller: an index that lies must not cost memory, nor overflow a C int. */
const MAX_BYTES: number = 64 * 1024 * 1024;

export class NativeBlobVerifier implements BlobVerifier {
  readonly #libcrypto: Libcrypto;
  readonly #digest: Digests;
  readonly #sealer: NativeSealer;
  readonly #decompress: DecompressAt;
  readonly #hashing: number;
  readonly #hash: Stable;
  #sealed: Stable;
  #plain: Stable;

  constructor(
    libcrypto: Libcrypto,
    { digest, cipher, mac }: { readonly digest: Digests; readonly cipher: Ciphers; readonly mac: Macs },
    decompress: DecompressAt,
    key: SealingKey,
  ) {
    this.#libcrypto = libcrypto;
    this.#digest = digest;
    this.#sealer = new NativeSealer(libcrypto, cipher, mac, key);
    this.#decompress = decompress;
    this.#hashing = digest.newContext();
    releaseWith(this, digest.freeContext, this.#hashing);
    this.#hash = libcrypto.stable(HASH_BYTES);
    this.#sealed = libcrypto.stable(FIRST_BYTES);
    this.#plain = libcrypto.stable(FIRST_BYTES);
  }

  memory(length: number): Uint8Array {
    this.#sealed = this.#grown(this.#sealed, length);
    return this.#sealed.bytes.subarray(0, length);
  }

  isWhole(offset: number, length: number, uncompressedLength: number, id: Uint8Array, idAt: number): boolean {
    const { bytes, address } = this.#sealed;
    const size = length - SEAL_OVERHEAD;
    if (size < 0 || offset + length > bytes.length) return false;
    if (size > MAX_BYTES || uncompressedLength > MAX_BYTES) return false;
    const body = address + offset + SEAL_OVERHEAD / 2;
    if (!this.#sealer.openAt(address + offset, size, bytes, offset + length - SEAL_OVERHEAD / 2)) return false;
    if (uncompressedLength === 0) return this.#hasHash(body, size, id, idAt);
    this.#plain = this.#grown(this.#plain, uncompressedLength);
    const plain = this.#plain.address;
    if (this.#decompress(plain, uncompressedLength, body, size) !== uncompressedLength) return false;
    return this.#hasHash(plain, uncompressedLength, id, idAt);
  }

  #hasHash(data: number, size: number, id: Uint8Array, idAt: number): boolean {
    expectOne(this.#digest.init(this.#hashing, this.#digest.sha256, 0), 'EVP_DigestInit_ex');
    expectOne(this.#digest.updateAt(this.#hashing, data, size), 'EVP_DigestUpdate');
    expectOne(this.#digest.final(this.#hashing, this.#hash.address, 0), 'EVP_DigestFinal_ex');
    const hash = this.#hash.bytes;
    let difference = 0;
    for (let i = 0; i < HASH_BYTES; i++) difference |= hash[i]! ^ id[idAt + i]!;
    return difference === 0;
  }

  #grown(memory: Stable, length: number): Stable {
    if (length <= memory.bytes.length) return memory;
    let size = memory.bytes.length;
    while (size < length) size *= 2;
    return this.#libcrypto.stable(size);
  }
}

type Stable = ReturnType<Libcrypto['stable']>;
