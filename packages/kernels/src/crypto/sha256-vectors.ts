/** SHA-256 of up to sixteen messages abreast through machine code (machine/sha256.ts): where there are many, half the cost. */
import * as layout from '../../machine/sha256-layout.ts';
import { expectInside, put64 } from '../memory.ts';
import type { HashPart } from '../platform.ts';
import { BLOCK_BYTES, type LaneSha256 } from './lane-sha256.ts';
import { type Sha256Kernel, sha256Kernel, sha256KernelMemory } from './sha256-kernel.ts';

/** Fewer messages are done sooner two at a time on the processor's SHA unit, or one after another where it has none. */
const FEWEST = { withUnit: 8, without: 4 };

/** The part of a message that the vectors take on. */
interface Lane {
  readonly hash: LaneSha256;
  readonly address: number;
  readonly blocks: number;
}

/** One thread's. */
export class Sha256Vectors {
  readonly #kernel: Sha256Kernel;
  readonly #memory: number;
  readonly #words: Int32Array;
  readonly #fewest: number;

  private constructor(kernel: Sha256Kernel, fewest: number) {
    this.#kernel = kernel;
    this.#fewest = fewest;
    const { words, address } = sha256KernelMemory();
    this.#memory = address;
    this.#words = words;
  }

  /** `hasUnit`: whether the processor has a SHA unit. Returns null where it or the system does not let the kernel run. */
  static create(hasUnit: boolean): Sha256Vectors | null {
    const kernel = sha256Kernel();
    return kernel && new Sha256Vectors(kernel, hasUnit ? FEWEST.withUnit : FEWEST.without);
  }

  /**
   * Hashes the beginning of each part, as long as there are enough of them to be worth it, and returns what is left of those
   * that have anything left.
   */
  begin(parts: readonly HashPart<LaneSha256>[]): HashPart<LaneSha256>[] {
    const left: HashPart<LaneSha256>[] = [];
    for (let from = 0; from < parts.length; from += layout.LANES) {
      const some = parts.slice(from, from + layout.LANES);
      left.push(...(some.length < this.#fewest ? some : this.#begin(some)));
    }
    return left;
  }

  #begin(parts: readonly HashPart<LaneSha256>[]): HashPart<LaneSha256>[] {
    const lanes: Lane[] = [];
    const taken = parts.map(({ hash, memory, at, length }) => {
      expectInside(memory, at, length);
      const head = hash.completeBlock(memory, at, length);
      const blocks = Math.floor((length - head) / BLOCK_BYTES);
      lanes.push({ hash, address: memory.address + at + head, blocks });
      return head;
    });
    // The shortest first: it is done when those from there on have come as far.
    const byLength = [...lanes].sort((a, b) => a.blocks - b.blocks);
    let done = 0;
    for (let first = 0; byLength.length - first >= this.#fewest; first++) {
      const { blocks } = byLength[first]!;
      if (blocks === done) continue;
      this.#advance(byLength.slice(first), done, blocks - done);
      done = blocks;
    }
    return parts.flatMap(({ hash, memory, at, length }, i) => {
      const blocks = Math.min(done, lanes[i]!.blocks);
      hash.count(blocks);
      const from = taken[i]! + blocks * BLOCK_BYTES;
      const left = { hash, memory, at: at + from, length: length - from };
      if (left.length >= BLOCK_BYTES) return [left];
      hash.updateAt(memory, left.at, left.length); // put aside
      return [];
    });
  }

  /** Moves lanes on from block `from` of each by `blocks`. */
  #advance(lanes: readonly Lane[], from: number, blocks: number): void {
    for (let lane = 0; lane < layout.LANES; lane++) {
      // Lanes that are not there do what the first one does, with the same outcome.
      const { hash, address } = lanes[lane] ?? lanes[0]!;
      put64(this.#words, layout.INPUTS / 4 + 2 * lane, address + from * BLOCK_BYTES);
      put64(this.#words, layout.STATES / 4 + 2 * lane, hash.address);
    }
    this.#kernel.advance(this.#memory, blocks);
  }
}
