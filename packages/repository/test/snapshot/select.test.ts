import { describe, expect, test } from 'vitest';
import { blobId, snapshotId } from '../../src/ids.ts';
import { idByPrefix, matchesFilter, newest, selectParent, splitSpec } from '../../src/snapshot/select.ts';
import type { StoredSnapshot } from '../../src/snapshot/snapshot.ts';
import { sampleSnapshot } from '../support/sample.ts';

function snapshot(n: number, fields: Partial<StoredSnapshot> = {}): StoredSnapshot {
  const id = snapshotId(n.toString(16).padStart(2, '0').repeat(32));
  const time = { ns: BigInt(n), offsetMinutes: 0 };
  return {
    id,
    ...sampleSnapshot(blobId('00'.repeat(32)), { time, hostname: 'web', paths: ['/a', '/b'], tags: [], ...fields }),
  };
}

describe('a filter', () => {
  test.each([
    [{}, true],
    [{ hosts: ['db', 'web'] }, true],
    [{ hosts: ['db'] }, false],
    [{ paths: ['/b'] }, true],
    [{ paths: ['/a', '/c'] }, false],
    [{ tags: [['x', 'y'], ['z']] }, true],
    [{ tags: [['x', 'z']] }, false],
    [{ tags: [['']] }, false],
    [{ tags: [[''], ['y']] }, true],
  ])('%j passes: %s', (filter, passes) => {
    expect(matchesFilter(snapshot(1, { tags: ['x', 'y'] }), filter)).toBe(passes);
  });

  test('with the empty tag takes snapshots without tags', () => {
    expect(matchesFilter(snapshot(1), { tags: [['']] })).toBe(true);
  });
});

test('the newest of none is null, and of equal times the first', () => {
  expect(newest([])).toBeNull();
  const [a, b] = [snapshot(3), snapshot(3, { hostname: 'other' })];
  expect(newest([snapshot(1), a, b, snapshot(2)])).toBe(a);
});

describe('a parent', () => {
  const query = { host: 'web', paths: ['/a'], time: { ns: 10n, offsetMinutes: 60 } };
  test('is the newest of the same host that has all paths, not newer than the backup', () => {
    const all = [snapshot(5), snapshot(9), snapshot(10), snapshot(11), snapshot(10, { hostname: 'db' })];
    expect(selectParent(all, query)?.time.ns).toBe(10n);
    expect(selectParent([snapshot(9), snapshot(10, { paths: ['/b'] })], query)?.time.ns).toBe(9n);
    expect(selectParent([snapshot(11)], query)).toBeNull();
  });
  test('has all tags when grouped by tags', () => {
    const all = [snapshot(1, { tags: ['a', 'b'] }), snapshot(2, { tags: ['a'] })];
    expect(selectParent(all, { ...query, tags: ['a', 'b'] })?.time.ns).toBe(1n);
  });
});

describe('a prefix', () => {
  const ids = [snapshotId('ab'.repeat(32)), snapshotId(`abc${'0'.repeat(61)}`)];
  test('that fits one id names it', () => {
    expect(idByPrefix(ids, 'abc')).toBe(ids[1]);
    expect(idByPrefix(ids, ids[0]!)).toBe(ids[0]);
  });
  test.each([
    ['ab', 'snapshot-ambiguous'],
    ['ff', 'snapshot-not-found'],
    ['', 'snapshot-not-found'],
    ['AB', 'snapshot-not-found'],
  ])('%j is %s', (prefix, code) => {
    expect(() => idByPrefix(ids, prefix)).toThrow(expect.objectContaining({ code }));
  });
});

test('a spec is split at its first colon', () => {
  expect(splitSpec('latest')).toEqual({ name: 'latest', path: '' });
  expect(splitSpec('latest:a/b:c')).toEqual({ name: 'latest', path: 'a/b:c' });
});
