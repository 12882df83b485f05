import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { posix } from '@hostark/kernels';
import { describe, expect, test } from 'vitest';
import { decideExisting } from '../../src/restore/existing.ts';
import type { Overwrite } from '../../src/restore/options.ts';
import { restore } from '../../src/restore/restore.ts';
import { testInFolder } from '../support/temporary.ts';
import { MTIME_NS, noise, SECOND, symlink, TestRepository } from '../support/test-repository.ts';

const CHUNKS = [noise(600_000, 1), noise(600_000, 2), noise(300_000, 3)];
const BIG = Buffer.concat(CHUNKS);

async function sample(): Promise<{ made: TestRepository; tree: ReturnType<TestRepository['tree']> }> {
  const made = await TestRepository.create();
  const tree = made.tree([
    made.file('big', CHUNKS),
    made.file('small', [Buffer.from('from the snapshot')]),
    made.file('empty', []),
    symlink('link', 'target'),
  ]);
  await made.closePacks();
  return { made, tree };
}

describe('the decision about an existing item', () => {
  const file = { size: 10n, mtime: { ns: 100n, offsetMinutes: 0 }, type: 'file' } as never;
  const link = { size: 0n, mtime: { ns: 100n, offsetMinutes: 0 }, type: 'symlink' } as never;
  const regular = { isRegular: true, isDirectory: false, size: 10n, mtimeNs: 100n, nlink: 1n };
  test.each<[Overwrite, unknown, object, string]>([
    ['never', file, {}, 'skip'],
    ['if-newer', file, {}, 'skip'],
    ['if-newer', file, { mtimeNs: 101n }, 'skip'],
    ['if-newer', file, { mtimeNs: 99n }, 'compare'],
    ['if-newer', link, { mtimeNs: 99n }, 'replace'],
    ['if-changed', file, {}, 'keep-content'],
    ['if-changed', file, { mtimeNs: 101n }, 'compare'],
    ['if-changed', file, { size: 11n }, 'compare'],
    ['if-changed', file, { isRegular: false }, 'replace'],
    ['always', file, {}, 'compare'],
    ['always', file, { isRegular: false, isDirectory: true }, 'replace'],
    ['always', link, {}, 'replace'],
  ])('in mode %s (case %#) is %4$s', (mode, node, change, decision) => {
    expect(decideExisting(mode, node as never, { ...regular, ...change })).toBe(decision);
  });
});

describe('restoring over existing files', () => {
  testInFolder('always: writes only the blobs that differ, into the same file', async ({ folder }) => {
    const { made, tree } = await sample();
    const old = Buffer.from(BIG);
    old.fill(0, 700_000, 700_010);
    writeFileSync(join(folder, 'big'), Buffer.concat([old, Buffer.from('surplus')]));
    const { ino } = statSync(join(folder, 'big'));
    const result = await restore(made.repository, tree, folder, { workers: 0 });
    expect(result.errors).toEqual([]);
    expect(readFileSync(join(folder, 'big')).equals(BIG)).toBe(true);
    expect(statSync(join(folder, 'big')).ino).toBe(ino);
    expect(result.bytesRestored).toBe(600_000 + 'from the snapshot'.length);
  });

  testInFolder('always: a file that is only too long is cut, with nothing fetched', async ({ folder }) => {
    const { made, tree } = await sample();
    writeFileSync(join(folder, 'big'), Buffer.concat([BIG, Buffer.from('surplus')]));
    const result = await restore(made.repository, tree, folder, { workers: 0, include: ['/big'] });
    expect(result).toMatchObject({ filesRestored: 1, bytesRestored: 0, errorCount: 0 });
    expect(readFileSync(join(folder, 'big')).equals(BIG)).toBe(true);
  });

  testInFolder('always: right content is left alone, its metadata is restored', async ({ folder }) => {
    const { made, tree } = await sample();
    writeFileSync(join(folder, 'big'), BIG, { mode: 0o600 });
    const result = await restore(made.repository, tree, folder, { workers: 0, include: ['/big'] });
    expect(result).toMatchObject({ filesSkipped: 1, filesRestored: 0, bytesSkipped: BIG.length, bytesRestored: 0 });
    const stat = lstatSync(join(folder, 'big'), { bigint: true });
    expect([stat.mtimeNs, stat.mode & 0o7777n]).toEqual([MTIME_NS, 0o644n]);
  });

  testInFolder('always: the other names of a file keep their content', async ({ folder }) => {
    const { made, tree } = await sample();
    const old = Buffer.from(BIG);
    old[0] = old[0]! ^ 1;
    writeFileSync(join(folder, 'big'), old);
    linkSync(join(folder, 'big'), join(folder, 'other-name'));
    await restore(made.repository, tree, folder, { workers: 0 });
    expect(readFileSync(join(folder, 'big')).equals(BIG)).toBe(true);
    expect(readFileSync(join(folder, 'other-name')).equals(old)).toBe(true);
  });

  testInFolder(
    'always: links and empty folders in the way are replaced, the target of a link is untouched',
    async ({ folder }) => {
      const { made, tree } = await sample();
      writeFileSync(join(folder, 'victim'), 'precious');
      symlinkSync('victim', join(folder, 'small'));
      mkdirSync(join(folder, 'big'));
      mkdirSync(join(folder, 'link'));
      const result = await restore(made.repository, tree, folder, { workers: 0 });
      expect(result.errors).toEqual([]);
      expect(lstatSync(join(folder, 'small')).isFile()).toBe(true);
      expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
      expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('precious');
    },
  );

  testInFolder(
    'a folder with content in the way of a file is an error without delete, and goes with it',
    async ({ folder }) => {
      const { made, tree } = await sample();
      mkdirSync(join(folder, 'small'));
      writeFileSync(join(folder, 'small', 'inside'), 'x');
      const kept = await restore(made.repository, tree, folder, { workers: 0 });
      expect(kept).toMatchObject({ errorCount: 1, errors: [{ item: '/small' }] });
      expect(readFileSync(join(folder, 'small', 'inside'), 'utf8')).toBe('x');
      const gone = await restore(made.repository, tree, folder, { workers: 0, delete: true });
      expect(gone.errors).toEqual([]);
      expect(readFileSync(join(folder, 'small'), 'utf8')).toBe('from the snapshot');
    },
  );

  testInFolder(
    'if-changed: equal size and time pass for equal content, anything else is compared',
    async ({ folder }) => {
      const { made, tree } = await sample();
      writeFileSync(join(folder, 'small'), 'FROM THE SNAPSHOT');
      const first = await restore(made.repository, tree, folder, { workers: 0, overwrite: 'if-changed' });
      expect(first.filesSkipped).toBe(0);
      const fake = Buffer.alloc(BIG.length, 7);
      writeFileSync(join(folder, 'big'), fake);
      posix().setTimes(Buffer.from(join(folder, 'big')), MTIME_NS, MTIME_NS);
      const second = await restore(made.repository, tree, folder, { workers: 0, overwrite: 'if-changed' });
      expect(second.filesSkipped).toBe(3);
      expect(readFileSync(join(folder, 'big')).equals(fake)).toBe(true);
    },
  );

  testInFolder('if-newer: only what is older than the snapshot is written', async ({ folder }) => {
    const { made, tree } = await sample();
    const seconds = Number(MTIME_NS / SECOND);
    for (const [name, time] of [
      ['small', seconds - 10],
      ['empty', seconds + 10],
    ] as const) {
      writeFileSync(join(folder, name), 'mine');
      utimesSync(join(folder, name), time, time);
    }
    await restore(made.repository, tree, folder, { workers: 0, overwrite: 'if-newer' });
    expect(readFileSync(join(folder, 'small'), 'utf8')).toBe('from the snapshot');
    expect(readFileSync(join(folder, 'empty'), 'utf8')).toBe('mine');
  });

  testInFolder('never: what exists stays, what is missing comes', async ({ folder }) => {
    const { made, tree } = await sample();
    writeFileSync(join(folder, 'small'), 'mine');
    symlinkSync('mine', join(folder, 'link'));
    const result = await restore(made.repository, tree, folder, { workers: 0, overwrite: 'never' });
    expect(result).toMatchObject({ filesSkipped: 2, filesRestored: 2, errorCount: 0 });
    expect(readFileSync(join(folder, 'small'), 'utf8')).toBe('mine');
    expect(readFileSync(join(folder, 'big')).equals(BIG)).toBe(true);
  });

  testInFolder('the same restore again changes nothing', async ({ folder }) => {
    const { made, tree } = await sample();
    await restore(made.repository, tree, folder, { workers: 0 });
    const again = await restore(made.repository, tree, folder, { workers: 0 });
    expect(again).toMatchObject({ bytesRestored: 0, filesSkipped: 3, errorCount: 0 });
  });
});
