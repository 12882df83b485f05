import { nodePlatform } from '@hostark/kernels';
import { beforeAll, describe, expect, test } from 'vitest';
import { memoryBackend } from '../../src/backends/memory.ts';
import { parseSubset, selectPacks } from '../../src/check/subset.ts';
import { encodeConfig } from '../../src/config.ts';
import { textOf, utf8 } from '../../src/encoding/bytes.ts';
import { packId } from '../../src/ids.ts';
import { initRepository } from '../../src/init.ts';
import { addKey, listKeys, removeKey } from '../../src/keys/add-key.ts';
import { openRepository } from '../../src/open.ts';
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
