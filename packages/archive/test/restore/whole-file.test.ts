/** Files of one blob: the quick way and the slow way give the same file, whatever the folder passes on. */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Posix, posix } from '@hostark/kernels';
import { describe, expect } from 'vitest';
import { type Rows, RowsBuilder } from '../../src/restore/rows.ts';
import { WholeFiles } from '../../src/restore/whole-file.ts';
import { isRoot } from '../support/fixture-repository.ts';
import { testInFolder } from '../support/temporary.ts';

const MODES = [0o644, 0o600, 0o755, 0o666, 0o777, 0o4755, 0o2664, 0o000, 0o444];
const bytes = (text: string): Buffer => Buffer.from(text);
const ROOT = isRoot();
const [uid, gid] = [process.geteuid!(), process.getegid!()];

/** Everything native, but for files without a name. */
function slowSystem(): Posix {
  const system = posix();
  return new Proxy(system, {
    get: (target, key) => {
      if (key === 'newFiles') return null;
      const value = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function rowsIn(folder: string, xattrs = false): Rows {
  const builder = new RowsBuilder(64);
  builder.enter(bytes(folder));
  MODES.forEach((mode, i) => {
    const go = (mode & 0o777) + (mode & 0o4000 ? 0x800000 : 0) + (mode & 0o2000 ? 0x400000 : 0);
    const times = { mtimeS: -7 + i, mtimeNs: 123_456_789, atimeS: 1_700_000_000, atimeNs: i };
    const name = bytes(`file-${i}`);
    const row = builder.add({ mode: go, uid: ROOT && i % 3 === 2 ? 1234 : uid, gid, ...times }, name, 0, name.length);
    if (xattrs) builder.addXattrs(row, [{ name: bytes('user.wanted'), value: bytes(`${i}`) }]);
  });
  return builder.finish();
}

function written(folder: string, system: Posix, xattrs = false, gathers = false): unknown[] {
  const rows = rowsIn(folder, xattrs);
  const whole = new WholeFiles(system, { privileged: ROOT }, rows);
  const write = (row: number, data: Uint8Array): void => expect(whole.write(row, data)).toBeNull();
  MODES.forEach((_, row) => {
    const data = bytes('x'.repeat(row));
    if (!gathers || !whole.gather(row, data, write)) write(row, data);
  });
  whole.makeGathered(write);
  return readdirSync(folder).map((name) => {
    const path = join(folder, name);
    const stat = lstatSync(path, { bigint: true });
    // Others than root read no attributes of a file that they may not read.
    const listed = ROOT || (stat.mode & 0o400n) !== 0n ? posix().listXattrs(bytes(path)) : [];
    const attributes = listed.map((it) => [Buffer.from(it.name).toString(), Buffer.from(it.value).toString('hex')]);
    const content = ROOT ? readFileSync(path, 'utf8') : '';
    return [
      name,
      stat.mode,
      stat.uid,
      stat.gid,
      stat.size,
      stat.mtimeNs,
      stat.atimeNs,
      stat.nlink,
      content,
      attributes,
    ];
  });
}

const FOLDERS: readonly (readonly [string, (path: string) => boolean])[] = [
  ['a plain folder', () => true],
  [
    'a folder that passes its group on',
    (path) => {
      if (ROOT) chownSync(path, 0, 4321);
      chmodSync(path, 0o2755);
      return true;
    },
  ],
  [
    'a folder with a default ACL',
    (path) => {
      const entry = (tag: number, permissions: number, id = 0xffffffff): Buffer => {
        const bytes = Buffer.alloc(8);
        bytes.writeUInt16LE(tag, 0);
        bytes.writeUInt16LE(permissions, 2);
        bytes.writeUInt32LE(id, 4);
        return bytes;
      };
      // linux/posix_acl_xattr.h: version 2, then user, a named user, group, mask and others.
      const entries = [entry(1, 7), entry(2, 5, 99), entry(4, 5), entry(0x10, 5), entry(0x20, 0)];
      const acl = Buffer.concat([Buffer.from([2, 0, 0, 0]), ...entries]);
      try {
        posix().setXattr(bytes(path), bytes('system.posix_acl_default'), acl);
        return true;
      } catch {
        return false; // no ACLs on this file system
      }
    },
  ],
];

describe.each(FOLDERS)('in %s', (_, prepare) => {
  for (const xattrs of [false, true]) {
    testInFolder(`files ${xattrs ? 'with' : 'without'} attributes are the same by all ways`, ({ folder, skip }) => {
      const [gathered, quick, slow] = [join(folder, 'gathered'), join(folder, 'quick'), join(folder, 'slow')];
      for (const path of [gathered, quick, slow]) {
        mkdirSync(path);
        if (!prepare(path)) skip();
      }
      const files = written(quick, posix(), xattrs);
      expect(files).toHaveLength(MODES.length);
      expect(files).toEqual(written(slow, slowSystem(), xattrs));
      expect(files).toEqual(written(gathered, posix(), xattrs, true));
    });
  }
});

describe('a name that is taken', () => {
  for (const [way, system] of [
    ['quick', posix],
    ['slow', slowSystem],
  ] as const) {
    testInFolder(`goes to the new file, not to what a link points to, the ${way} way`, ({ folder }) => {
      writeFileSync(join(folder, 'precious'), 'precious');
      symlinkSync('precious', join(folder, 'file-3'));
      writeFileSync(join(folder, 'file-4'), 'old');
      mkdirSync(join(folder, 'file-5'));
      const whole = new WholeFiles(system(), { privileged: ROOT }, rowsIn(folder));
      expect(whole.write(3, bytes('new'))).toBeNull();
      expect(whole.write(4, bytes('new'))).toBeNull();
      expect(() => whole.write(5, bytes('new'))).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
      expect(lstatSync(join(folder, 'file-3')).isFile()).toBe(true);
      expect(readdirSync(folder).sort()).toEqual(['file-3', 'file-4', 'file-5', 'precious']);
      expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('precious');
    });
  }
});

testInFolder('files that are gathered take the place of what has their name, but for a folder', ({ folder, skip }) => {
  if (posix().newFileList === null) skip();
  const whole = new WholeFiles(posix(), { privileged: ROOT }, rowsIn(folder));
  expect(whole.write(0, bytes('first'))).toBeNull();
  writeFileSync(join(folder, 'precious'), 'precious');
  symlinkSync('precious', join(folder, 'file-1'));
  mkdirSync(join(folder, 'file-8'));
  chmodSync(join(folder, 'file-0'), 0o600);
  const again: string[] = [];
  const write = (row: number, data: Uint8Array): void => {
    again.push(`${row} ${Buffer.from(data).toString()}`);
    if (row === 8) expect(() => whole.write(row, data)).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    else expect(whole.write(row, data)).toBeNull();
  };
  // Their permissions are among those of the first file, those of number 4 are not.
  for (const row of [0, 1, 8]) expect(whole.gather(row, bytes(`content ${row}`), write)).toBe(true);
  expect(whole.gather(4, bytes('content 4'), write)).toBe(false);
  whole.makeGathered(write);
  expect(again).toEqual(['0 content 0', '1 content 1', '8 content 8']);
  expect([0, 1].map((row) => lstatSync(join(folder, `file-${row}`)).mode & 0o7777)).toEqual([0o644, 0o600]);
  expect(readdirSync(folder).sort()).toEqual(['file-0', 'file-1', 'file-8', 'precious']);
  expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('precious');
});

testInFolder('the umask takes nothing from a restored file', ({ folder }) => {
  written(folder, posix());
  const modes = MODES.map((_, i) => lstatSync(join(folder, `file-${i}`)).mode & 0o7777);
  expect(modes).toEqual(MODES);
});
