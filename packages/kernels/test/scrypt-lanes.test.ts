import { scryptSync } from 'node:crypto';
import { cachedDataVersionTag } from 'node:v8';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyThrough } from '../src/crypto/lane-mixer.ts';
import { laneMixer } from '../src/crypto/scrypt-lanes.ts';

function derive(n: number, r: number, p: number): Promise<Uint8Array> {
  return keyThrough(laneMixer(n, r)!, Buffer.from('password'), Buffer.from('salt'), r, p, 48);
}

test('scrypt in WebAssembly is that of node:crypto, for an even and an odd number of lanes', async () => {
  const parameters = [fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 })];
  await fc.assert(
    fc.asyncProperty(
      ...(parameters as [fc.Arbitrary<number>, fc.Arbitrary<number>, fc.Arbitrary<number>]),
      async (log, r, p) => {
        const n = 2 ** log;
        expect(Buffer.from(await derive(n, r, p))).toEqual(scryptSync('password', 'salt', 48, { N: n, r, p }));
      },
    ),
    { seed: 20_261_202, numRuns: 60 },
  );
});

test('its compiler flags are all taken back: threads take the code that Node was built with', () => {
  const built = cachedDataVersionTag();
  laneMixer(16, 1);
  expect(cachedDataVersionTag()).toBe(built);
});
