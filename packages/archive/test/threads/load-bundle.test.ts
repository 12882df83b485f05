/** Bundles with and without what V8 has learnt of them. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadBundle } from '../../src/threads/load-bundle.ts';

/** As the build writes it. */
const CODE = `(function (exports, require, module, __filename, __dirname) { exports.where = __dirname;
exports.parts = () => require('node:path').join('a', 'b');
})`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostark-bundle-'));
  writeFileSync(join(folder, 'program.code.cjs'), CODE);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function expectToRun(isLearnt: boolean, learnt?: string): void {
  const bundle = loadBundle('program', learnt, folder);
  expect(bundle.isLearnt).toBe(isLearnt);
  const program = bundle.run() as { where: string; parts: () => string };
  expect(program.where).toBe(folder);
  expect(program.parts()).toBe('a/b');
}

/** As scripts/learn.cjs writes it. */
function cacheOf(code: string): Buffer {
  const cache = new Script(code).createCachedData();
  return Buffer.concat([cache, createHash('sha256').update(code).update(cache).digest()]);
}

test('a bundle that nothing is known of runs', () => expectToRun(false));

test('what V8 has learnt is taken, also of one command among several', () => {
  writeFileSync(join(folder, 'backup.cache'), cacheOf(CODE));
  expectToRun(true, 'backup');
  expectToRun(false, 'restore');
});

test('what was learnt of another program, or is cut off, or no such thing, is left alone', () => {
  const other = cacheOf(CODE.replace('a', 'b')); // of the same length, by which V8 tells texts apart
  for (const cache of [other, cacheOf(CODE).subarray(0, 400), Buffer.from('nonsense'), Buffer.alloc(0)]) {
    writeFileSync(join(folder, 'program.cache'), cache);
    expectToRun(false);
  }
});

test('a cache in which a bit has turned is left alone: V8 would run what it says', () => {
  const cache = cacheOf(CODE);
  for (let at = 0; at < cache.length; at += 7) {
    const turned = Buffer.from(cache);
    turned[at]! ^= 1 << (at % 8);
    writeFileSync(join(folder, 'program.cache'), turned);
    expectToRun(false);
  }
});

test('a bundle that is missing is told', () => {
  expect(() => loadBundle('nothing', 'nothing', folder)).toThrow('ENOENT');
});
