import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Posix, posix, type Stat } from '../src/index.ts';

const SEED = 20_260_106;
const ROOT = process.getuid?.() === 0;
const native = posix();
const fallback = posix({ native: false });

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostark-posix-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

let made = 0;
/** A fresh path below the test's folder. */
function fresh(suffix: string | Uint8Array = ''): Buffer {
  made++;
  return Buffer.concat([Buffer.from(`${folder}/${made}-`), Buffer.from(suffix)]);
}
function freshFile(content = 'content'): Buffer {
  const file = fresh('file');
  fs.writeFileSync(file, content);
  return file;
}
function freshFolder(): Buffer {
  const dir = fresh('dir');
  fs.mkdirSync(dir);
  return dir;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytes = (latin1: string): Buffer => Buffer.from(latin1, 'latin1');
const join = (dir: Uint8Array, name: Uint8Array): Buffer => Buffer.concat([dir, bytes('/'), name]);
function fields(stat: Stat): Record<string, unknown> {
  const { mode, uid, gid, nlink, ino, dev, rdev, size, blocks, atimeNs, mtimeNs, ctimeNs } = stat;
  return { mode, uid, gid, nlink, ino, dev, rdev, size, blocks, atimeNs, mtimeNs, ctimeNs };
}
function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
  return undefined;
}

/** Whether the test's folder can hold `user.` attributes, and the native calls are here to set them. */
function hasXattrs(): boolean {
  const probe = fs.mkdtempSync(path.join(os.tmpdir(), 'hostark-probe-'));
  try {
    return codeOf(() => native.setXattr(Buffer.from(probe), bytes('user.probe'), bytes('1'))) === undefined;
  } finally {
    fs.rmSync(probe, { recursive: true });
  }
}
const XATTRS = hasXattrs();

describe.each<[string, Posix]>([
  ['native', native],
  ['fallback', fallback],
])('%s POSIX', (name, posix) => {
  test.skipIf(name === 'native' && process.platform !== 'linux')('is what was asked for', () => {
    expect(posix.native).toBe(name === 'native');
  });

  test('reads a directory sorted by bytes, names byte for byte, without . and ..', () => {
    const dir = freshFolder();
    // UTF-16 order would put U+1F600 before U+FF5E; \xff is not UTF-8.
    const names = ['b', 'B', '.hidden', '..a', '~', '\xff\xfe', Buffer.from('～').toString('latin1'), 'line\nbreak'];
    names.push(Buffer.from('😀').toString('latin1'), 'x'.repeat(255), '-', ' ');
    for (const entry of names) fs.writeFileSync(join(dir, bytes(entry)), '');
    expect(posix.readDirectory(dir).names.map(text)).toEqual([...names].sort());
  });

  test('reads an empty directory and a large one', () => {
    expect(posix.readDirectory(freshFolder())).toEqual({ names: [], types: new Uint8Array(0) });
    const dir = freshFolder();
    for (let i = 0; i < 6000; i++) fs.writeFileSync(join(dir, bytes(`an entry with a longer name ${i}`)), '');
    const { names } = posix.readDirectory(dir);
    expect(new Set(names.map(text)).size).toBe(6000);
    expect(posix.lstatBatch(dir, names).length).toBe(6000);
    expect(posix.lstatBatch(dir, names).stat(5999).size).toBe(0n);
  });

  test('hints at the type of every entry', () => {
    const dir = freshFolder();
    fs.writeFileSync(join(dir, bytes('file')), '');
    fs.mkdirSync(join(dir, bytes('dir')));
    fs.symlinkSync('nowhere', join(dir, bytes('link')));
    const { names, types } = posix.readDirectory(dir);
    const found = Object.fromEntries(names.map((entry, i) => [text(entry), types[i]]));
    // 0 (ask lstat) is allowed: some file systems keep no types.
    for (const [entry, type] of Object.entries({ file: 8, dir: 4, link: 10 }))
      expect([0, type]).toContain(found[entry]);
  });

  test('says of a path what Node says', () => {
    const file = freshFile('twelve bytes');
    const link = fresh('link');
    fs.symlinkSync(file, link);
    for (const target of [file, link, bytes('/'), bytes('/dev/null'), bytes('/etc/passwd'), bytes(folder)]) {
      const expected = fs.lstatSync(target, { bigint: true });
      const { mode, uid, gid, nlink, ino, dev, rdev, size, blocks, mtimeNs, ctimeNs } = expected;
      const found = fields(posix.lstat(target));
      expect(found).toMatchObject({ nlink, ino, dev, rdev, size, blocks, mtimeNs, ctimeNs });
      expect(found).toMatchObject({ mode: Number(mode), uid: Number(uid), gid: Number(gid) });
    }
    expect(posix.stat(link).ino).toBe(posix.lstat(file).ino);
    expect(posix.lstat(link).ino).not.toBe(posix.lstat(file).ino);
    const fd = fs.openSync(file, 'r');
    expect(posix.fstat(fd).ino).toBe(posix.lstat(file).ino);
    fs.closeSync(fd);
  });

  test('stats many names at once, each with its own outcome', () => {
    const dir = freshFolder();
    const names = ['a', 'gone', 'c'].map(bytes);
    fs.writeFileSync(join(dir, names[0]!), 'x');
    fs.symlinkSync('nowhere', join(dir, names[2]!));
    const batch = posix.lstatBatch(dir, [...names, bytes('n'.repeat(300))]);
    expect([0, 1, 2, 3].map((i) => batch.code(i))).toEqual([null, 'ENOENT', null, 'ENAMETOOLONG']);
    expect(batch.stat(0).size).toBe(1n);
    expect(batch.stat(2).mode & 0o170000).toBe(0o120000);
    expect(codeOf(() => batch.stat(1))).toBe('ENOENT');
    const later = posix.lstatBatch(dir, [names[2]!]);
    expect(batch.stat(0).size).toBe(1n);
    expect(later.stat(0).mode & 0o170000).toBe(0o120000);
    expect(posix.lstatBatch(dir, []).length).toBe(0);
    expect(codeOf(() => posix.lstatBatch(join(dir, bytes('gone')), names))).toBe('ENOENT');
  });

  test('gives errors as Node does: code, errno, syscall, path', () => {
    const error = (() => {
      try {
        return posix.lstat(bytes('/nonexistent/path'));
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'ENOENT', errno: -2, syscall: 'lstat', path: '/nonexistent/path' });
    expect((error as Error).message).toBe("ENOENT: no such file or directory, lstat '/nonexistent/path'");
    expect(codeOf(() => posix.readDirectory(freshFile()))).toBe('ENOTDIR');
    expect(codeOf(() => posix.lstat(bytes(`/${'x'.repeat(5000)}`)))).toBe('ENAMETOOLONG');
  });

  test('refuses a path with a NUL inside: C would see another, shorter one', () => {
    for (const action of [
      () => posix.lstat(bytes('/etc\0/passwd')),
      () => posix.readDirectory(bytes('/etc\0')),
      () => posix.openForRead(bytes('/etc/passwd\0x')),
      () => posix.link(freshFile(), fresh('a\0b')),
    ]) {
      expect(codeOf(action)).toBe('EINVAL');
    }
  });

  test('reads a link byte for byte', () => {
    const link = fresh();
    posix.symlink(bytes('not \xff UTF-8'), link);
    expect(text(posix.readLink(link))).toBe('not \xff UTF-8');
    expect(codeOf(() => posix.readLink(freshFile()))).toBe('EINVAL');
  });

  test('makes hard links with byte names, also of a symbolic link itself', () => {
    const file = freshFile();
    const second = fresh('\xfe');
    posix.link(file, second);
    expect(posix.lstat(second).ino).toBe(posix.lstat(file).ino);
    expect(posix.lstat(file).nlink).toBe(2n);
    expect(codeOf(() => posix.link(file, second))).toBe('EEXIST');
    const link = fresh('link');
    posix.symlink(file, link);
    const other = fresh('other');
    posix.link(link, other);
    expect(text(posix.readLink(other))).toBe(text(file));
  });

  test('sets times of files and of links themselves', () => {
    const file = freshFile();
    const link = fresh('link');
    fs.symlinkSync(file, link);
    const [atime, mtime] = [1_700_000_000_000_000_000n, -86_400_000_000_000n];
    posix.setTimes(link, atime, mtime);
    expect(posix.lstat(link).mtimeNs).toBe(mtime);
    expect(posix.lstat(file).mtimeNs).not.toBe(mtime);
    posix.setTimes(link, atime, mtime + 1_000_000_000n, false);
    expect(posix.lstat(file).mtimeNs).toBe(mtime + 1_000_000_000n);
    expect(codeOf(() => posix.setTimes(fresh('none'), 0n, 0n))).toBe('ENOENT');
  });

  test('sets modes, and keeps owners', () => {
    const file = freshFile();
    posix.chmod(file, 0o4751);
    expect(posix.lstat(file).mode & 0o7777).toBe(0o4751);
    const { uid, gid } = posix.lstat(file);
    posix.lchown(file, uid, gid);
    expect(fields(posix.lstat(file))).toMatchObject({ uid, gid });
  });

  test.skipIf(!ROOT)('sets foreign owners, of a link itself (needs root)', () => {
    const file = freshFile();
    const link = fresh('link');
    fs.symlinkSync(file, link);
    posix.lchown(link, 4_000_000_000, 12_345);
    expect(fields(posix.lstat(link))).toMatchObject({ uid: 4_000_000_000, gid: 12_345 });
    expect(posix.lstat(file).uid).toBe(0);
  });

  test('opens regular files to read, not through a link, and without blocking on a fifo', () => {
    const file = freshFile('hello');
    const fd = posix.openForRead(file);
    expect(fs.readFileSync(fd, 'utf8')).toBe('hello');
    fs.closeSync(fd);
    const link = fresh('link');
    fs.symlinkSync(file, link);
    expect(codeOf(() => posix.openForRead(link))).toBe('ELOOP');
    expect(codeOf(() => posix.openForRead(fresh('none')))).toBe('ENOENT');
    if (native.native) {
      const fifo = fresh('fifo');
      native.mkfifo(fifo, 0o600);
      fs.closeSync(posix.openForRead(fifo));
    }
  });

  test('does not touch the access time of the files that it reads', () => {
    const file = freshFile();
    posix.setTimes(file, 0n, 0n);
    const fd = posix.openForRead(file);
    fs.readSync(fd, Buffer.alloc(8));
    fs.closeSync(fd);
    expect(posix.lstat(file).atimeNs).toBe(0n);
  });

  test('knows the names of users and groups, and their numbers', () => {
    expect(posix.userName(0)).toBe('root');
    expect(posix.userId('root')).toBe(0);
    expect(posix.groupName(0)).toBe(fs.readFileSync('/etc/group', 'utf8').match(/^([^:]+):[^:]*:0:/m)?.[1]);
    expect(posix.groupId(posix.groupName(0))).toBe(0);
    expect([posix.userName(4_123_456_789), posix.groupName(4_123_456_789)]).toEqual(['', '']);
    expect([posix.userId('no such user'), posix.groupId('')]).toEqual([null, null]);
  });
});

describe.skipIf(!native.native)('native POSIX alone', () => {
  test('sets times to the nanosecond, before 1970 and after 2038, of files and links', () => {
    // ext4 with 256-byte inodes: 1901 to 2446.
    const time = fc.bigInt({ min: -2_000_000_000_000_000_000n, max: 9_000_000_000_000_000_000n });
    const file = freshFile();
    const link = fresh('link');
    fs.symlinkSync('nowhere', link);
    fc.assert(
      fc.property(time, time, fc.constantFrom(file, link), (atime, mtime, target) => {
        native.setTimes(target, atime, mtime);
        const { atimeNs, mtimeNs } = native.lstat(target);
        expect([atimeNs, mtimeNs]).toEqual([atime, mtime]);
      }),
      {
        seed: SEED,
        examples: [
          [-1n, 1n, file],
          [0n, -999_999_999n, link],
        ],
      },
    );
  });

  test('makes a fifo', () => {
    const fifo = fresh('fifo');
    native.mkfifo(fifo, 0o600);
    expect(native.lstat(fifo).mode).toBe(0o010600);
    expect(codeOf(() => native.mkfifo(fifo, 0o600))).toBe('EEXIST');
  });

  test('makes a socket node and a plain file by mknod', () => {
    for (const type of [0o140000, 0o100000]) {
      const node = fresh('node');
      native.mknod(node, type | 0o600, 0n);
      expect(native.lstat(node).mode).toBe(type | 0o600);
    }
  });

  test.skipIf(!ROOT)('makes devices with large numbers (needs root)', () => {
    for (const [type, dev] of [
      [0o020000, 0x0103n],
      [0o060000, (0xfedn << 8n) | 0xcdn | (0xabcn << 20n)],
    ] as const) {
      const node = fresh('device');
      // Some containers forbid device nodes even to root: then the outcome must still be an error with a code.
      const code = codeOf(() => native.mknod(node, type | 0o600, dev));
      if (code === 'EPERM') continue;
      expect(code).toBe(undefined);
      expect(fields(native.lstat(node))).toMatchObject({ mode: type | 0o600, rdev: dev });
      expect(fs.lstatSync(node, { bigint: true }).rdev).toBe(dev);
    }
  });

  test('reserves room without changing the length', () => {
    const file = freshFile('abc');
    const fd = fs.openSync(file, 'r+');
    const code = codeOf(() => native.fallocate(fd, 1_000_000));
    fs.closeSync(fd);
    expect([undefined, 'ENOTSUP']).toContain(code);
    expect(native.lstat(file).size).toBe(3n);
    if (code === undefined) expect(native.lstat(file).blocks).toBeGreaterThanOrEqual(1_000_000n / 512n);
    expect(codeOf(() => native.fallocate(9999, 10))).toBe('EBADF');
  });

  test('batches agree with Node over a whole tree', () => {
    const walk = (dir: Buffer): void => {
      const { names } = native.readDirectory(dir);
      const node = fs.readdirSync(dir, { encoding: 'buffer' }).sort(Buffer.compare);
      expect(names.map(text)).toEqual(node.map(text));
      const batch = native.lstatBatch(dir, names);
      const slow = fallback.lstatBatch(dir, names);
      names.forEach((name, i) => {
        expect(fields(batch.stat(i))).toEqual(fields(slow.stat(i)));
        if ((batch.stat(i).mode & 0o170000) === 0o040000) walk(join(dir, name));
      });
    };
    walk(Buffer.from(import.meta.dirname));
  });
});

describe.skipIf(!XATTRS)('extended attributes', () => {
  const pairs = (target: Uint8Array): string[][] =>
    native
      .listXattrs(target)
      .map(({ name, value }) => [text(name), text(value)])
      .filter(([name]) => name!.startsWith('user.'));

  test('come back byte for byte, empty and binary values included', () => {
    const file = freshFile();
    const dir = freshFolder();
    for (const target of [file, dir]) {
      native.setXattr(target, bytes('user.one'), bytes('1'));
      native.setXattr(target, bytes('user.empty'), bytes(''));
      native.setXattr(target, bytes('user.\xff\x01'), bytes('\0\xff\0'));
      native.setXattr(target, bytes('user.one'), bytes('replaced'));
      expect(pairs(target).sort()).toEqual(
        [
          ['user.empty', ''],
          ['user.one', 'replaced'],
          ['user.\xff\x01', '\0\xff\0'],
        ].sort(),
      );
    }
  });

  test('are listed in the order of the kernel', () => {
    const file = freshFile();
    for (const name of ['user.b', 'user.a', 'user.c']) native.setXattr(file, bytes(name), bytes(name));
    const python = spawnSync('python3', [
      '-c',
      'import os,sys; print("\\n".join(os.listxattr(sys.argv[1])))',
      text(file),
    ]);
    // Where there is no Python to ask, only the set is compared.
    const names = native.listXattrs(file).map(({ name }) => text(name));
    if (python.status === 0) expect(names).toEqual(python.stdout.toString().trim().split('\n'));
    expect(
      pairs(file)
        .map(([name]) => name)
        .sort(),
    ).toEqual(['user.a', 'user.b', 'user.c']);
  });

  test('are removed one at a time', () => {
    const file = freshFile();
    native.setXattr(file, bytes('user.a'), bytes('1'));
    native.setXattr(file, bytes('user.b'), bytes('2'));
    native.removeXattr(file, bytes('user.a'));
    expect(pairs(file)).toEqual([['user.b', '2']]);
    expect(codeOf(() => native.removeXattr(file, bytes('user.a')))).toBe('ENODATA');
  });

  test('of a link are not those of its target', () => {
    const file = freshFile();
    native.setXattr(file, bytes('user.a'), bytes('1'));
    const link = fresh('link');
    fs.symlinkSync(file, link);
    expect(pairs(link)).toEqual([]);
    expect(native.listXattrs(link, false)).toEqual(native.listXattrs(file));
    // The kernel allows no user attributes on links.
    expect(codeOf(() => native.setXattr(link, bytes('user.a'), bytes('1')))).toBe('EPERM');
    native.setXattr(link, bytes('user.b'), bytes('2'), false);
    native.removeXattr(link, bytes('user.a'), false);
    expect(pairs(file)).toEqual([['user.b', '2']]);
  });

  test('of many names are read at once, each with its own outcome', () => {
    const dir = freshFolder();
    const names = ['none', 'some', 'gone'].map(bytes);
    for (const name of names.slice(0, 2)) fs.writeFileSync(join(dir, name), '');
    native.setXattr(join(dir, names[1]!), bytes('user.a'), bytes('v'));
    const batch = native.listXattrsBatch(dir, names);
    expect([0, 1, 2].map((i) => batch.code(i))).toEqual([null, null, 'ENOENT']);
    expect(batch.xattrs(1)).toEqual(native.listXattrs(join(dir, names[1]!)));
    expect(batch.xattrs(0)).toEqual(native.listXattrs(join(dir, names[0]!)));
    expect(codeOf(() => batch.xattrs(2))).toBe('ENOENT');
  });

  test('too large for the kernel are refused with its code', () => {
    const file = freshFile();
    expect(codeOf(() => native.setXattr(file, bytes('user.a'), new Uint8Array(70_000)))).toBe('E2BIG');
    expect(codeOf(() => native.setXattr(file, bytes('user.a'), new Uint8Array(65_537)))).toBe('E2BIG');
    expect(codeOf(() => native.setXattr(file, bytes('nonamespace'), bytes('v')))).toBe('ENOTSUP');
  });
});

describe('the fallback', () => {
  test('says ENOTSUP where Node has no way', () => {
    const file = freshFile();
    for (const action of [
      () => fallback.setXattr(file, bytes('user.a'), bytes('1')),
      () => fallback.removeXattr(file, bytes('user.a')),
      () => fallback.mknod(fresh(), 0o020600, 0x103n),
      () => fallback.mkfifo(fresh(), 0o600),
      () => fallback.fallocate(0, 10),
    ]) {
      expect(codeOf(action)).toBe('ENOTSUP');
    }
    expect(fallback.listXattrs(file)).toEqual([]);
    expect(fallback.listXattrsBatch(bytes(folder), [bytes('x')]).xattrs(0)).toEqual([]);
  });

  test('makes a plain file by mknod', () => {
    const file = fresh('file');
    fallback.mknod(file, 0o100600, 0n);
    expect(fallback.lstat(file).mode).toBe(0o100600);
  });
});
