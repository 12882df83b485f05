/** SHA-256 through libcrypto with a context that is used again: a quarter of node:crypto's fixed cost. */

import { expectInside, type Memory } from '../memory.ts';
import type { Sha256 } from '../platform.ts';
import { type Digests, expectOne, type Libcrypto, releaseWith } from './libcrypto.ts';

const HASH_BYTES = 32;

export class NativeSha256 implements Sha256 {
  readonly #digest: Digests;
  readonly #context: number;
  readonly #hash: ReturnType<Libcrypto['stable']>;
  readonly #hashBytes: Uint8Array;

  /** Throws when the context cannot be made. */
  constructor(libcrypto: Libcrypto, digest: Digests) {
    this.#digest = digest;
    this.#context = digest.newContext();
    this.#hash = libcrypto.stable(HASH_BYTES);
    const { buffer, byteOffset } = this.#hash.bytes;
    this.#hashBytes = new Uint8Array(buffer, byteOffset, HASH_BYTES);
    releaseWith(this, digest.freeContext, this.#context);
    this.#init();
  }

  update(data: Uint8Array): void {
    if (data.length > 0) expectOne(this.#digest.update(this.#context, data, data.length), 'EVP_DigestUpdate');
  }

  updateAt(memory: Memory, at: number, length: number): void {
    expectInside(memory, at, length);
    if (length > 0) expectOne(this.#digest.updateAt(this.#context, memory.address + at, length), 'EVP_DigestUpdate');
  }

  digest(): Uint8Array {
    return new Uint8Array(this.digestHere());
  }

  /** The same, good until the next digest. */
  digestHere(): Uint8Array {
    expectOne(this.#digest.final(this.#context, this.#hash.address, 0), 'EVP_DigestFinal_ex');
    this.#init();
    return this.#hashBytes;
  }

  #init(): void {
    expectOne(this.#digest.init(this.#context, this.#digest.sha256, 0), 'EVP_DigestInit_ex');
  }
}
