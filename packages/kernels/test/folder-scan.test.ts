/** What the system says of the entries of a directory: in lists of calls as one by one, and as Posix says it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FolderScan, type NameList, posix, type ScanHooks, type ScanTrouble, SLICE } from '../src/index.ts';

const FILES = 300;
const RULES = { withAtime: false, ignoreCtime: false, ignoreInode: false };
const NOTHING = new Uint8Array(0);
const HOOKS: ScanHooks = {
  offsetAt: () => 0,
  encodeOwner: () => NOTHING,
  encodeName: (name) => name,
  decodeName: (text) => text,
  encodeExtras: () => NOTHING,
  encodeNode: () => NOTHING,
};
const WAYS = [
  ['in lists', FolderScan.create(HOOKS, RULES)],
  ['one by one', FolderScan.create(HOOKS, RULES, false)],
] as const;

let folder: string;
let withAttributes = false;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostark-scan-'));
  for (let i = 0; i < FILES; i++) fs.writeFileSync(path.join(folder, `file-${i}`), 'x'.repeat(i));
  fs.mkdirSync(path.join(folder, 'folder'));
  fs.symlinkSync('where/it/leads', path.join(folder, 'link'));
  for (const name of ['file-7', 'file-170', 'folder']) {
    try {
      posix().setXattr(Buffer.from(path.join(folder, name)), Buffer.from('user.some'), Buffer.from(name));
      withAttributes = true;
    } catch {
      // A file system without attributes.
    }
  }
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** With names in between that are no longer there. */
function namesWithGone(names: NameList): NameList {
  const text = names.bytes.toString().split('\0').filter(Boolean);
  const all = [...text, 'file-0-gone', 'file-299-gone', 'gone'].sort();
  return { bytes: Buffer.from(all.map((name) => `${name}\0`).join('')), count: all.length, passed: 0, at: 0 };
}

describe.skipIf(WAYS[0][1] === null).each(WAYS)('entries asked about %s', (_name, scan) => {
  test('are what Posix says they are; what is not there is told', () => {
    const at = Buffer.from(folder);
    const fd = scan!.open(at);
    const names = namesWithGone(scan!.names(fd, at));
    const troubles: ScanTrouble[] = [];
    const seen: string[] = [];
    while (names.passed < names.count) {
      const count = scan!.scan(fd, at, names, troubles);
      expect(count).toBeLessThanOrEqual(SLICE);
      for (let i = 0; i < count; i++) {
        const name = scan!.name(i).toString();
        if (scan!.isLeftOut(i)) continue;
        seen.push(name);
        const full = Buffer.from(path.join(folder, name));
        const { mode, size, ino, mtimeNs, nlink } = scan!.stat(i);
        const expected = posix().lstat(full);
        expect([mode, size, ino, mtimeNs, nlink]).toEqual([
          expected.mode,
          expected.size,
          expected.ino,
          expected.mtimeNs,
          expected.nlink,
        ]);
        expect(scan!.xattrs(i)).toEqual(posix().listXattrs(full));
        if (withAttributes)
          expect(scan!.xattrs(i).length).toBe(['file-7', 'file-170', 'folder'].includes(name) ? 1 : 0);
      }
    }
    scan!.close(fd);
    expect(seen.length).toBe(FILES + 2);
    expect(troubles.map(({ name, during, code }) => [Buffer.from(name).toString(), during, code])).toEqual(
      ['file-0-gone', 'file-299-gone', 'gone'].map((name) => [name, 'stat', 'ENOENT']),
    );
    expect(troubles[0]!.message).toContain(path.join(folder, 'file-0-gone'));
  });
});
