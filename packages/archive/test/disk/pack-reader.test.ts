import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { objectPath, type PackId } from '@hostark/repository';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PackReader } from '../../src/disk/pack-reader.ts';

const [first, second, missing] = ['a', 'b', 'c'].map((digit) => digit.repeat(64) as PackId) as [PackId, PackId, PackId];

let directory: string;
let contents: Map<PackId, Buffer>;
let reader: PackReader;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pack-reader-'));
  contents = new Map([
    [first, randomBytes(3 << 20)],
    [second, randomBytes(5000)],
  ]);
  for (const [name, bytes] of contents) {
    const path = join(directory, objectPath({ type: 'data', name }));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  reader = new PackReader(directory);
});

afterEach(() => {
  reader.close();
  rmSync(directory, { recursive: true });
});

test('reads ranges of one pack and of another, short and long', () => {
  const ranges: [PackId, number, number][] = [
    [first, 17, 1000],
    [first, 0, 2 << 20],
    [second, 4000, 1000],
    [first, (3 << 20) - 1, 1],
  ];
  for (const [pack, offset, length] of ranges) {
    const expected = contents.get(pack)!.subarray(offset, offset + length);
    expect(Buffer.compare(reader.read(pack, { offset, length })!, expected)).toBe(0);
  }
});

test('says where a pack ends too early, and throws where there is none', () => {
  expect(reader.read(second, { offset: 4000, length: 1001 })).toBeNull();
  expect(() => reader.read(missing, { offset: 0, length: 1 })).toThrow('ENOENT');
  // The one before is closed, and opened again when it is asked for.
  expect(reader.read(second, { offset: 0, length: 10 })).toHaveLength(10);
});

test('holds one file open, and none after close()', () => {
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  for (const pack of [first, second, first]) reader.read(pack, { offset: 0, length: 1 });
  expect(open()).toBe(before + 1);
  reader.close();
  expect(open()).toBe(before);
});
