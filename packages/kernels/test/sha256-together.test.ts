/** Many hashes at once are those of node:crypto, however many there are and wherever each ends. */
import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Sha256Vectors } from '../src/crypto/sha256-vectors.ts';
import { nodePlatform, type Sha256 } from '../src/index.ts';
import { processorFeatures } from '../src/machine/features.ts';

const SEED = 20_261_201;
const BYTES = 120_000;

const nodeHash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const said = (hash: Sha256): string => Buffer.from(hash.digest()).toString('hex');

/** Around the ends of blocks and of the padding, many of one length, and everything between. */
const length = fc.oneof(
  fc.constantFrom(0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 65_536),
  fc.constant(4096),
  fc.integer({ min: 0, max: 3000 }),
  fc.integer({ min: 0, max: 70_000 }),
);

describe.each([
  ['native', {}],
  ['fallback', { native: false }],
])('many hashes at once on the %s platform', (_name, options) => {
  const platform = nodePlatform(options);
  const memory = platform.memory(new Uint8Array(new SharedArrayBuffer(BYTES)));
  memory.bytes.set(randomBytes(BYTES));

  test('go on from any state, each as far as its ranges reach', () => {
    const range = fc.record({ length, at: fc.integer({ min: 0, max: 70 }) });
    const rounds = fc
      .integer({ min: 0, max: 20 })
      .chain((count) =>
        fc.array(fc.array(range, { minLength: count, maxLength: count }), { minLength: 1, maxLength: 3 }),
      );
    fc.assert(
      fc.property(rounds, (given) => {
        const hashes = given[0]!.map(() => platform.sha256Stream());
        const messages: Uint8Array[][] = hashes.map(() => []);
        for (const ranges of given) {
          platform.sha256Together(ranges.map((range, i) => ({ hash: hashes[i]!, memory, ...range })));
          for (const [i, { at, length: n }] of ranges.entries()) messages[i]!.push(memory.bytes.slice(at, at + n));
        }
        for (const [i, hash] of hashes.entries()) expect(said(hash)).toBe(nodeHash(Buffer.concat(messages[i]!)));
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  test('stay inside their memory', () => {
    const parts = Array.from({ length: 12 }, () => ({ hash: platform.sha256Stream(), memory, at: 0, length: 100 }));
    for (const [at, size] of [
      [-1, 10],
      [BYTES - 5, 6],
      [0, -1],
    ] as const) {
      const outside = { hash: platform.sha256Stream(), memory, at, length: size };
      expect(() => platform.sha256Together([...parts, outside])).toThrow(RangeError);
    }
  });
});

test('hashes of two platforms can be brought together', () => {
  const [native, fallback] = [nodePlatform(), nodePlatform({ native: false })];
  const data = native.memory(new Uint8Array(randomBytes(1000)));
  const hashes = Array.from({ length: 12 }, (_, i) => (i === 7 ? fallback : native).sha256Stream());
  native.sha256Together(hashes.map((hash) => ({ hash, memory: data, at: 0, length: 1000 })));
  for (const hash of hashes) expect(said(hash)).toBe(nodeHash(data.bytes));
});

test('vectors are there where the processor has them', () => {
  expect(Sha256Vectors.create(true) !== null).toBe(processorFeatures().avx512);
});
