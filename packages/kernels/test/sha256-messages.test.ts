/** Hashes of many whole messages, as calls of a list, are those of node:crypto, whatever their number and lengths. */
import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { paddedBytes, Sha256Messages } from '../src/crypto/sha256-messages.ts';
import { CallList } from '../src/machine/call-list.ts';
import { processorFeatures } from '../src/machine/features.ts';
import { type Memory, memoryOf } from '../src/memory.ts';

const SEED = 20_261_204;
const MOST = 100;
const BYTES = 2_000_000;
const HASH_BYTES = 32;
const noise = randomBytes(BYTES);
const isX64Linux = process.platform === 'linux' && process.arch === 'x64';

const nodeHash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Around the ends of blocks and of the padding, many of one length, now and then one that is longer than all others. */
const length = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 54, 55, 56, 63, 64, 65, 118, 119, 120, 128) },
  { weight: 3, arbitrary: fc.constant(4096) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 300_000 }) },
);
const messages = fc.array(fc.record({ length, gap: fc.nat(70) }), { maxLength: 90, size: 'max' });

describe.skipIf(!isX64Linux)('hashes of messages in a list', () => {
  const calls = CallList.create(MOST + 1)!;
  const hashing = new Sha256Messages(MOST);
  /** Runs the list; returns of how many calls it consisted. */
  const hash = (memory: Memory, ats: Uint32Array, lengths: Uint32Array, hashes: Memory): number => {
    const end = hashing.write(calls, 1, memory, ats, lengths, ats.length, hashes);
    calls.run(1, end);
    hashing.finish(calls);
    return end - 1;
  };

  test('are right, and nothing between the messages is touched', () => {
    let [most, fewest] = [0, Number.POSITIVE_INFINITY];
    const check = (given: readonly { length: number; gap: number }[]): void => {
      let end = 0;
      const ats = new Uint32Array(given.length);
      const lengths = Uint32Array.from(given, (message) => message.length);
      for (const [i, { gap }] of given.entries()) {
        ats[i] = end + gap;
        end = ats[i]! + paddedBytes(lengths[i]!);
      }
      fc.pre(end < BYTES);
      const memory = memoryOf(new Uint8Array(noise.subarray(0, end + 70)));
      const hashes = memoryOf(new Uint8Array(given.length * HASH_BYTES + 200).fill(9));
      const made = hash(memory, ats, lengths, hashes);
      if (given.length > 50) [most, fewest] = [Math.max(most, made), Math.min(fewest, made)];
      let before = 0;
      for (const [i, at] of ats.entries()) {
        const found = Buffer.from(hashes.bytes.subarray(HASH_BYTES * i, HASH_BYTES * (i + 1)));
        expect(found.toString('hex')).toBe(nodeHash(noise.subarray(at, at + lengths[i]!)));
        expect(Buffer.compare(memory.bytes.subarray(before, at), noise.subarray(before, at))).toBe(0);
        const content = memory.bytes.subarray(at, at + lengths[i]!);
        expect(Buffer.compare(content, noise.subarray(at, at + lengths[i]!))).toBe(0);
        before = at + paddedBytes(lengths[i]!);
      }
      expect(Buffer.compare(memory.bytes.subarray(before), noise.subarray(before, end + 70))).toBe(0);
      expect(hashes.bytes.subarray(given.length * HASH_BYTES).every((byte) => byte === 9)).toBe(true);
    };
    fc.assert(fc.property(messages, check), { seed: SEED, numRuns: 150 });
    // Both ways were gone: all in lanes, and long ones by themselves.
    if (processorFeatures().avx512) {
      expect(fewest).toBeLessThan(6);
      expect(most).toBeGreaterThan(10);
    }
  });

  test('the content may come after the calls are written', () => {
    const memory = memoryOf(new Uint8Array(20 * 128));
    const [ats, lengths] = [Uint32Array.from({ length: 20 }, (_, i) => 128 * i), new Uint32Array(20).fill(100)];
    const hashes = memoryOf(new Uint8Array(20 * HASH_BYTES));
    const end = hashing.write(calls, 0, memory, ats, lengths, 20, hashes);
    for (const at of ats) memory.bytes.set(noise.subarray(at, at + 100), at);
    calls.run(0, end);
    hashing.finish(calls);
    for (const [i, at] of ats.entries()) {
      const found = Buffer.from(hashes.bytes.subarray(HASH_BYTES * i, HASH_BYTES * (i + 1)));
      expect(found.toString('hex')).toBe(nodeHash(noise.subarray(at, at + 100)));
    }
  });

  test('of none are none; more than there is room for are refused', () => {
    const memory = memoryOf(new Uint8Array((MOST + 1) * 64));
    const ats = Uint32Array.from({ length: MOST + 1 }, (_, i) => 64 * i);
    const lengths = new Uint32Array(MOST + 1);
    const hashes = memoryOf(new Uint8Array((MOST + 1) * HASH_BYTES));
    expect(hash(memory, ats.subarray(0, 0), lengths, hashes)).toBe(0);
    hash(memory, ats.subarray(0, MOST), lengths, hashes);
    const last = Buffer.from(hashes.bytes.subarray((MOST - 1) * HASH_BYTES, MOST * HASH_BYTES));
    expect(last.toString('hex')).toBe(nodeHash(new Uint8Array(0)));
    expect(() => hash(memory, ats, lengths, hashes)).toThrow(RangeError);
  });

  test('a message must have room for its padding, and hashes theirs', () => {
    const memory = memoryOf(new Uint8Array(640));
    const hashes = memoryOf(new Uint8Array(320));
    const ats = Uint32Array.from({ length: 10 }, (_, i) => 64 * i);
    hash(memory, ats, new Uint32Array(10).fill(55), hashes);
    expect(() => hash(memory, ats, new Uint32Array(10).fill(56), hashes)).toThrow(RangeError);
    expect(() => hash(memory, ats, new Uint32Array(10), memoryOf(new Uint8Array(319)))).toThrow(RangeError);
  });
});
