/** SHA-256 through libcrypto with a context that is used again: a quarter of node:crypto's fixed cost. */

import type { Sha256 } from '../platform.ts';
import { type Digests, expectOne, type Libcrypto, releaseWith } from './libcrypto.ts';

const HASH_BYTES = 32;

export class NativeSha256 implements Sha256 {
  readonly #digest: Digests;
  readonly #context: number;
  readonly #hash: ReturnType<Libcrypto['stable']>;

  /** Throws when the context cannot be made. */
  constructor(libcrypto: Libcrypto, digest: Digests) {
    this.#digest = digest;
    this.#context = digest.newContext();
    this.#hash = libcrypto.stable(HASH_BYTES);
    releaseWith(this, digest.freeContext, this.#context);
    this.#init();
  }

  update(data: Uint8Array): void {
    if (data.length > 0) expectOne(this.#digest.update(this.#context, data, data.length), 'EVP_DigestUpdate');
  }

  digest(): Uint8Array {
    expectOne(this.#digest.final(this.#context, this.#hash.address, 0), 'EVP_DigestFinal_ex');
    this.#init();
    return new Uint8Array(this.#hash.bytes);
  }

  #init(): void {
    expectOne(this.#digest.init(this.#context, this.#digest.sha256, 0), 'EVP_DigestInit_ex');
  }
}
