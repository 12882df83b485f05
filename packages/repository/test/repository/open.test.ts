import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodePlatform, type Platform } from '@hostark/kernels';
import { beforeAll, describe, expect, test } from 'vitest';
import { counting } from '../../src/backends/counting.ts';
import { memoryBackend } from '../../src/backends/memory.ts';
import { keyMemory } from '../../src/cache/key-memory.ts';
import { parseSubset, selectPacks } from '../../src/check/subset.ts';
import { encodeConfig } from '../../src/config.ts';
import { textOf, utf8 } from '../../src/encoding/bytes.ts';
import { objectId, packId } from '../../src/ids.ts';
import { initRepository } from '../../src/init.ts';
import { addKey, listKeys, removeKey } from '../../src/keys/add-key.ts';
import { decodeKnownKey, encodeKnownKey, type KeyMemory, type KnownKey } from '../../src/keys/known-key.ts';
import { KEY_COST } from '../../src/keys/password.ts';
import { type OpenOptions, openRepository } from '../../src/open.ts';
import type { Repository } from '../../src/repository.ts';
import { sealBytes } from '../../src/unpacked.ts';
import { NOON, TINY_COST, writeSample } from '../support/sample.ts';

const platform = nodePlatform();
const password = 'pässword\u0000 verbatim ';

async function fresh(version: 1 | 2 = 2): Promise<{ objects: Map<string, Uint8Array>; repo: Repository }> {
  const backend = memoryBackend();
  const repo = await initRepository(backend, { password, platform, version, cost: TINY_COST, hostname: 'h<1>' });
  return { objects: backend.objects, repo };
}

describe('init', () => {
  test.each([1, 2] as const)('makes a repository of version %i that opens with its password', async (version) => {
    const { objects, repo } = await fresh(version);
    expect([...objects.keys()].map((path) => path.split('/')[0]).sort()).toEqual(['config', 'keys']);
    const opened = await openRepository(memoryBackend(objects), { password, platform });
    expect(opened.config).toEqual(repo.config);
    expect(opened.config.version).toBe(version);
    expect(opened.key).toEqual(repo.key);
  });

  test('keeps a polynomial that is given, and refuses a reducible one', async () => {
    const polynomial = 0x3da3358b4dc173n;
    const repo = await initRepository(memoryBackend(), { password, platform, polynomial, cost: TINY_COST });
    expect(repo.config.polynomial).toBe(polynomial);
    const reducible = initRepository(memoryBackend(), { password, platform, polynomial: 0x38f1e565e288dfn });
    await expect(reducible).rejects.toThrow(RangeError);
  });

  test.each(['config', 'keys', 'snapshots'])('refuses a place that holds %s', async (type) => {
    const { objects, repo } = await fresh();
    await repo.snapshots().ids();
    await writeSample(repo);
    for (const path of [...objects.keys()]) if (!path.startsWith(type)) objects.delete(path);
    expect(objects.size).toBe(1);
    const again = initRepository(memoryBackend(objects), { password, platform, cost: TINY_COST });
    await expect(again).rejects.toMatchObject({ code: 'repository-exists' });
    expect(objects.size).toBe(1);
  });
});

describe('a key that is remembered', () => {
  /** Counts derivations and lists of keys. */
  function watched(objects: Map<string, Uint8Array>): {
    open: (options?: Partial<OpenOptions>) => Promise<Repository>;
    memory: { key: KnownKey | null };
    seen: { derived: number; listed: number };
  } {
    const memory: { key: KnownKey | null } = { key: null };
    const seen = { derived: 0, listed: 0 };
    const keys: KeyMemory = {
      recall: () => memory.key,
      remember: (known) => {
        memory.key = known;
      },
    };
    const scrypt: Platform['scrypt'] = (...args) => {
      seen.derived++;
      return platform.scrypt(...args);
    };
    const open = async (options: Partial<OpenOptions> = {}): Promise<Repository> => {
      Object.assign(seen, { derived: 0, listed: 0 });
      const backend = counting(memoryBackend(objects));
      try {
        return await openRepository(backend, { password, platform: { ...platform, scrypt }, keys, ...options });
      } finally {
        seen.listed = backend.counts.list.requests;
      }
    };
    return { open, memory, seen };
  }

  test('opens without a list of keys, derived once', async () => {
    const { objects, repo } = await fresh();
    const { open, memory, seen } = watched(objects);
    await open();
    expect(seen).toEqual({ derived: 1, listed: 1 });
    expect(memory.key?.id).toBe(repo.keyId);
    expect((await open()).key).toEqual(repo.key);
    expect(seen).toEqual({ derived: 1, listed: 0 });
  });

  test('is no harm when it was removed, is another password’s, or the hint is for another', async () => {
    const { objects, repo } = await fresh();
    const { open, memory, seen } = watched(objects);
    await open();
    const other = await addKey(repo, {
      password: 'other',
      username: '',
      hostname: '',
      created: NOON,
      cost: TINY_COST,
    });
    expect((await open({ password: 'other' })).keyId).toBe(other);
    expect(memory.key?.id).toBe(other);
    expect((await open({ keyHint: repo.keyId.slice(0, 12) })).keyId).toBe(repo.keyId);
    expect(seen).toEqual({ derived: 1, listed: 1 });
    objects.delete(`keys/${repo.keyId}`);
    await expect(open()).rejects.toMatchObject({ code: 'wrong-password' });
    await open({ password: 'other' });
    expect(memory.key?.id).toBe(other);
  });

  test('a wrong password is tried once with it', async () => {
    const { objects } = await fresh();
    const { open, seen } = watched(objects);
    await open();
    await expect(open({ password: 'wrong' })).rejects.toMatchObject({ code: 'wrong-password' });
    expect(seen).toEqual({ derived: 1, listed: 1 });
  });

  test('that is not what it says is derived as its file says', async () => {
    const { objects, repo } = await fresh();
    const { open, memory, seen } = watched(objects);
    await open();
    memory.key = { ...memory.key!, salt: new Uint8Array(64) };
    expect((await open()).key).toEqual(repo.key);
    expect(seen).toEqual({ derived: 2, listed: 0 });
    expect(memory.key.salt).not.toEqual(new Uint8Array(64));
  });

  test('is written and read back; anything else, or what nobody asks for, is nothing', () => {
    const known: KnownKey = { id: objectId('keys', 'ab'.repeat(32)), salt: new Uint8Array(64).fill(7), cost: KEY_COST };
    expect(decodeKnownKey(encodeKnownKey(known))).toEqual(known);
    const costs = [{ n: 2 ** 20 }, { p: 1000 }, { r: 0 }, { n: 1.5 }, { p: '4' as unknown as number }];
    for (const cost of costs)
      expect(decodeKnownKey(encodeKnownKey({ ...known, cost: { ...KEY_COST, ...cost } }))).toBeNull();
    for (const text of ['', '[]', 'null', '{}', '{"id":"x","salt":""}']) expect(decodeKnownKey(utf8(text))).toBeNull();
    expect(decodeKnownKey(encodeKnownKey({ ...known, salt: new Uint8Array(9) }))).toBeNull();
  });

  test('lies beside the caches, for its location alone', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hostark-keys-'));
    try {
      const known: KnownKey = {
        id: objectId('keys', 'ab'.repeat(32)),
        salt: new Uint8Array(64).fill(7),
        cost: KEY_COST,
      };
      const here = keyMemory(join(folder, 'caches'), 's3:https://host/bucket/a');
      expect(here.recall()).toBeNull();
      here.remember(known);
      expect(keyMemory(join(folder, 'caches'), 's3:https://host/bucket/a').recall()).toEqual(known);
      expect(keyMemory(join(folder, 'caches'), 's3:https://host/bucket/b').recall()).toBeNull();
      writeFileSync(join(folder, 'file'), '');
      keyMemory(join(folder, 'file'), 's3:https://host/bucket/a').remember(known);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('open', () => {
  test('says that there is no repository, that the password is wrong, by code', async () => {
    const { objects } = await fresh();
    const nothing = openRepository(memoryBackend(), { password, platform });
    await expect(nothing).rejects.toMatchObject({ code: 'no-repository' });
    for (const wrong of ['', password.trim(), `${password} `]) {
      const opening = openRepository(memoryBackend(objects), { password: wrong, platform });
      await expect(opening).rejects.toMatchObject({ code: 'wrong-password' });
    }
  });

  test.each([
    ['repository-unsupported', { version: 3, polynomial: 0x3da3358b4dc173n }],
    ['repository-damaged', { version: 2, polynomial: 0x38f1e565e288dfn }],
    ['repository-damaged', { version: 2, polynomial: 0x3da3358b4dc173n, id: 'short' }],
  ])('says %s for a config of %o', async (code, config) => {
    const { objects, repo } = await fresh();
    const plain = encodeConfig({ ...repo.config, ...config } as never);
    objects.set('config', sealBytes(repo.sealer, plain));
    await expect(openRepository(memoryBackend(objects), { password, platform })).rejects.toMatchObject({ code });
  });

  test('never puts the password into an error', async () => {
    const { objects } = await fresh();
    const secret = 'correct horse battery staple';
    const error = await openRepository(memoryBackend(objects), { password: secret, platform }).catch((e: Error) => e);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(secret);
  });
});

describe('keys', () => {
  test('can be added and removed; each opens the same repository, and the current one stays', async () => {
    const { objects, repo } = await fresh();
    const options = { password: utf8('second'), username: 'ops', hostname: 'console', created: NOON, cost: TINY_COST };
    const id = await addKey(repo, options);
    const second = await openRepository(memoryBackend(objects), { password: 'second', platform });
    expect(second.keyId).toBe(id);
    expect(second.key).toEqual(repo.key);
    const listed = await listKeys(second);
    expect(listed.map(({ current, file }) => [current, file.username, file.hostname]).sort()).toEqual([
      [false, '', 'h<1>'],
      [true, 'ops', 'console'],
    ]);
    await expect(removeKey(second, id)).rejects.toMatchObject({ code: 'usage' });
    await removeKey(second, repo.keyId);
    const first = openRepository(memoryBackend(objects), { password, platform });
    await expect(first).rejects.toMatchObject({ code: 'wrong-password' });
  });

  test('beyond the twentieth are found by their hint, and only so', async () => {
    const { objects, repo } = await fresh();
    for (let n = 0; n < 24; n++) {
      await addKey(repo, { password: `p${n}`, username: '', hostname: '', created: NOON, cost: TINY_COST });
    }
    const last = await addKey(repo, { password: 'last', username: '', hostname: '', created: NOON, cost: TINY_COST });
    const unhinted = openRepository(memoryBackend(objects), { password: 'last', platform });
    await expect(unhinted).rejects.toMatchObject({
      code: 'wrong-password',
      hint: expect.stringContaining('--key-hint'),
    });
    for (const keyHint of [last, last.slice(0, 10)]) {
      expect((await openRepository(memoryBackend(objects), { password: 'last', platform, keyHint })).keyId).toBe(last);
    }
  });

  test('are written as restic writes them', async () => {
    const { objects } = await fresh();
    const [, bytes] = [...objects].find(([path]) => path.startsWith('keys/'))!;
    expect(textOf(bytes)).toMatch(
      /^\{"created":"[^"]+","username":"","hostname":"h\\u003c1\\u003e","kdf":"scrypt","N":2,"r":1,"p":1,"salt":"[A-Za-z0-9+/=]{88}","data":"[A-Za-z0-9+/=]+"\}$/,
    );
  });
});

test('a new key costs four rounds of 32 MiB, on every machine', async () => {
  const backend = memoryBackend();
  await initRepository(backend, { password, platform });
  for await (const { name } of backend.list('keys')) {
    const file = JSON.parse(Buffer.from(await backend.load({ type: 'keys', name })).toString());
    expect(file).toMatchObject({ kdf: 'scrypt', N: 32768, r: 8, p: 4 });
  }
});

describe('the data subset', () => {
  const packs = Array.from({ length: 512 }, (_, n) => {
    const id = packId(
      (n % 256).toString(16).padStart(2, '0') + 'e'.repeat(60) + (n >> 8).toString(16).padStart(2, '0'),
    );
    return { id, size: 1000 };
  });
  beforeAll(() => expect(new Set(packs.map(({ id }) => id)).size).toBe(512));

  test('in parts: all parts together are every pack once', () => {
    const parts = [1, 2, 3, 4, 5, 6, 7].flatMap((n) => selectPacks(packs, parseSubset(`${n}/7`), Math.random));
    expect(parts.map(({ id }) => id).sort()).toEqual(packs.map(({ id }) => id).sort());
  });

  test.each([
    ['25%', 128],
    ['0.0001%', 1],
    ['100%', 512],
    ['10000', 10],
    ['1', 1],
    ['1K', 1],
    ['1T', 512],
  ])('of %s is %i random packs', (text, count) => {
    let n = 0.1;
    const random = (): number => {
      n = (n * 16807) % 1;
      return n;
    };
    expect(new Set(selectPacks(packs, parseSubset(text), random)).size).toBe(count);
  });

  test.each(['', '0/5', '6/5', '1/257', '0%', '101%', '-5', 'x', '5X', '0'])('%j is refused', (text) => {
    expect(() => parseSubset(text)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
