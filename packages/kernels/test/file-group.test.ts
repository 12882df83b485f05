/** A group of files: what of it is read as it was seen, and that it becomes what the portable sealer opens. */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PortableSealer } from '../src/crypto/portable-sealer.ts';
import { FileGroup, type FileList, IDENTITY_WORDS, nodePlatform, posix, writeIdentity } from '../src/index.ts';
import { processorFeatures } from '../src/machine/features.ts';
import { memoryOf } from '../src/memory.ts';

const OVERHEAD = 32;
const KEY = { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) };
const platform = nodePlatform();

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostark-group-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const inFolder = (name: string): string => path.join(folder, name);

function make(name: string, content: string | Uint8Array): string {
  fs.writeFileSync(inFolder(name), content);
  return inFolder(name);
}

/** The files as lstat sees them now. */
function listOf(files: readonly string[]): FileList {
  const identities = new Int32Array(files.length * IDENTITY_WORDS);
  for (const [i, file] of files.entries()) {
    writeIdentity(posix().lstat(Buffer.from(file)), identities, i * IDENTITY_WORDS);
  }
  let end = -1;
  const pathEnds = Uint32Array.from(files, (file) => (end += file.length + 1));
  return { paths: memoryOf(Buffer.from(files.map((file) => `${file}\0`).join(''))), pathEnds, identities };
}

test('there are groups where the processor has what they need', () => {
  expect(FileGroup.create(KEY) !== null).toBe(processorFeatures().aes);
});

describe.skipIf(!processorFeatures().aes)('a group of files', () => {
  const group = FileGroup.create(KEY)!;

  function wholeOf(list: FileList, from = 0): boolean[] {
    const count = group.take(list, from, Number.POSITIVE_INFINITY);
    group.read();
    return Array.from({ length: count }, (_, i) => group.isWhole(i));
  }
  function contentOf(i: number): Buffer {
    return Buffer.from(group.arena.bytes.subarray(group.place(i), group.place(i) + group.size(i)));
  }

  test('is read and hashed, from any of them on, as many as there is room for', () => {
    const files = Array.from({ length: 150 }, (_, i) => make(`many-${i}`, `${i} `.repeat((i % 9) * 50)));
    const list = listOf(files);
    const hash = new Uint8Array(32);
    let most = 0;
    for (const from of [0, 1, 77, 149]) {
      const whole = wholeOf(list, from);
      expect(whole).not.toContain(false);
      for (let i = 0; i < whole.length; i++) {
        const content = fs.readFileSync(files[from + i]!);
        expect(contentOf(i)).toEqual(content);
        group.hash(i, hash);
        expect(Buffer.from(hash)).toEqual(createHash('sha256').update(content).digest());
      }
      most = Math.max(most, whole.length);
    }
    expect(most).toBe(64);
    expect(group.take(list, 0, 3)).toBe(3);
    expect(group.take(listOf([make('large', Buffer.alloc(128 * 1024))]), 0, 10)).toBe(0);
  });

  test('tells what grew, shrank, was changed, replaced or removed since, and the others apart', () => {
    const changes: readonly ((file: string) => void)[] = [
      (file) => fs.appendFileSync(file, 'more'),
      (file) => fs.truncateSync(file, 3),
      (file) => fs.utimesSync(file, 1, 1),
      (file) => fs.chmodSync(file, 0o600),
      (file) => fs.unlinkSync(file),
      (file) => {
        fs.renameSync(file, `${file}-old`);
        fs.writeFileSync(file, 'before');
      },
      (file) => {
        fs.unlinkSync(file);
        fs.symlinkSync(inFolder('steady'), file);
      },
      (file) => {
        fs.unlinkSync(file);
        spawnSync('mkfifo', [file]);
      },
      (file) => {
        fs.unlinkSync(file);
        fs.mkdirSync(file);
      },
    ];
    const steady = make('steady', 'before');
    const files = changes.flatMap((_, i) => [make(`changing-${i}`, 'before'), steady]);
    const list = listOf(files);
    expect(wholeOf(list)).not.toContain(false);
    for (const [i, change] of changes.entries()) change(files[2 * i]!);
    expect(wholeOf(list)).toEqual(files.map((file) => file === steady));
    expect(contentOf(1).toString()).toBe('before');
  });

  test('leaves no descriptor open', () => {
    const list = listOf([make('open', 'text')]);
    const before = fs.readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 50; i++) expect(wholeOf(list)).toEqual([true]);
    expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
  });

  test('needs a NUL behind each path', () => {
    const list = listOf([make('room', 'text')]);
    list.paths.bytes[list.pathEnds[0]!] = 0x2f;
    expect(() => wholeOf(list)).toThrow('a path that ends with a NUL');
  });

  test('is sealed, frames or files as they are, each under an IV of its own, and copied where it belongs', () => {
    const contents = Array.from({ length: 60 }, (_, i) =>
      i % 3 === 0 ? randomBytes(1 + i * 37) : Buffer.alloc(20 + i * 100, `line ${i} of this file; `),
    );
    const list = listOf(contents.map((content, i) => make(`sealed-${i}`, content)));
    expect(wholeOf(list)).not.toContain(false);
    const numbers = contents.map((_, i) => i).filter((i) => i % 7 !== 6);
    // Frames of noise are longer than itself.
    const wanted = (i: number): boolean => i % 4 !== 1;
    group.seal(numbers, wanted, 3);
    const target = memoryOf(new Uint8Array(500_000).fill(9));
    const places = new Map<number, number>();
    let end = 5;
    for (const i of numbers) {
      expect(group.isSealed(i)).toBe(i % 3 !== 0 || !wanted(i));
      if (!group.isSealed(i)) continue;
      expect(group.isFrame(i)).toBe(wanted(i));
      places.set(i, end);
      group.copyLater(i, target, end);
      end += group.sealedLength(i) + OVERHEAD + 3;
    }
    const sha = platform.sha256Stream();
    const update = sha.updateLater?.(target, 0, end) ?? null;
    group.copy(update);
    const ivs = new Set<string>();
    for (const [i, at] of places) {
      const sealed = target.bytes.subarray(at, at + group.sealedLength(i) + OVERHEAD);
      ivs.add(Buffer.from(sealed.subarray(0, 16)).toString('hex'));
      const opened = new Uint8Array(group.sealedLength(i));
      expect(new PortableSealer(KEY).open(sealed, opened)).toBe(true);
      const plain = group.isFrame(i) ? platform.zstdDecompress(opened, contents[i]!.length) : opened;
      expect(Buffer.compare(plain, contents[i]!)).toBe(0);
      expect([...target.bytes.subarray(at + sealed.length, at + sealed.length + 3)]).toEqual([9, 9, 9]);
    }
    expect(ivs.size).toBe(places.size);
    // The hash went on with what was copied.
    const hashed = update?.length ?? 0;
    sha.updateAt(target, hashed, end - hashed);
    expect(Buffer.from(sha.digest())).toEqual(createHash('sha256').update(target.bytes.subarray(0, end)).digest());
    // Nothing is left to copy.
    target.bytes.fill(0);
    group.copy(null);
    expect(target.bytes.every((byte) => byte === 0)).toBe(true);
    expect(() => group.copyLater(numbers[1]!, target, target.bytes.length - 10)).toThrow(RangeError);
  });
});
