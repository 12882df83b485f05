/** Packs read past the page cache, several by turns, beside the bytes they were made of. */
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodePlatform } from '@hostark/kernels';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PackSource, PackStreams } from '../../src/disk/pack-streams.ts';

const SEED = 20_261_201;
const MOST = 3;
const STRETCH = 256 << 10;
/** None, less than a page, up to the end of a stretch and across it, and more than are under way. */
const LENGTHS = [0, 1, 4097, STRETCH, STRETCH + 1, 3 * STRETCH - 5];

const content = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13 + seed) & 0xff);

let folder: string;
const packs = LENGTHS.map((length, i) => ({ name: `pack-${i}`, bytes: content(length, i) }));
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostark-streams-'));
  for (const { name, bytes } of packs) writeFileSync(join(folder, name), bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

const openHere = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;

describe.skipIf(!PackStreams.areAvailable)('packs in streams', () => {
  const streams = (): PackStreams => PackStreams.create(nodePlatform(), MOST)!;

  test('give their bytes, in pieces of any size, by turns', () => {
    const reader = streams();
    const whole = fc.array(fc.nat({ max: packs.length - 1 }), { minLength: 1, maxLength: MOST });
    const sizes = fc.array(fc.integer({ min: 5000, max: STRETCH + 5000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(whole, sizes, (chosen, steps) => {
        const open = chosen.map((pack) => ({ bytes: packs[pack]!.bytes, source: reader.open(pathOf(pack)), at: 0 }));
        try {
          for (const { source, bytes } of open) expect(source.length).toBe(bytes.length);
          for (let turn = 0; open.some(({ at, bytes }) => at < bytes.length); turn++) {
            const one = open[turn % open.length]!;
            const out = new Uint8Array(Math.min(steps[turn % steps.length]!, one.bytes.length - one.at));
            one.source.read(one.at, out);
            expect(Buffer.compare(out, one.bytes.subarray(one.at, one.at + out.length))).toBe(0);
            one.at += out.length;
            // A look back, at what is in memory or no longer there.
            const back = Math.min(one.at, (steps[turn % steps.length]! * 7) % (2 * STRETCH));
            const before = new Uint8Array(Math.min(back, 1000));
            one.source.read(one.at - back, before);
            expect(Buffer.compare(before, one.bytes.subarray(one.at - back, one.at - back + before.length))).toBe(0);
          }
        } finally {
          for (const { source } of open) source.close();
        }
      }),
      { seed: SEED, numRuns: 40 },
    );
    reader.close();
    expect(openHere()).toBe(0);
  });

  test('say so when there is less than there was, or nothing', () => {
    const reader = streams();
    const path = join(folder, 'short');
    writeFileSync(path, content(3 * STRETCH, 9));
    const source = reader.open(path);
    const fd = openSync(path, 'r+');
    ftruncateSync(fd, 5000);
    closeSync(fd);
    const read = (): void => {
      for (let at = 0; at < 3 * STRETCH; at += STRETCH) source.read(at, new Uint8Array(STRETCH));
    };
    expect(read).toThrow(new RangeError('the file ended early'));
    source.close();
    expect(() => reader.open(join(folder, 'nothing'))).toThrow(/ENOENT/);
    reader.close();
    expect(openHere()).toBe(0);
  });

  test('may be closed at any time, and are no more than there is memory for', () => {
    const reader = streams();
    const open: PackSource[] = [];
    for (let i = 0; i < MOST; i++) open.push(reader.open(pathOf(5)));
    expect(() => reader.open(pathOf(5))).toThrow(new RangeError('expected fewer packs to be open'));
    expect(openHere()).toBe(MOST);
    for (const source of open) source.close();
    const again = reader.open(pathOf(5));
    again.read(0, new Uint8Array(10));
    again.close();
    reader.close();
    expect(openHere()).toBe(0);
  });

  const pathOf = (pack: number): string => join(folder, packs[pack]!.name);
});
