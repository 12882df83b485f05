/** SHA-256 through `node:crypto`. */

import { createHash } from 'node:crypto';
import { expectInside, type Memory, viewIn } from '../memory.ts';
import type { Sha256 } from '../platform.ts';

export function portableSha256(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}

export class PortableSha256 implements Sha256 {
  #hash = createHash('sha256');

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  updateAt(memory: Memory, at: number, length: number): void {
    expectInside(memory, at, length);
    this.update(viewIn(memory, at, length));
  }

  digest(): Uint8Array {
    const result = this.#hash.digest();
    this.#hash = createHash('sha256');
    return result;
  }
}
