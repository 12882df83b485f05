/** What commands ask of a bucket, and in which order: every request costs money and a round trip. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type RequestLogEntry, type Sandbox, startSandbox } from '@hostark/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostarkOk, makeWorkspace } from '../support/hostark.ts';

const workspace = makeWorkspace('requests');
const log: RequestLogEntry[] = [];
let sandbox: Sandbox;
let env: Record<string, string>;

const run = (...args: string[]): Promise<string> => hostarkOk(args, { env, cwd: workspace.root });

/** Runs a command and returns what it asked for, in order of arrival. */
async function asked(...args: string[]): Promise<RequestLogEntry[]> {
  log.length = 0;
  await run(...args);
  return [...log].sort((a, b) => a.time - b.time);
}

function counts(entries: readonly RequestLogEntry[]): Record<string, number> {
  const by: Record<string, number> = {};
  for (const { operation } of entries) by[operation] = (by[operation] ?? 0) + 1;
  return by;
}

/** When the answer was sent, in the clock of `time`; at most a millisecond too early. */
function end({ time, durationMs }: RequestLogEntry): number {
  return time + Math.floor(durationMs);
}

beforeAll(async () => {
  sandbox = await startSandbox({ directory: workspace.path('cloud'), log: (entry) => log.push(entry) });
  env = {
    ...workspace.env,
    ...sandbox.environment(),
    RESTIC_REPOSITORY: `s3:${sandbox.endpoint}/requests/repo`,
    RESTIC_PASSWORD: 'requests',
  };
  mkdirSync(workspace.path('data'));
  for (let i = 0; i < 20; i++) writeFileSync(workspace.path(`data/file-${i}`), `content ${i}`);
  await run('init');
  await run('backup', 'data');
});
afterAll(async () => {
  await sandbox.stop();
  workspace.remove();
});

test('a backup that finds nothing new: no list of keys, each list once before and the index once after its lock', async () => {
  const entries = await asked('backup', 'data');
  // Locks, snapshots, index; locks and index again. Config and key. Lock and snapshot.
  expect(counts(entries)).toEqual({ ListObjectsV2: 5, GetObject: 2, PutObject: 2, DeleteObject: 1 });
});

test('a snapshot is saved when the last look at the locks and the index has ended, and the lock goes last', async () => {
  const slow = sandbox.faults.add({ service: 's3', operation: 'ListObjectsV2', kind: 'delay', delayMs: 60, times: 99 });
  const entries = await asked('backup', 'data');
  slow.remove();
  const of = (operation: string, type: string): RequestLogEntry[] =>
    entries.filter((entry) => entry.operation === operation && entry.resource?.includes(`/${type}/`));
  const [lock] = of('PutObject', 'locks');
  const [snapshot] = of('PutObject', 'snapshots');
  const [release] = of('DeleteObject', 'locks');
  expect(release!.resource).toBe(lock!.resource);
  // Each is listed twice. The first look may come late: on a slow machine while the lock is written already.
  const [locksBefore, locksAfter, ...furtherLocks] = of('ListObjectsV2', 'locks');
  const [, indexAfter, ...furtherIndexes] = of('ListObjectsV2', 'index');
  expect([furtherLocks, furtherIndexes]).toEqual([[], []]);
  expect(lock!.time).toBeGreaterThanOrEqual(end(locksBefore!));
  expect(locksAfter!.time).toBeGreaterThanOrEqual(end(lock!));
  expect(indexAfter!.time).toBeGreaterThanOrEqual(end(locksAfter!));
  expect(snapshot!.time).toBeGreaterThanOrEqual(end(indexAfter!));
  expect(release!.time).toBeGreaterThanOrEqual(end(snapshot!));
});

test('snapshots and restore', async () => {
  expect(counts(await asked('snapshots'))).toEqual({ GetObject: 2, ListObjectsV2: 3, PutObject: 1, DeleteObject: 1 });
  const restored = await asked('restore', 'latest', '--target', 'out');
  expect(counts(restored)).toMatchObject({ ListObjectsV2: 5, PutObject: 1, DeleteObject: 1 });
  const read = restored.filter(({ operation }) => operation === 'GetObject').map(({ resource }) => resource);
  expect(new Set(read).size).toBe(read.length);
  expect(readFileSync(workspace.path('out/data/file-7'), 'utf8')).toBe('content 7');
});

test('without a cache nothing is remembered, and the keys are listed', async () => {
  expect(counts(await asked('snapshots', '--no-cache'))).toMatchObject({ ListObjectsV2: 4 });
});
