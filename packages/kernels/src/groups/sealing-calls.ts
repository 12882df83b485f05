/**
 * The calls that seal blobs, as a list: AES-256-CTR in vectors, then Poly1305-AES. A blob may be what a call before them makes, a frame
 * for instance, whose length nobody knows yet: it is sealed where it lies.
 */
import { cipherContext, expectOne, type Libcrypto, libcrypto, releaseWith } from '../crypto/libcrypto.ts';
import { NativeNonces } from '../crypto/native-nonces.ts';
import { expectSealingKey, IV_BYTES, MAC_BYTES, type SealingKey } from '../crypto/sealer.ts';
import { VectorCtr } from '../crypto/vector-ctr.ts';
import type { CallList } from '../machine/call-list.ts';
import { functionAddress } from '../machine/function-address.ts';
import { type Memory, wordsOf, zeroedMemory } from '../memory.ts';

/** The calls of a blob, in their order. */
const [CRYPT, MAC_INIT, MAC_UPDATE, MAC_FINAL] = [0, 1, 2, 3];
export const CALLS_PER_SEAL = 4;
/** A one-time key: r, which is the same for all, then s, which comes from the IV. */
const KEY_BYTES = 32;

/** The addresses of the functions that are called. */
interface Functions {
  readonly crypt: number;
  readonly macInit: number;
  readonly macUpdate: number;
  readonly macFinal: number;
}

export class SealingCalls {
  readonly #functions: Functions;
  /** A counter for each slot. */
  readonly #counters: readonly VectorCtr[];
  readonly #nonces: NativeNonces;
  readonly #mac: number;
  readonly #keys: Memory;
  readonly #keyWords: Int32Array;
  readonly #macs: Memory;
  readonly #written: Memory = zeroedMemory(8);

  private constructor(library: Libcrypto, functions: Functions, counters: readonly VectorCtr[], key: SealingKey) {
    const [cipher, mac] = [library.cipher!, library.mac!];
    const most = counters.length;
    this.#functions = functions;
    this.#counters = counters;
    this.#keys = zeroedMemory(most * KEY_BYTES);
    this.#keyWords = wordsOf(this.#keys);
    for (let slot = 0; slot < most; slot++) this.#keys.bytes.set(key.macR, slot * KEY_BYTES);
    this.#macs = zeroedMemory(most * MAC_BYTES);
    this.#mac = mac.newContext(mac.poly1305);
    releaseWith(this, mac.freeContext, this.#mac);
    const macK = zeroedMemory(16);
    macK.bytes.set(key.macK);
    const ecb = cipherContext(this, cipher, cipher.aes128Ecb, macK.address);
    macK.bytes.fill(0);
    const written = this.#written.address;
    this.#nonces = new NativeNonces(library, (out, data, size) =>
      expectOne(cipher.updateAt(ecb, out, written, data, size), 'EVP_EncryptUpdate'),
    );
    releaseWith(this, wipe, this.#keys.bytes);
  }

  /** For up to `most` blobs in a list; the key's bytes are copied. Returns null without libcrypto, or where vectors do not run. */
  static create(key: SealingKey, most: number): SealingCalls | null {
    expectSealingKey(key);
    const library = libcrypto();
    const crypt = VectorCtr.functionAddress();
    const counters = VectorCtr.several(key.encrypt, most);
    if (crypt === null || counters === null || library === null || library.cipher === null || library.mac === null)
      return null;
    const functions = {
      crypt,
      macInit: functionAddress('EVP_MAC_init'),
      macUpdate: functionAddress('EVP_MAC_update'),
      macFinal: functionAddress('EVP_MAC_final'),
    };
    return new SealingCalls(library, functions, counters, key);
  }

  /** Writes what never changes to the calls of a slot, which begin at number `call`. */
  prepare(calls: CallList, call: number, slot: number): void {
    const { crypt, macInit, macUpdate, macFinal } = this.#functions;
    const [key, mac] = [this.#keys.address + slot * KEY_BYTES, this.#macs.address + slot * MAC_BYTES];
    calls.write(call + CRYPT, crypt, this.#counters[slot]!.address);
    calls.write(call + MAC_INIT, macInit, this.#mac, key, KEY_BYTES, 0);
    calls.write(call + MAC_UPDATE, macUpdate, this.#mac);
    calls.write(call + MAC_FINAL, macFinal, this.#mac, mac, this.#written.address, MAC_BYTES);
  }

  /**
   * Writes the calls of a slot for a blob: the bytes from address `from` on are sealed to `sealed`, the IV at `sealedAt` and they behind
   * it; the MAC is apart, at macAddress(). There are `length` of them, or, if that is negative, as many as the call with the number
   * -`length` before this one returns. Whoever writes a slot's calls has them made.
   */
  write(
    calls: CallList,
    call: number,
    slot: number,
    from: number,
    sealed: Memory,
    sealedAt: number,
    length: number,
  ): void {
    // Once in 2^32 times an IV is none for vectors: then another is.
    do this.#nonces.next(sealed.bytes, sealedAt, this.#keyWords, (slot * KEY_BYTES) / 4 + 4);
    while (!this.#counters[slot]!.start(sealed.bytes, sealedAt));
    const body = sealed.address + sealedAt + IV_BYTES;
    calls.argument(call + CRYPT, 1, from);
    calls.argument(call + CRYPT, 2, body);
    calls.argument(call + MAC_UPDATE, 1, body);
    if (length < 0) {
      calls.takes(call + CRYPT, call + length, 3);
      calls.takes(call + MAC_UPDATE, call + length, 2);
    } else {
      calls.takesNothing(call + CRYPT);
      calls.takesNothing(call + MAC_UPDATE);
      calls.argument(call + CRYPT, 3, length);
      calls.argument(call + MAC_UPDATE, 2, length);
    }
  }

  /** Throws unless libcrypto did what it was asked for. */
  expectSealed(calls: CallList, call: number): void {
    for (const step of [MAC_INIT, MAC_UPDATE, MAC_FINAL]) expectOne(calls.result(call + step), 'EVP_MAC');
  }

  /** The MACs of all slots, one after another. */
  get macs(): Uint8Array {
    return this.#macs.bytes;
  }

  macAddress(slot: number): number {
    return this.#macs.address + slot * MAC_BYTES;
  }
}

function wipe(memory: Uint8Array): void {
  memory.fill(0);
}
