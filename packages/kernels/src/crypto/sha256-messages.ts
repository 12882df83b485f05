/**
 * SHA-256 of many whole messages, small files for instance, as part of a list of calls: sixteen abreast (machine/sha256.ts). A lane
 * that is done takes the next message, so that their lengths may differ; one that is longer than its share would keep the others
 * waiting, and goes by itself through libcrypto. Without such vectors all go through libcrypto, two at a time where it can.
 */
import * as layout from '../../machine/sha256-layout.ts';
import type { CallList } from '../machine/call-list.ts';
import { processorFeatures } from '../machine/features.ts';
import { functionAddress } from '../machine/function-address.ts';
import { expectInside, type Memory, put64, wordsOf, zeroedMemory } from '../memory.ts';
import { BLOCK_BYTES, HASH_BYTES } from './lane-sha256.ts';
import { Sha256Fours } from './sha256-fours.ts';
import { hashEachAddress, sha256KernelMemory } from './sha256-kernel.ts';

/** One byte that ends the message, and eight for its length (FIPS 180-4, 5.1.1). */
const LEAST_PADDING = 9;
/** What a block of one message by itself costs, in blocks of a full set of lanes: with a SHA unit, and without. */
const ALONE = { withUnit: 2, withoutUnit: 5.5 };
/** Above the number of messages, so that it and a count of blocks are one number. */
const COUNT = 4096;
const RECORD_WORDS: number = layout.MESSAGE_BYTES / 4;
const WIDE = 2 ** 32;

/** Bytes from a message's beginning to the end of its padding, which must be there behind it, and are written to. */
export function paddedBytes(length: number): number {
  return BLOCK_BYTES * Math.ceil((length + LEAST_PADDING) / BLOCK_BYTES);
}

export class Sha256Messages {
  readonly #memory = sha256KernelMemory();
  /** The address of the kernel; null where it does not run. */
  readonly #abreast: number | null = hashEachAddress();
  /** SHA256(message, length, hash). */
  readonly #alone: number = functionAddress('SHA256');
  readonly #costAlone: number = processorFeatures().sha ? ALONE.withUnit : ALONE.withoutUnit;
  /** Null where there are vectors, or no unit. */
  readonly #fours: Sha256Fours | null;
  readonly #most: number;
  /** Blocks and number of each message. */
  readonly #order: Uint32Array;
  readonly #records: Memory;
  readonly #recordWords: Int32Array;
  /** The calls that hash one message, and for each where its hash goes. */
  #firstAlone = 0;
  readonly #outs: number[] = [];

  /** For up to `most` messages at a time. Throws without libcrypto. */
  constructor(most: number) {
    if (most > COUNT) throw new RangeError(`expected at most ${COUNT} messages, got ${most}`);
    this.#most = most;
    this.#fours = this.#abreast === null ? Sha256Fours.create(most) : null;
    this.#order = new Uint32Array(most);
    this.#records = zeroedMemory(most * layout.MESSAGE_BYTES);
    this.#recordWords = wordsOf(this.#records);
  }

  /**
   * Writes calls from number `call` on that hash `count` messages, `lengths[i]` bytes from `ats[i]` on, and returns the number of the
   * call behind them. The hashes go to `hashes` one after another, and are there after finish(). Ends the messages, whose content may
   * come later, with their padding. Throws RangeError if there is no room for that, or for the hashes.
   */
  write(
    calls: CallList,
    call: number,
    memory: Memory,
    ats: Uint32Array,
    lengths: Uint32Array,
    count: number,
    hashes: Memory,
  ): number {
    expectInside(hashes, 0, count * HASH_BYTES);
    const abreast = this.#cut(count, this.#sort(memory, ats, lengths, count));
    const fours = this.#fours;
    let next = call;
    this.#firstAlone = call;
    this.#outs.length = 0;
    fours?.begin(hashes);
    for (let i = abreast; i < count; i++) {
      const message = this.#order[i]! % COUNT;
      const [at, length] = [ats[message]!, lengths[message]!];
      if (fours !== null) {
        pad(memory.bytes, at, length);
        fours.add(memory.address + at, this.#blocks(i), HASH_BYTES * message);
        continue;
      }
      const out = hashes.address + HASH_BYTES * message;
      calls.write(next++, this.#alone, memory.address + at, length, out);
      this.#outs.push(out);
    }
    if (fours !== null) next = fours.write(calls, next);
    if (abreast === 0) return next;
    // The longest first: few lanes are idle at the end.
    for (let i = abreast - 1, record = 0; i >= 0; i--, record++) {
      const message = this.#order[i]! % COUNT;
      pad(memory.bytes, ats[message]!, lengths[message]!);
      this.#put(record, memory.address + ats[message]!, this.#blocks(i), hashes.address + HASH_BYTES * message);
    }
    calls.write(next++, this.#abreast!, this.#memory.address, this.#records.address, abreast);
    return next;
  }

  /** Once the calls that were written last are made. Throws unless libcrypto did what it was asked for: it returns where the hash is. */
  finish(calls: CallList): void {
    this.#fours?.finish();
    for (const [i, out] of this.#outs.entries()) {
      if (calls.result(this.#firstAlone + i) !== (out | 0)) throw new Error('libcrypto: SHA256 failed');
    }
  }

  /** Of the message that is number `i` by length. */
  #blocks(i: number): number {
    return Math.floor(this.#order[i]! / COUNT);
  }

  /** Sorts by length and returns the blocks of all. */
  #sort(memory: Memory, ats: Uint32Array, lengths: Uint32Array, count: number): number {
    if (count > this.#most) throw new RangeError(`expected at most ${this.#most} messages, got ${count}`);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const padded = paddedBytes(lengths[i]!);
      expectInside(memory, ats[i]!, padded);
      const blocks = padded / BLOCK_BYTES;
      if (blocks >= WIDE / COUNT) throw new RangeError(`expected less than ${WIDE / COUNT} blocks, got ${blocks}`);
      this.#order[i] = blocks * COUNT + i;
      total += blocks;
    }
    this.#order.subarray(0, count).sort();
    return total;
  }

  /** Returns how many messages go abreast, so that all of them are done soonest: the rest, the longest ones, go alone. */
  #cut(count: number, total: number): number {
    if (this.#abreast === null) return 0;
    let [best, least] = [0, this.#costAlone * total];
    let abreast = total;
    for (let last = count; last > 0; last--) {
      const longest = this.#blocks(last - 1);
      const cost = this.#costAlone * (total - abreast) + Math.max(layout.LANES * longest, abreast);
      if (cost < least) [best, least] = [last, cost];
      // With fewer, the lanes would be no fuller.
      if (layout.LANES * longest <= abreast) break;
      abreast -= longest;
    }
    return best;
  }

  #put(record: number, address: number, blocks: number, out: number): void {
    const at = record * RECORD_WORDS;
    put64(this.#recordWords, at + layout.MESSAGE / 4, address);
    this.#recordWords[at + layout.MESSAGE_BLOCKS / 4] = blocks;
    put64(this.#recordWords, at + layout.MESSAGE_OUT / 4, out);
  }
}

/** Ends a message: a one bit, zeros, its length in bits, the highest byte first. */
function pad(bytes: Uint8Array, at: number, length: number): void {
  const end = at + paddedBytes(length);
  bytes[at + length] = 0x80;
  bytes.fill(0, at + length + 1, end - 6);
  for (let i = end - 1, left = length * 8; i >= end - 6; i--, left = Math.floor(left / 256)) bytes[i] = left;
}
