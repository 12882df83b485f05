/**
 * SHA-256 of whole messages as calls of a list, four to a call: libcrypto's sha256_multi_block() takes them two and two on the
 * processor's SHA unit, in hardly more time than it takes one (see sha256-lanes.ts). For processors that have no vectors to take sixteen.
 */
import type { CallList } from '../machine/call-list.ts';
import { processorFeatures } from '../machine/features.ts';
import { functionAddress } from '../machine/function-address.ts';
import { type Memory, wordsOf, zeroedMemory } from '../memory.ts';
import { HASH_BYTES, START } from './lane-sha256.ts';
import { FOUR_LANES, INPUTS, LANES, putInput, SHARED_BYTES } from './multi-block.ts';

const TOGETHER = 4;
const WORDS = HASH_BYTES / 4;
const SET_WORDS: number = SHARED_BYTES / 4;

export class Sha256Fours {
  readonly #function: number;
  /** The words and inputs of each call. */
  readonly #sets: Memory;
  readonly #words: Int32Array;
  /** Where the hashes go: of lane l of set s at number TOGETHER * s + l. */
  readonly #outs: number[] = [];
  #hashes: DataView | null = null;

  private constructor(multiBlock: number, most: number) {
    this.#function = multiBlock;
    this.#sets = zeroedMemory(Math.ceil(most / TOGETHER) * SHARED_BYTES);
    this.#words = wordsOf(this.#sets);
  }

  /** For up to `most` messages in a list. Returns null without a SHA unit, or without that function. */
  static create(most: number): Sha256Fours | null {
    if (!processorFeatures().sha) return null;
    try {
      return new Sha256Fours(functionAddress('sha256_multi_block'), most);
    } catch {
      return null; // It is no part of libcrypto's interface.
    }
  }

  /** Begins another list, whose hashes go to `hashes`. */
  begin({ bytes }: Memory): void {
    this.#hashes = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#outs.length = 0;
  }

  /** Adds a message that ends with its padding: `blocks` of it from `address` on, its hash to `out`. Those of about one length in turn. */
  add(address: number, blocks: number, out: number): void {
    const message = this.#outs.push(out) - 1;
    const lane = message % TOGETHER;
    const set = ((message - lane) / TOGETHER) * SET_WORDS;
    const words = this.#words;
    // Lanes without a message have no blocks.
    if (lane === 0) words.fill(0, set, set + SET_WORDS);
    for (let word = 0; word < WORDS; word++) words[set + word * LANES + lane] = START[word]!;
    putInput(words, set, lane, address, blocks);
  }

  /** Writes the calls from number `call` on, and returns the number of the one behind them. */
  write(calls: CallList, call: number): number {
    const sets = Math.ceil(this.#outs.length / TOGETHER);
    for (let set = 0; set < sets; set++) {
      const at = this.#sets.address + set * SHARED_BYTES;
      calls.write(call + set, this.#function, at, at + INPUTS, FOUR_LANES);
    }
    return call + sets;
  }

  /** Brings the hashes where they go, once the calls are made. */
  finish(): void {
    for (const [message, out] of this.#outs.entries()) {
      const lane = message % TOGETHER;
      const first = ((message - lane) / TOGETHER) * SET_WORDS + lane;
      // The highest byte first (FIPS 180-4, 3.1).
      for (let word = 0; word < WORDS; word++)
        this.#hashes!.setInt32(out + 4 * word, this.#words[first + word * LANES]!);
    }
  }
}
