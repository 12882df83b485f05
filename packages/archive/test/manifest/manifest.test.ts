import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { posix } from '@hostark/kernels';
import { describe, expect, test } from 'vitest';
import { compareManifests, describeMismatch } from '../../src/manifest/compare.ts';
import type { ManifestEntry } from '../../src/manifest/entry.ts';
import { recordManifest } from '../../src/manifest/record.ts';
import { compareManifest } from '../../src/manifest/verify.ts';
import { isRoot } from '../support/fixture-repository.ts';
import { testInFolder } from '../support/temporary.ts';

async function record(root: string): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for await (const entry of recordManifest(root)) entries.push(entry);
  return entries;
}

function plant(root: string): void {
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'd', 'file'), 'hello');
  writeFileSync(Buffer.concat([Buffer.from(`${root}/d/`), Buffer.of(0xff)]), 'bytes');
  linkSync(join(root, 'd', 'file'), join(root, 'd', 'other'));
  symlinkSync('nowhere', join(root, 'link'));
  posix().mkfifo(Buffer.from(join(root, 'fifo')), 0o600);
  posix().setTimes(Buffer.from(join(root, 'd', 'file')), 5n, 1_600_000_000_123_456_789n);
}

const decode = (path: string): string => Buffer.from(path, 'base64').toString('latin1');

describe('a record', () => {
  testInFolder('names everything, parents first, with what a restore must bring back', async ({ folder }) => {
    plant(folder);
    const entries = await record(folder);
    expect(entries.map(({ path }) => decode(path))).toEqual(['', 'd', 'd/file', 'd/other', 'd/\u00ff', 'fifo', 'link']);
    expect(entries[2]).toMatchObject({
      type: 'file',
      mode: 0o644,
      size: '5',
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
      mtimeNs: '1600000000123456789',
    });
    expect(entries[3]).toMatchObject({ hardLinkOf: entries[2]!.path });
    expect(entries[5]).toMatchObject({ type: 'fifo' });
    expect(entries[6]).toMatchObject({ type: 'symlink', linkTarget: Buffer.from('nowhere').toString('base64') });
    expect(JSON.parse(JSON.stringify(entries))).toEqual(entries);
  });

  testInFolder('of a single file is one entry', async ({ folder }) => {
    writeFileSync(join(folder, 'f'), '');
    expect(await record(join(folder, 'f'))).toMatchObject([{ path: '', type: 'file', size: '0' }]);
  });

  testInFolder('stops at what it cannot read rather than leaving a gap', async ({ folder }) => {
    await expect(record(join(folder, 'gone'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  testInFolder('can be interrupted', async ({ folder }) => {
    plant(folder);
    const stop = new AbortController();
    stop.abort();
    await expect(recordManifest(folder, { signal: stop.signal }).next()).rejects.toThrow();
  });
});

describe('comparing with the disk', () => {
  testInFolder('finds nothing where nothing changed', async ({ folder }) => {
    plant(folder);
    expect(await compareManifest(await record(folder), folder)).toEqual([]);
  });

  const changes: readonly (readonly [string, string, (root: string) => void])[] = [
    ['content', 'd/file: sha256', (root) => writeFileSync(join(root, 'd', 'file'), 'HELLO')],
    ['size', 'd/file: size', (root) => writeFileSync(join(root, 'd', 'file'), 'hello!')],
    ['mode', 'd/file: mode: expected 0644, found 0600', (root) => chmodSync(join(root, 'd', 'file'), 0o600)],
    ['time', 'd/file: mtimeNs', (root) => utimesSync(join(root, 'd', 'file'), 1, 1)],
    ['absence', 'link: expected a symlink, found nothing', (root) => rmSync(join(root, 'link'))],
    ['presence', 'new: expected nothing, found a file', (root) => writeFileSync(join(root, 'new'), '')],
    [
      'link target',
      'link: linkTarget: expected nowhere, found elsewhere',
      (root) => {
        rmSync(join(root, 'link'));
        symlinkSync('elsewhere', join(root, 'link'));
      },
    ],
    [
      'a broken hard link',
      'd/other: hardLinkOf: expected d/file, found none',
      (root) => {
        rmSync(join(root, 'd', 'other'));
        writeFileSync(join(root, 'd', 'other'), 'hello');
      },
    ],
    [
      'a name that is no text',
      'base64:ZC//: size',
      (root) => writeFileSync(Buffer.from(`${root}/d/\xff`, 'latin1'), ''),
    ],
  ];
  for (const [what, line, change] of changes) {
    testInFolder(`names a change of ${what}`, async ({ folder }) => {
      plant(folder);
      const expected = await record(folder);
      change(folder);
      const lines = (await compareManifest(expected, folder)).map(describeMismatch);
      expect(lines.filter((each) => each.startsWith(line))).toHaveLength(1);
    });
  }

  test.skipIf(!isRoot())('owners count, unless the caller says that they cannot (needs root)', () => {
    const entry: ManifestEntry = { path: '', type: 'fifo', mode: 0o600, uid: 1, gid: 2, mtimeNs: '0' };
    const other = { ...entry, uid: 5 };
    expect(compareManifests([entry], [other]).map(describeMismatch)).toEqual(['.: uid: expected 1, found 5']);
    expect(compareManifests([entry], [other], { ownership: false })).toEqual([]);
  });

  test('attributes are compared by name and value', () => {
    const name = Buffer.from('user.a').toString('base64');
    const entry: ManifestEntry = { path: '', type: 'dir', mode: 0o700, uid: 1, gid: 2, mtimeNs: '0' };
    const dressed = { ...entry, xattrs: [{ name, value: 'AA==' }] };
    expect(compareManifests([dressed], [entry]).map(describeMismatch)).toEqual([
      '.: xattrs: expected user.a=base64:AA==, found none',
    ]);
  });
});
