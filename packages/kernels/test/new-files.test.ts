/** Files without a name, beside what Node's own calls tell of them. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { posix } from '../src/index.ts';

const files = posix().newFiles;
const bytes = (text: string): Buffer => Buffer.from(text);

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostark-new-files-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Whether the temporary folder's file system knows them; overlays of old kernels do not. */
function known(): boolean {
  if (files === null) return false;
  files.enter(bytes(os.tmpdir()));
  const fd = files.create(0o600);
  if (fd >= 0) files.close(fd);
  return fd >= 0;
}

describe.skipIf(!known())('files without a name', () => {
  const make = (inside = folder): number => {
    files!.enter(bytes(inside));
    return files!.create(0o640);
  };

  test('are nowhere before they are linked, and all there afterwards', () => {
    const fd = make();
    files!.write(fd, bytes('content'));
    files!.setTimes(fd, -5, 999_999_999, 4_300_000_000, 7);
    files!.setPermissions(fd, 0o4751);
    expect(fs.readdirSync(folder)).toEqual([]);
    expect(files!.link(fd, bytes('name'))).toBe(true);
    files!.close(fd);
    const stat = fs.statSync(path.join(folder, 'name'), { bigint: true });
    expect([stat.mode, stat.nlink, stat.size]).toEqual([0o104751n, 1n, 7n]);
    expect([stat.atimeNs, stat.mtimeNs]).toEqual([-4_000_000_001n, 4_300_000_000_000_000_007n]);
    expect(fs.readFileSync(path.join(folder, 'name'), 'utf8')).toBe('content');
    fs.unlinkSync(path.join(folder, 'name'));
  });

  test('leave nothing when they are closed without a name', () => {
    const fd = make();
    files!.write(fd, bytes('content'));
    files!.close(fd);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('never take a name that is taken, be it by a dangling link', () => {
    fs.symlinkSync('/nowhere/at/all', path.join(folder, 'link'));
    fs.writeFileSync(path.join(folder, 'file'), 'mine');
    const fd = make();
    expect(files!.link(fd, bytes('link'))).toBe(false);
    expect(files!.link(fd, bytes('file'))).toBe(false);
    files!.close(fd);
    expect(fs.readFileSync(path.join(folder, 'file'), 'utf8')).toBe('mine');
    fs.rmSync(path.join(folder, 'file'));
    fs.rmSync(path.join(folder, 'link'));
  });

  test.skipIf(process.getuid?.() !== 0)('take the group of a folder that passes it on, and other owners', () => {
    const inside = path.join(folder, 'sticky');
    fs.mkdirSync(inside);
    fs.chownSync(inside, 0, 4321);
    fs.chmodSync(inside, 0o2755);
    const fd = make(inside);
    expect(fs.fstatSync(fd).gid).toBe(4321);
    files!.setOwner(fd, 77, 88);
    expect([fs.fstatSync(fd).uid, fs.fstatSync(fd).gid]).toEqual([77, 88]);
    files!.close(fd);
    fs.rmdirSync(inside);
  });

  test('tell whether they have attributes', () => {
    const fd = make();
    expect(files!.hasXattrs(fd)).toBe(false);
    expect(files!.link(fd, bytes('attributes'))).toBe(true);
    posix().setXattr(bytes(path.join(folder, 'attributes')), bytes('user.a'), bytes('b'));
    expect(files!.hasXattrs(fd)).toBe(true);
    files!.close(fd);
    fs.unlinkSync(path.join(folder, 'attributes'));
  });

  test('say what is wrong: a folder that is not there, a name that is too long, a descriptor that is none', () => {
    expect(() => make(path.join(folder, 'missing'))).toThrow(/ENOENT.*missing/);
    const fd = make();
    expect(() => files!.link(fd, bytes('n'.repeat(256)))).toThrow('ENAMETOOLONG');
    expect(() => files!.link(fd, bytes('a\0b'))).toThrow('EINVAL');
    files!.close(fd);
    expect(() => files!.close(fd)).toThrow('EBADF');
  });
});

test('without native calls there are none', () => {
  expect(posix({ native: false }).newFiles).toBeNull();
});
