import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  IDENTITY_WORDS,
  identitySize,
  nodePlatform,
  posix,
  type Stat,
  sameIdentity,
  wholeFiles,
} from '../src/index.ts';
import { writeIdentity } from '../src/posix/identity.ts';

const SEED = 20_260_107;
const platform = nodePlatform();
const files = wholeFiles();

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostark-whole-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function identityOf(stat: Stat): Int32Array {
  const identity = new Int32Array(IDENTITY_WORDS + 3);
  writeIdentity(stat, identity, 2);
  expect([identity[0], identity[1], identity[IDENTITY_WORDS + 2]]).toEqual([0, 0, 0]);
  return identity.subarray(2, 2 + IDENTITY_WORDS);
}

describe('the identity of a file', () => {
  test('is the same by every way to a stat', () => {
    const file = path.join(folder, 'times');
    fs.writeFileSync(file, 'x'.repeat(70_000));
    for (const mtimeNs of [0n, -1n, -1_500_000_001n, 1_700_000_000_123_456_789n, 4_294_967_296_000_000_001n]) {
      posix().setTimes(Buffer.from(file), 0n, mtimeNs);
      const [native, plain] = [posix(), posix({ native: false })].map((way) => way.lstat(Buffer.from(file)));
      const { mode, uid, gid, nlink, ino, dev, rdev, size, blocks, atimeNs, ctimeNs } = plain!;
      // Node loses some times before 1970: the other fields as it says them, the time as it is.
      const copy = { mode, uid, gid, nlink, ino, dev, rdev, size, blocks, atimeNs, mtimeNs, ctimeNs };
      expect(identityOf(copy)).toEqual(identityOf(native!));
      expect(identitySize(identityOf(copy), 0)).toBe(70_000);
    }
  });

  test('tells apart whatever differs in one of its fields', () => {
    const wide = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
    const time = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
    const stat = fc.record({
      ino: wide,
      size: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
      ctimeNs: time,
      mtimeNs: time,
      dev: wide,
    });
    fc.assert(
      fc.property(stat, stat, fc.constantFrom('ino', 'size', 'ctimeNs', 'mtimeNs', 'dev'), (a, b, field) => {
        const whole = { ...posix().lstat(Buffer.from('/')), ...a } as Stat;
        const other = { ...whole, [field]: b[field as keyof typeof b] };
        const same = a[field as keyof typeof a] === b[field as keyof typeof b];
        expect(sameIdentity(identityOf(whole), 0, identityOf(other), 0)).toBe(same);
        expect(identitySize(identityOf(whole), 0)).toBe(Number(a.size));
      }),
      { seed: SEED },
    );
  });
});

describe.skipIf(files === null)('a small file read whole', () => {
  const target = platform.memory(new Uint8Array(100_001));

  function read(file: string, identity: Int32Array, size = identitySize(identity, 0)): boolean {
    const paths = platform.memory(Buffer.from(`something else\0${file}\0`));
    target.bytes.fill(7);
    return files!.read(paths, 15, size, target, identity, 0);
  }
  const lstat = (file: string): Int32Array => identityOf(posix().lstat(Buffer.from(file)));

  test.each([0, 1, 4095, 4096, 100_000])('of %i bytes is in the target', (size) => {
    const file = path.join(folder, `size-${size}`);
    const content = Buffer.alloc(size, 'some text ');
    fs.writeFileSync(file, content);
    expect(read(file, lstat(file))).toBe(true);
    expect(Buffer.compare(target.bytes.subarray(0, size), content)).toBe(0);
    expect(target.bytes[size]).toBe(7);
  });

  test('that grew, shrank, was changed, replaced or removed since lstat is not taken', () => {
    const file = path.join(folder, 'changing');
    const changes: readonly (() => void)[] = [
      () => fs.appendFileSync(file, 'more'),
      () => fs.truncateSync(file, 3),
      () => fs.utimesSync(file, 1, 1),
      () => fs.chmodSync(file, 0o600),
      () => fs.unlinkSync(file),
      () => {
        fs.renameSync(file, `${file}-old`);
        fs.writeFileSync(file, 'before');
      },
    ];
    for (const [i, change] of changes.entries()) {
      fs.writeFileSync(file, 'before', { mode: 0o644 });
      const identity = lstat(file);
      expect(read(file, identity)).toBe(true);
      change();
      expect(read(file, identity), `change ${i}`).toBe(false);
    }
  });

  test('is neither a link to it, nor a fifo, which would block, nor a folder', () => {
    const file = path.join(folder, 'real');
    fs.writeFileSync(file, 'text');
    fs.symlinkSync(file, path.join(folder, 'link'));
    expect(read(path.join(folder, 'link'), lstat(file))).toBe(false);
    spawnSync('mkfifo', [path.join(folder, 'fifo')]);
    expect(read(path.join(folder, 'fifo'), lstat(file))).toBe(false);
    expect(read(folder, lstat(folder), 0)).toBe(false);
  });

  test('leaves no descriptor open, whatever came of it', () => {
    const file = path.join(folder, 'open');
    fs.writeFileSync(file, 'text');
    const identity = lstat(file);
    const before = fs.readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 50; i++) read(i % 2 === 0 ? file : folder, identity);
    expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
  });

  test('needs room for one byte more', () => {
    const file = path.join(folder, 'room');
    fs.writeFileSync(file, 'text');
    const identity = lstat(file);
    const paths = platform.memory(Buffer.from(`${file}\0`));
    const tight = platform.memory(new Uint8Array(4));
    expect(() => files!.read(paths, 0, 4, tight, identity, 0)).toThrow(RangeError);
  });
});
