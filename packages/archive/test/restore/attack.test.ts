/** A repository is data from outside: whatever its trees say, nothing is written but below the target. */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { restore } from '../../src/restore/restore.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise, symlink, TestRepository } from '../support/test-repository.ts';

const EVIL = Buffer.from('evil');

describe('hostile names', () => {
  testInFolder(
    'with slashes, dots or NUL are refused one by one, and nothing is deleted any more',
    async ({ folder }) => {
      const made = await TestRepository.create();
      const names = ['../escaped', '..', '.', 'a/b', '/absolute', 'nul\0byte', ''];
      const tree = made.tree([...names.map((name) => made.file(name, [EVIL])), made.file('good', [EVIL])], true);
      await made.closePacks();
      const target = join(folder, 'target');
      mkdirSync(target);
      writeFileSync(join(target, 'surplus'), 'x');
      const result = await restore(made.repository, tree, target, { workers: 0, delete: true });
      expect(result.errorCount).toBe(names.length);
      expect(result.errors.every(({ during }) => during === 'name')).toBe(true);
      expect(readdirSync(folder)).toEqual(['target']);
      expect(readdirSync(target).sort()).toEqual(['good', 'surplus']);
    },
  );

  testInFolder('a folder called .. is refused with everything in it', async ({ folder }) => {
    const made = await TestRepository.create();
    const tree = made.tree([made.dir('..', [made.file('escaped', [EVIL])])], true);
    await made.closePacks();
    const target = join(folder, 'target');
    const result = await restore(made.repository, tree, target, { workers: 0 });
    expect(result.errorCount).toBe(1);
    expect(readdirSync(folder)).toEqual(['target']);
  });

  testInFolder('the same name twice, as link and as folder, does not lead through the link', async ({ folder }) => {
    const made = await TestRepository.create();
    const outside = join(folder, 'outside');
    const target = join(folder, 'target');
    mkdirSync(outside);
    const nodes = [symlink('x', outside), made.dir('x', [made.file('escaped', [EVIL])]), made.file('y', [EVIL])];
    const tree = made.tree(nodes, true);
    await made.closePacks();
    const result = await restore(made.repository, tree, target, { workers: 0 });
    expect(result.errors).toEqual([expect.objectContaining({ item: '/x', during: 'name' })]);
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(target).sort()).toEqual(['x', 'y']);
  });
});

describe('links planted in the target', () => {
  testInFolder('in the place of a folder are replaced, not followed', async ({ folder }) => {
    const made = await TestRepository.create();
    const tree = made.tree([made.dir('etc', [made.file('passwd', [EVIL])])]);
    await made.closePacks();
    const [outside, target] = [join(folder, 'outside'), join(folder, 'target')];
    mkdirSync(outside);
    mkdirSync(target);
    symlinkSync(outside, join(target, 'etc'));
    const result = await restore(made.repository, tree, target, { workers: 0 });
    expect(result.errors).toEqual([]);
    expect(readdirSync(outside)).toEqual([]);
    expect(lstatSync(join(target, 'etc')).isDirectory()).toBe(true);
  });

  testInFolder(
    'in the place of files, of one blob or several, are replaced, not written through',
    async ({ folder }) => {
      const made = await TestRepository.create();
      const chunks = [noise(600_000, 1), noise(600_000, 2)];
      const tree = made.tree([made.file('small', [EVIL]), made.file('big', chunks), made.file('empty', [])]);
      await made.closePacks();
      const [outside, target] = [join(folder, 'outside'), join(folder, 'target')];
      mkdirSync(target);
      writeFileSync(outside, 'precious');
      for (const name of ['small', 'big', 'empty']) symlinkSync(outside, join(target, name));
      const result = await restore(made.repository, tree, target, { workers: 0, sparse: true });
      expect(result.errors).toEqual([]);
      expect(readFileSync(outside, 'utf8')).toBe('precious');
      expect(lstatSync(join(target, 'big')).size).toBe(1_200_000);
    },
  );

  testInFolder('delete removes a link, not what it points to', async ({ folder }) => {
    const made = await TestRepository.create();
    const tree = made.tree([made.file('kept', [EVIL])]);
    await made.closePacks();
    const [outside, target] = [join(folder, 'outside'), join(folder, 'target')];
    mkdirSync(outside);
    mkdirSync(join(target, 'surplus'), { recursive: true });
    writeFileSync(join(outside, 'precious'), 'x');
    symlinkSync(outside, join(target, 'link'));
    symlinkSync(outside, join(target, 'surplus', 'link'));
    await restore(made.repository, tree, target, { workers: 0, delete: true });
    expect(readdirSync(target)).toEqual(['kept']);
    expect(existsSync(join(outside, 'precious'))).toBe(true);
  });
});
