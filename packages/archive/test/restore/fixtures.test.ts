/** Everything that stock restic saved comes back as it was recorded on the file system, not as we believe it to be. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { posix } from '@hostark/kernels';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { restore } from '../../src/restore/restore.ts';
import {
  FIXTURES,
  fixtureSnapshots,
  fixtureTruth,
  isRoot,
  openFixture,
  type Truth,
  workersBuilt,
} from '../support/fixture-repository.ts';

const system = posix();
let base: string;

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'hostark-restore-'));
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

/** What is on the disk, in the words of the recorded truth; null if nothing is. Without root, owners are not compared. */
function found(target: Buffer, truth: Truth): Truth | null {
  const path = Buffer.concat([target, Buffer.from(truth.path_b64, 'base64')]);
  let stat: ReturnType<typeof system.lstat>;
  try {
    stat = system.lstat(path);
  } catch {
    return null;
  }
  const type = stat.mode & 0o170000;
  const content = type === 0o100000 ? readFileSync(path) : null;
  const xattrs = system
    .listXattrs(path)
    .map(({ name, value }) => [Buffer.from(name).toString(), Buffer.from(value).toString('base64')]);
  return {
    path_b64: truth.path_b64,
    mode: `0o${stat.mode.toString(8)}`,
    mtime_ns: String(stat.mtimeNs),
    uid: isRoot() ? stat.uid : truth.uid,
    gid: isRoot() ? stat.gid : truth.gid,
    nlink: Number(stat.nlink),
    ...(content === null ? {} : { size: content.length, sha256: createHash('sha256').update(content).digest('hex') }),
    ...(type === 0o120000 ? { target_b64: Buffer.from(system.readLink(path)).toString('base64') } : {}),
    ...(xattrs.length === 0 ? {} : { xattrs_b64: Object.fromEntries(xattrs) }),
    ...(type === 0o020000 || type === 0o060000 ? { rdev: deviceNumbers(stat.rdev) } : {}),
  };
}

/** glibc's makedev, for numbers below 4096 and 256. */
function deviceNumbers(rdev: bigint): [number, number] {
  return [Number((rdev >> 8n) & 0xfffn), Number(rdev & 0xffn)];
}

/** Ordinary users cannot make devices, nor read what they have given mode 000. */
function comparable(truth: readonly Truth[]): Truth[] {
  if (isRoot()) return [...truth];
  return truth.filter((entry) => entry.rdev === undefined && (Number(entry.mode) & 0o400) !== 0);
}

describe.each(FIXTURES)('%s', (name) => {
  const modes = [
    ['inline', 0],
    ['on threads', 2],
  ] as const;
  for (const [how, workers] of modes) {
    test.skipIf(workers > 0 && !workersBuilt())(`both snapshots come back whole, ${how}`, async () => {
      const repository = await openFixture(name);
      const snapshots = await fixtureSnapshots(repository);
      for (const index of [0, 1] as const) {
        const target = join(base, `${name}-${workers}-${index}`);
        const result = await restore(repository, snapshots[index]!.tree, target, { workers, verify: true });
        if (isRoot()) expect(result.errors).toEqual([]);
        const truth = comparable(fixtureTruth(name, index));
        expect(truth.length).toBeGreaterThan(350);
        expect(truth.map((entry) => found(Buffer.from(target), entry))).toEqual(truth);
        expect(result.filesVerified).toBeGreaterThan(300);
      }
    });
  }

  test('a snapshot of relative paths comes back without what was excluded', async () => {
    const repository = await openFixture(name);
    const snapshot = (await fixtureSnapshots(repository))[2]!;
    const target = join(base, `${name}-relative`);
    const result = await restore(repository, snapshot.tree, target, { workers: 0 });
    expect(result.errors).toEqual([]);
    const truth = fixtureTruth(name, 1).filter((entry) => {
      const path = Buffer.from(entry.path_b64, 'base64').toString('latin1');
      return /^\/srcA\/(data|links)\//.test(path) && !path.endsWith('.log');
    });
    expect(truth.length).toBeGreaterThan(5);
    for (const entry of truth) {
      const path = Buffer.from(entry.path_b64, 'base64').subarray('/srcA'.length);
      const here = found(Buffer.from(target), { ...entry, path_b64: path.toString('base64') });
      expect({ ...here, nlink: 0 }).toEqual({ ...entry, path_b64: path.toString('base64'), nlink: 0 });
    }
  });

  test('a snapshot from standard input comes back as one file', async () => {
    const repository = await openFixture(name);
    const snapshot = (await fixtureSnapshots(repository))[3]!;
    const target = join(base, `${name}-stdin`);
    const result = await restore(repository, snapshot.tree, target, { workers: 0 });
    expect(result).toMatchObject({ filesTotal: 1, filesRestored: 1, bytesRestored: 21, errorCount: 0 });
    expect(readFileSync(join(target, 'dump.sql')).length).toBe(21);
  });
});
