/** Files made many at a time, beside what Node's own calls tell of them. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type NewFile, posix } from '../src/index.ts';

const list = posix().newFileList;
const bytes = (text: string): Buffer => Buffer.from(text);

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostark-file-list-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Whether files without a name can be made here, and linked by their descriptors. */
function works(): boolean {
  const files = posix().newFiles;
  if (list === null || files === null) return false;
  const inside = fs.mkdtempSync(path.join(os.tmpdir(), 'hostark-file-list-'));
  try {
    list.add(newFile(bytes(inside), 'try'), bytes(''));
    let left = 0;
    list.make(() => left++);
    return left === 0;
  } finally {
    fs.rmSync(inside, { recursive: true });
  }
}

function newFile(inside: Uint8Array, name: string, fields: Partial<NewFile> = {}): NewFile {
  const times = { atimeS: -5, atimeNs: 999_999_999, mtimeS: 4_300_000_000, mtimeNs: 7 };
  return { folder: inside, name: bytes(name), created: 0o640, owner: null, permissions: null, ...times, ...fields };
}

function make(files: readonly [NewFile, string][]): [number, string][] {
  const left: [number, string][] = [];
  for (const [file, content] of files) list!.add(file, bytes(content));
  list!.make((number, data) => left.push([number, Buffer.from(data).toString()]));
  return left;
}

describe.skipIf(!works())('many files at a time', () => {
  test('are all there, with their content and metadata', () => {
    const [a, b] = [bytes(path.join(folder, 'a')), bytes(path.join(folder, 'b'))];
    for (const inside of [a, b]) fs.mkdirSync(inside);
    const files = Array.from({ length: 40 }, (_, i): [NewFile, string] => {
      const permissions = i % 3 === 0 ? 0o4751 : null;
      const owner = i % 4 === 0 ? { uid: process.getuid!(), gid: process.getgid!() } : null;
      return [newFile(i % 7 < 3 ? a : b, `file-${i}`, { permissions, owner }), 'x'.repeat(i)];
    });
    expect(make(files)).toEqual([]);
    for (const [{ folder: inside, name, permissions }, content] of files) {
      const made = path.join(inside.toString(), name.toString());
      const stat = fs.statSync(made, { bigint: true });
      expect([stat.mode & 0o7777n, stat.nlink]).toEqual([BigInt(permissions ?? 0o640), 1n]);
      expect([stat.atimeNs, stat.mtimeNs]).toEqual([-4_000_000_001n, 4_300_000_000_000_000_007n]);
      expect(fs.readFileSync(made, 'utf8')).toBe(content);
    }
  });

  test('but for those that cannot be: a name that is taken, a folder that is not there, a name that is too long', () => {
    const inside = bytes(folder);
    fs.writeFileSync(path.join(folder, 'taken'), 'mine');
    const left = make([
      [newFile(inside, 'first'), '1'],
      [newFile(inside, 'taken'), '2'],
      [newFile(bytes(path.join(folder, 'missing')), 'third'), '3'],
      [newFile(inside, 'n'.repeat(256)), '4'],
      [newFile(inside, 'fifth'), '5'],
    ]);
    expect(left).toEqual([
      [1, '2'],
      [2, '3'],
      [3, '4'],
    ]);
    expect(fs.readdirSync(folder).sort()).toEqual(['fifth', 'first', 'taken']);
    expect(fs.readFileSync(path.join(folder, 'taken'), 'utf8')).toBe('mine');
    const open = fs.readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith(folder));
    expect(open).toEqual([]);
  });

  test('are as many as there is room for', () => {
    const inside = bytes(folder);
    const small = newFile(inside, 'small');
    let count = 0;
    for (; list!.hasRoom(newFile(inside, `f${count}`), bytes('')); count++)
      list!.add(newFile(inside, `f${count}`), bytes(''));
    expect(() => list!.add(small, bytes(''))).toThrow(RangeError);
    expect(make([])).toEqual([]);
    expect(fs.readdirSync(folder)).toHaveLength(count);
    expect(list!.hasRoom(small, bytes(''))).toBe(true);
  });

  test('are not such that C would see under another name, nor large ones', () => {
    expect(list!.takes(newFile(bytes(folder), 'a'), new Uint8Array(64 << 10))).toBe(true);
    expect(list!.takes(newFile(bytes(folder), 'a\0b'), bytes(''))).toBe(false);
    expect(list!.takes(newFile(bytes(folder), 'a'), new Uint8Array((64 << 10) + 1))).toBe(false);
  });

  test.skipIf(process.getuid?.() !== 0)('have other owners where that is wanted', () => {
    const owner = { uid: 77, gid: 4_294_967_294 };
    expect(make([[newFile(bytes(folder), 'theirs', { owner, permissions: 0o2755 }), 'x']])).toEqual([]);
    const stat = fs.statSync(path.join(folder, 'theirs'));
    expect([stat.uid, stat.gid, stat.mode & 0o7777]).toEqual([77, 4_294_967_294, 0o2755]);
  });
});

function linkOf(fd: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

test('without native calls there is no list', () => {
  expect(posix({ native: false }).newFileList).toBeNull();
});
