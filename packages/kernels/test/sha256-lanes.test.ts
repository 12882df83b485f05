import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { libcrypto } from '../src/crypto/libcrypto.ts';
import { nodePlatform, type Platform, type Sha256 } from '../src/index.ts';

const SEED = 20_261_130;
/** More than the longest two ranges of a message. */
const BYTES = 400_000;

const nodeHash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const said = (hash: Sha256): string => Buffer.from(hash.digest()).toString('hex');

/** Around the ends of blocks and of the padding, and everything between. */
const length = fc.oneof(
  fc.constantFrom(0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129),
  fc.integer({ min: 0, max: 100 }).map((blocks) => 64 * blocks),
  fc.integer({ min: 0, max: 3000 }),
  fc.integer({ min: 0, max: 150_000 }),
);
const offset = fc.integer({ min: 0, max: 70 });

describe.each([
  ['native', {}],
  ['fallback', { native: false }],
])('two hashes at once on the %s platform', (_name, options) => {
  const platform = nodePlatform(options);
  const memory = platform.memory(new Uint8Array(randomBytes(BYTES)));
  const other = platform.memory(new Uint8Array(new SharedArrayBuffer(BYTES)));
  other.bytes.set(randomBytes(BYTES));

  test('are those of node:crypto, whatever the lengths', () => {
    const [first, second] = [platform.sha256Stream(), platform.sha256Stream()];
    fc.assert(
      fc.property(length, offset, length, offset, (firstLength, firstAt, secondLength, secondAt) => {
        platform.sha256Both(first, memory, firstAt, firstLength, second, other, secondAt, secondLength);
        expect(said(first)).toBe(nodeHash(memory.bytes.subarray(firstAt, firstAt + firstLength)));
        expect(said(second)).toBe(nodeHash(other.bytes.slice(secondAt, secondAt + secondLength)));
      }),
      { seed: SEED, numRuns: 400 },
    );
  });

  test('go on from any state, in pieces, with either beside the other or alone', () => {
    const piece = fc.record({ kind: fc.constantFrom('both', 'turned', 'at', 'view'), length, other: length, offset });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const [first, second] = [platform.sha256Stream(), platform.sha256Stream()];
        const [left, right]: Uint8Array[][] = [[], []];
        for (const { kind, length: n, other: m, offset: at } of pieces) {
          left!.push(memory.bytes.subarray(at, at + n));
          if (kind === 'at') first.updateAt(memory, at, n);
          else if (kind === 'view') first.update(memory.bytes.subarray(at, at + n));
          else {
            right!.push(other.bytes.slice(1, 1 + m));
            if (kind === 'both') platform.sha256Both(first, memory, at, n, second, other, 1, m);
            else platform.sha256Both(second, other, 1, m, first, memory, at, n);
          }
        }
        expect(said(first)).toBe(nodeHash(Buffer.concat(left!)));
        expect(said(second)).toBe(nodeHash(Buffer.concat(right!)));
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  test('stay inside their memory', () => {
    const [first, second] = [platform.sha256Stream(), platform.sha256Stream()];
    for (const [at, size] of [
      [-1, 10],
      [BYTES - 5, 6],
      [0, -1],
      [Number.NaN, 1],
    ] as const) {
      expect(() => platform.sha256Both(first, memory, at, size, second, other, 0, 10)).toThrow(RangeError);
      expect(() => platform.sha256Both(second, other, 0, 0, first, memory, at, size)).toThrow(RangeError);
    }
  });

  test('return a digest that is the caller’s', () => {
    const stream = platform.sha256Stream();
    stream.update(Buffer.from('abc'));
    const digest = stream.digest();
    stream.update(Buffer.from('abcd'));
    stream.digest();
    expect(Buffer.from(digest).toString('hex')).toBe(nodeHash(Buffer.from('abc')));
  });
});

test('hashes of two platforms can be brought together, which is slower and not wrong', () => {
  const [native, fallback] = [nodePlatform(), nodePlatform({ native: false })];
  const data = native.memory(new Uint8Array(randomBytes(1000)));
  const [first, second] = [native.sha256Stream(), fallback.sha256Stream()];
  native.sha256Both(first, data, 0, 900, second, data, 100, 900);
  expect(said(first)).toBe(nodeHash(data.bytes.subarray(0, 900)));
  expect(said(second)).toBe(nodeHash(data.bytes.subarray(100)));
});

test('lengths beyond 2^32 bits are padded right', () => {
  const platform: Platform = nodePlatform();
  const memory = platform.memory(new Uint8Array(64 << 20).fill(3));
  const [stream, beside] = [platform.sha256Stream(), platform.sha256Stream()];
  const expected = createHash('sha256');
  for (let i = 0; i < 9; i++) {
    platform.sha256Both(stream, memory, 0, memory.bytes.length, beside, memory, 0, 100);
    expected.update(memory.bytes);
  }
  expect(said(stream)).toBe(expected.digest('hex'));
});

test('the platform says whether it has lanes', () => {
  const there = libcrypto()?.sha256Blocks?.lanes != null;
  expect(nodePlatform().name.includes('in two lanes')).toBe(there);
  expect(nodePlatform({ native: false }).name).not.toContain('lanes');
});
