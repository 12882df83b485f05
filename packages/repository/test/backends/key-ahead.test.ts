/** What is begun before a repository is opened is the key that opens it, or nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectKey, nodePlatform } from '@hostark/kernels';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { beginLikelyKey, type LikelyRepository } from '../../src/backends/key-ahead.ts';
import { initLocalDirectory, localBackend } from '../../src/backends/local.ts';
import { keyMemory } from '../../src/cache/key-memory.ts';
import { objectId } from '../../src/ids.ts';
import { initRepository } from '../../src/init.ts';
import { addKey } from '../../src/keys/add-key.ts';
import { openRepository } from '../../src/open.ts';
import type { Repository } from '../../src/repository.ts';
import { NOON, TINY_COST } from '../support/sample.ts';

const platform = nodePlatform();
let folder: string;
let repo: Repository;
const likely = (fields: Partial<LikelyRepository> = {}): LikelyRepository => ({
  location: join(folder, 'repo'),
  password: 'p',
  cacheDirectory: join(folder, 'caches'),
  keyHint: undefined,
  ...fields,
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hostark-key-ahead-'));
  await initLocalDirectory(join(folder, 'repo'));
  const backend = localBackend(join(folder, 'repo'));
  repo = await initRepository(backend, { password: 'p', platform, cost: TINY_COST });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const second = () => addKey(repo, { password: 'other', username: '', hostname: '', created: NOON, cost: TINY_COST });

describe('the key of a folder', () => {
  test('is begun when there is but one, and opens it', async () => {
    const begun = beginLikelyKey(likely());
    const asked: Promise<Uint8Array>[] = [];
    const scrypt: typeof platform.scrypt = (...of) => {
      const derived = platform.scrypt(...of);
      asked.push(derived);
      return derived;
    };
    expectKey(begun!);
    const opened = await openRepository(repo.backend, { password: 'p', platform: { ...platform, scrypt } });
    expect(opened.key).toEqual(repo.key);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toBe(begun!.key);
  });

  test('is not guessed among several, unless the hint says which', async () => {
    const other = await second();
    expect(beginLikelyKey(likely())).toBeNull();
    expect(beginLikelyKey(likely({ keyHint: other.slice(0, 16) }))).not.toBeNull();
    expect(beginLikelyKey(likely({ keyHint: 'nothing' }))).toBeNull();
  });

  test('that cannot be read is told to the caller', () => {
    expect(() => beginLikelyKey(likely({ location: join(folder, 'nothing') }))).toThrow('ENOENT');
    expect(() => beginLikelyKey(likely({ location: 'sftp:host' }))).toThrow('sftp');
  });
});

test('of a place far away it is the key that is remembered, if any', () => {
  const location = 's3:https://host/bucket/a';
  expect(beginLikelyKey(likely({ location }))).toBeNull();
  const id = objectId('keys', 'ab'.repeat(32));
  keyMemory(join(folder, 'caches'), location).remember({ id, salt: new Uint8Array(64).fill(7), cost: TINY_COST });
  expect(beginLikelyKey(likely({ location }))).not.toBeNull();
  expect(beginLikelyKey(likely({ location, keyHint: 'abab' }))).not.toBeNull();
  expect(beginLikelyKey(likely({ location, keyHint: 'cd' }))).toBeNull();
  expect(beginLikelyKey(likely({ location, cacheDirectory: undefined }))).toBeNull();
});
