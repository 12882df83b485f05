import { describe, expect, test } from 'vitest';
import { IDENTITY_WORDS, sameIdentity, writeIdentity } from '../src/posix/identity.ts';
import { StatxView } from '../src/posix/statx.ts';
import { FileColumns } from '../src/trees/file-columns.ts';

const ROW_BYTES = 144;

/** Rows of struct statx as they lie in a kernel's memory, some of their bytes above 127. */
function rows(count: number): { readonly words: Uint32Array; readonly stat: (i: number) => StatxView } {
  const view = new DataView(new ArrayBuffer(count * ROW_BYTES));
  for (let at = 0; at < view.byteLength; at++) view.setUint8(at, (at * 151) % 256);
  for (let i = 0; i < count; i++) view.setBigUint64(i * ROW_BYTES + 40, BigInt(1000 + i), true);
  return { words: new Uint32Array(view.buffer), stat: (i) => new StatxView(view, i * ROW_BYTES) };
}

describe('files in columns', () => {
  test('are the same from the memory of a scan as from a stat, whatever the length of their paths', () => {
    const names = [1, 300, 4000, 20_000, 2].map((length, i) => Buffer.alloc(length, 0x61 + i));
    const { words, stat } = rows(names.length);
    const fast = new FileColumns(names.length);
    const slow = new FileColumns(names.length);
    names.forEach((name, i) => {
      const path = Buffer.concat([Buffer.from('../a/'), name, Buffer.from('\0after')]);
      fast.addRow(path, 2, 5 + name.length, words, (i * ROW_BYTES) / 4, 10 * i, 10 * i + 9);
      slow.add(Buffer.from('/a'), name, stat(i));
    });
    const [a, b] = [fast.take(), slow.take()];
    expect(a.paths).toEqual(b.paths);
    expect(a.pathEnds).toEqual(b.pathEnds);
    expect(a.identities).toEqual(b.identities);
    expect([...a.nodeStarts, ...a.nodeEnds]).toEqual([0, 10, 20, 30, 40, 9, 19, 29, 39, 49]);
    let from = 0;
    names.forEach((name, i) => {
      expect(Buffer.from(a.paths.subarray(from, a.pathEnds[i])).equals(Buffer.concat([Buffer.from('/a/'), name]))).toBe(
        true,
      );
      from = a.pathEnds[i]! + 1;
      const identity = new Int32Array(IDENTITY_WORDS);
      writeIdentity(stat(i), identity, 0);
      expect(sameIdentity(identity, 0, a.identities, i * IDENTITY_WORDS)).toBe(true);
    });
    expect(from).toBe(a.paths.length);
  });

  test('reach their limits by number and by size, and begin again when they were taken', () => {
    const { stat } = rows(3);
    const columns = new FileColumns(3);
    for (let i = 0; i < 3; i++) {
      expect(columns.reaches({ files: 3, bytes: 10_000 })).toBe(false);
      expect(columns.reaches({ files: 9, bytes: 2001 })).toBe(i === 2);
      columns.add(Buffer.from('/'), Buffer.from('x'), stat(i));
    }
    expect(columns.reaches({ files: 3, bytes: 10_000 })).toBe(true);
    const taken = columns.take();
    expect(columns.count).toBe(0);
    expect(columns.reaches({ files: 1, bytes: 1 })).toBe(false);
    columns.add(Buffer.from('/'), Buffer.from('another'), stat(0));
    expect(Buffer.from(taken.paths).toString()).toBe('//x\0//x\0//x\0');
    expect(Buffer.from(columns.take().paths).toString()).toBe('//another\0');
  });
});
