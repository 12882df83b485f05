/**
 * SHA-256 in two lanes: the block functions inside libcrypto, reached by name. A message is one chain of dependent steps, which
 * leaves the processor's SHA unit idle half of the time; two messages in lockstep take a quarter less than one after another.
 */

import { expectInside, type Memory } from '../memory.ts';
import { BLOCK_BYTES, LaneSha256 } from './lane-sha256.ts';
import type { Libcrypto, Sha256Blocks } from './libcrypto.ts';
import { FOUR_LANES, INPUTS, LANES, putInput, SHARED_BYTES } from './multi-block.ts';

/** Makes hashes of which any two can go in lockstep, where there is a SHA unit. One maker serves one thread. */
export class Sha256Lanes {
  readonly #library: Libcrypto;
  readonly #blocks: Sha256Blocks;
  readonly #words: Uint32Array;
  readonly #address: number;

  constructor(library: Libcrypto, blocks: Sha256Blocks) {
    this.#library = library;
    this.#blocks = blocks;
    const { bytes, address } = library.stable(SHARED_BYTES);
    bytes.fill(0);
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, SHARED_BYTES / 4);
    this.#address = address;
  }

  /** False where there is no unit: then both() takes one after the other. */
  get inLockstep(): boolean {
    return this.#blocks.lanes !== null;
  }

  make(): LaneSha256 {
    return new LaneSha256(this.#library, this.#blocks);
  }

  /** As Platform.sha256Both, for hashes of this maker. */
  both(
    first: LaneSha256,
    firstMemory: Memory,
    firstAt: number,
    firstLength: number,
    second: LaneSha256,
    secondMemory: Memory,
    secondAt: number,
    secondLength: number,
  ): void {
    expectInside(firstMemory, firstAt, firstLength);
    expectInside(secondMemory, secondAt, secondLength);
    const fromFirst = first.completeBlock(firstMemory, firstAt, firstLength);
    const fromSecond = second.completeBlock(secondMemory, secondAt, secondLength);
    const common = Math.min(firstLength - fromFirst, secondLength - fromSecond);
    const { lanes } = this.#blocks;
    const blocks = lanes === null ? 0 : Math.floor(common / BLOCK_BYTES);
    if (lanes !== null && blocks > 0) {
      const words = this.#words;
      for (let word = 0; word < 8; word++) {
        words[word * LANES] = first.words[word]!;
        words[word * LANES + 1] = second.words[word]!;
      }
      putInput(words, 0, 0, firstMemory.address + firstAt + fromFirst, blocks);
      putInput(words, 0, 1, secondMemory.address + secondAt + fromSecond, blocks);
      lanes(this.#address, this.#address + INPUTS, FOUR_LANES);
      for (let word = 0; word < 8; word++) {
        first.words[word] = words[word * LANES]!;
        second.words[word] = words[word * LANES + 1]!;
      }
    }
    first.rest(firstMemory, firstAt, fromFirst, blocks, firstLength);
    second.rest(secondMemory, secondAt, fromSecond, blocks, secondLength);
  }
}
