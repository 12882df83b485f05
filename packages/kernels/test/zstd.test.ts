import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodePlatform } from '../src/index.ts';
import { memoryOf } from '../src/memory.ts';
import { addonZstd } from '../src/zstd/addon-zstd.ts';
import type { Zstd } from '../src/zstd/contract.ts';
import { frames } from '../src/zstd/frames.ts';
import { libraryZstd } from '../src/zstd/library-zstd.ts';
import { zlibZstd } from '../src/zstd/zlib-zstd.ts';
import { noise } from './chunks.ts';

const SEED = 20_260_105;
const MiB = 1024 * 1024;
const ALL: readonly (readonly ['libzstd' | 'node:zlib' | 'add-on', Zstd | null])[] = [
  ['libzstd', libraryZstd()],
  ['node:zlib', zlibZstd()],
  ['add-on', addonZstd()],
];
const PRESENT = ALL.filter((entry): entry is readonly [(typeof entry)[0], Zstd] => entry[1] !== null);

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const damaged = expect.objectContaining({ code: 'ZSTD_DAMAGED' });
const tooLarge = expect.objectContaining({ code: 'ZSTD_TOO_LARGE' });
const failureOf = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error;
  }
};

/** A frame without content size: one block that repeats `byte` `size` times, `blocks` times over. */
function repeating(blocks: number, size = 131_072): Uint8Array {
  const header = hex('28b52ffd0058'); // window descriptor 0x58: 2 MiB
  const body = Array.from({ length: blocks }, (_, i) => {
    const bits = (size << 3) | (1 << 1) | Number(i === blocks - 1);
    return [bits & 0xff, (bits >> 8) & 0xff, bits >> 16, 0x61];
  });
  return Uint8Array.from([...header, ...body.flat()]);
}

const content = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(fc.integer({ min: 0, max: 400_000 }), fc.integer()).map(([n, seed]) => noise(n, seed)),
  fc.integer({ min: 0, max: 600_000 }).map((n) => Buffer.alloc(n, 'a line of text that comes again and again\n')),
);

for (const [name, found] of ALL) {
  describe.skipIf(found === null)(`zstd by ${name}`, () => suite(found!));
}

function suite(zstd: Zstd): void {
  test('opens what every other implementation made', () => {
    fc.assert(
      fc.property(content, fc.constantFrom(1, 3, 9, 19), (data, level) => {
        for (const [, other] of PRESENT) {
          const frame = other.compress(data, level);
          expect(Buffer.compare(zstd.decompress(frame, data.length), data)).toBe(0);
        }
      }),
      { seed: SEED, numRuns: 15 },
    );
  });

  test('makes a frame of nothing, and nothing of the frame', () => {
    expect(zstd.decompress(zstd.compress(new Uint8Array(0), 3), 0)).toHaveLength(0);
  });

  test('makes repetition small', () => {
    expect(zstd.compress(new Uint8Array(8 * MiB), 3).length).toBeLessThan(2000);
  });

  test('reads from and writes to shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3 * MiB));
    const data = shared.subarray(1, MiB);
    data.set(noise(data.length, 5));
    const frame = zstd.compress(data, 3, shared.subarray(MiB));
    expect(frame.buffer).toBe(shared.buffer);
    expect(frame.byteOffset).toBe(MiB);
    const out = new Uint8Array(new SharedArrayBuffer(data.length));
    const back = zstd.decompress(frame, data.length, out);
    expect(back.buffer).toBe(out.buffer);
    expect(Buffer.compare(back, data)).toBe(0);
  });

  test('gives new memory when the place offered is too small', () => {
    const data = noise(1000, 1);
    const place = new Uint8Array(999);
    const frame = zstd.compress(data, 3, place);
    expect(frame.buffer).not.toBe(place.buffer);
    expect(zstd.compress(new Uint8Array(1000), 3, place).buffer).toBe(place.buffer);
    expect(zstd.decompress(frame, 1000, place).buffer).not.toBe(place.buffer);
    expect(place.some(Boolean)).toBe(true);
  });

  test('keeps results apart: the next call does not change an earlier one', () => {
    const first = zstd.compress(Buffer.from('first, first, first'), 3);
    const copy = Buffer.from(first);
    zstd.compress(Buffer.from('something else'), 3);
    expect(Buffer.compare(first, copy)).toBe(0);
  });

  test('reads several frames in a row, and skips skippable ones', () => {
    const [a, b] = [zstd.compress(Buffer.from('one '), 3), zstd.compress(Buffer.from('two'), 3)];
    const skippable = hex('502a4d1803000000ffffff');
    expect(Buffer.from(zstd.decompress(Buffer.concat([a, skippable, b]), 7)).toString()).toBe('one two');
    expect(failureOf(() => zstd.decompress(Buffer.concat([a, b]), 6))).toEqual(tooLarge);
  });

  test('stops at the allowed size, whether or not the frame tells its own', () => {
    const frame = zstd.compress(Buffer.alloc(100_000, 'ab'), 3);
    expect(zstd.decompress(frame, 100_000)).toHaveLength(100_000);
    expect(failureOf(() => zstd.decompress(frame, 99_999))).toEqual(tooLarge);
    expect(zstd.decompress(repeating(3), 3 * 131_072)).toHaveLength(3 * 131_072);
    expect(failureOf(() => zstd.decompress(repeating(3), 3 * 131_072 - 1))).toEqual(tooLarge);
  });

  test('does not decode a bomb', () => {
    const before = process.memoryUsage().rss;
    expect(failureOf(() => zstd.decompress(repeating(40_000), MiB))).toEqual(tooLarge); // 5 GiB
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MiB);
  });

  test('refuses damage: empty input, other bytes, every truncation, a size that lies', () => {
    const frame = zstd.compress(noise(1000, 9), 3);
    for (const bytes of [new Uint8Array(0), Buffer.from('{"plain":"json"}'), ...prefixes(frame)]) {
      expect(failureOf(() => zstd.decompress(bytes, MiB))).toEqual(damaged);
    }
    const lying = hex(`28b52ffd20ff${'090000'}61`); // says 255 bytes, holds one
    expect(failureOf(() => zstd.decompress(lying, MiB))).toEqual(damaged);
  });

  test('compresses by address into exactly the room it is given, or says that there is none', () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 0, max: 50 }), fc.integer({ min: -40, max: 2000 }), (data, at, more) => {
        const memory = memoryOf(Buffer.concat([Buffer.alloc(at, 1), data, Buffer.alloc(9)]));
        const whole = zstd.compress(data, 3).length;
        const room = Math.max(0, whole + more);
        const into = memoryOf(new Uint8Array(room + 20).fill(7));
        const size = zstd.compressAt(memory, at, data.length, 3, into, 10, room);
        const plenty = data.length * 1.01 + 1024;
        if (room < whole) expect(size).toBe(-1);
        else if (room >= plenty) expect(size).toBe(whole);
        if (size >= 0) {
          const frame = into.bytes.slice(10, 10 + size);
          expect(Buffer.compare(zstd.decompress(frame, data.length), data)).toBe(0);
        }
        expect(into.bytes.subarray(0, 10).every((byte) => byte === 7)).toBe(true);
        expect(into.bytes.subarray(10 + room).every((byte) => byte === 7)).toBe(true);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  test('refuses ranges outside of either memory', () => {
    const memory = memoryOf(new Uint8Array(100));
    expect(() => zstd.compressAt(memory, 90, 11, 3, memory, 0, 50)).toThrow(RangeError);
    expect(() => zstd.compressAt(memory, 0, 10, 3, memory, 60, 41)).toThrow(RangeError);
  });

  test('refuses levels that zstd does not have', () => {
    for (const level of [0, 23, 1.5, Number.NaN]) {
      expect(() => zstd.compress(new Uint8Array(1), level)).toThrow(RangeError);
    }
  });
}

function prefixes(frame: Uint8Array): Uint8Array[] {
  return [1, 3, 4, 5, 8, 9, 100, frame.length - 1].map((n) => frame.subarray(0, n));
}

describe('the walk over frames', () => {
  test('reads declared sizes of all widths', () => {
    const { zstdCompress } = nodePlatform();
    for (const size of [1, 255, 256, 257, 65_791, 65_792, 100_000]) {
      const [frame] = frames(zstdCompress(noise(size, size), 3));
      expect(frame!.declared ?? size, `size ${size}`).toBe(size);
      expect(frame!.most).toBeGreaterThanOrEqual(size);
    }
  });

  test('knows exactly what blocks without compression hold', () => {
    expect(frames(repeating(2, 1000))).toEqual([{ start: 0, end: 14, declared: null, most: 2000 }]);
  });
});
