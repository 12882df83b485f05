import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { makeFolders } from '../src/index.ts';

const home = mkdtempSync(join(tmpdir(), 'hostark-folders-'));
afterAll(() => rmSync(home, { recursive: true }));

describe.each([
  ['a string', (path: string): string => path],
  ['bytes', (path: string): Buffer => Buffer.from(path)],
])('folders named by %s', (name, named) => {
  test('are made with what is missing above them, and left alone when they are there', () => {
    const deep = join(home, name, 'a', 'b');
    makeFolders(named(deep), 0o700);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    makeFolders(named(deep), 0o755);
    makeFolders(named(`${deep}/`), 0o755);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    makeFolders(named('/'), 0o700);
  });

  test('are refused where something else is in the way', () => {
    const file = join(home, `${name}.file`);
    writeFileSync(file, '');
    expect(() => makeFolders(named(file), 0o700)).toThrow(/EEXIST/);
    expect(() => makeFolders(named(join(file, 'below')), 0o700)).toThrow(/ENOTDIR/);
  });

  test('are refused at once by a file system that makes none', () => {
    expect(() => makeFolders(named('/proc/none/such'), 0o700)).toThrow(/ENOENT/);
    expect(() => makeFolders(named('/proc/none'), 0o700)).toThrow(/ENOENT/);
  });
});
