/** Files with long runs of zeros are cut where the chunker alone would cut them, and their zero chunks are known as such. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScanner, MIN_CHUNK } from '@hostark/kernels';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { ARENA_BYTES, FileCutter } from '../../src/pool/file-cutter.ts';
import { noise } from '../support/test-repository.ts';

const POLYNOMIAL = 0x3da3358b4dc173n;
const folder = mkdtempSync(join(tmpdir(), 'hostark-cutter-'));
const path = join(folder, 'file');
const cutter = new FileCutter(createScanner(POLYNOMIAL, ARENA_BYTES));
const whole = createScanner(POLYNOMIAL, 24 << 20);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `holes`: runs of zeros are not written. */
async function chunksOf(content: Uint8Array, holes: boolean): Promise<{ length: number; zeros: boolean }[]> {
  if (holes) writeSparse(content);
  else writeFileSync(path, content);
  const fd = openSync(path, 'r');
  const chunks: { length: number; zeros: boolean }[] = [];
  try {
    const range = { from: 0, end: null, fileSize: content.length };
    const sink = (length: number, zeros: boolean): undefined => void chunks.push({ length, zeros });
    expect(await cutter.cut(fd, range, sink, () => false)).toBe(content.length);
  } finally {
    closeSync(fd);
  }
  return chunks;
}

function writeSparse(content: Uint8Array): void {
  const fd = openSync(path, 'w');
  const page = 4096;
  for (let at = 0; at < content.length; at += page) {
    const bytes = content.subarray(at, at + page);
    if (Buffer.compare(bytes, new Uint8Array(bytes.length)) !== 0) writeSync(fd, bytes, 0, bytes.length, at);
  }
  ftruncateSync(fd, content.length);
  closeSync(fd);
}

/** By the scanner alone, in memory. */
function expectedOf(content: Uint8Array): number[] {
  whole.arena.set(content);
  const lengths: number[] = [];
  for (let at = 0; at < content.length; ) {
    const end = whole.cut(at, content.length, true);
    lengths.push(end - at);
    at = end;
  }
  return lengths;
}

const stretch = fc.record({ zeros: fc.boolean(), length: fc.integer({ min: 0, max: 3 << 20 }), seed: fc.nat(1000) });

test('zeros and holes change no cut', async () => {
  let zeroChunks = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(stretch, { minLength: 1, maxLength: 7 }), fc.boolean(), async (stretches, holes) => {
      const content = Buffer.concat(
        stretches.map(({ zeros, length, seed }) => (zeros ? Buffer.alloc(length) : noise(length, seed))),
      );
      const chunks = await chunksOf(content, holes);
      expect(chunks.map(({ length }) => length)).toEqual(expectedOf(content));
      let at = 0;
      for (const { length, zeros } of chunks) {
        const isZeros = length === MIN_CHUNK && content.subarray(at, at + length).every((byte) => byte === 0);
        expect(zeros).toBe(isZeros);
        zeroChunks += zeros ? 1 : 0;
        at += length;
      }
    }),
    { seed: 20_261_130, numRuns: 16 },
  );
  expect(zeroChunks).toBeGreaterThan(20);
});

test('zeros of every length around a chunk are all there', async () => {
  for (const length of [MIN_CHUNK - 1, MIN_CHUNK, MIN_CHUNK + 1, 3 * MIN_CHUNK]) {
    for (const holes of [false, true]) {
      const chunks = await chunksOf(Buffer.alloc(length), holes);
      expect(chunks.map((chunk) => chunk.length)).toEqual(expectedOf(Buffer.alloc(length)));
      expect(chunks[0]!.zeros).toBe(length >= MIN_CHUNK);
    }
  }
});
