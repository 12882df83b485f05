/** The cache: what it spares, what it notices, and that it never gets in the way. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Handle } from '../../src/backend.ts';
import { type CountingBackend, counting } from '../../src/backends/counting.ts';
import { type MemoryBackend, memoryBackend } from '../../src/backends/memory.ts';
import { type CachingBackend, caching } from '../../src/cache/caching.ts';
import { listCaches, removeCache } from '../../src/cache/old.ts';
import { collect, expectBytes, handleOf, patternBytes } from '../conformance.ts';

const ID = 'ab'.repeat(32);
let directory: string;
let memory: MemoryBackend;
let below: CountingBackend;
let backend: CachingBackend;
let problems: unknown[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hostark-cache-'));
  memory = memoryBackend();
  fresh();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A new process over the same repository and cache. */
function fresh(): void {
  problems = [];
  below = counting(memory);
  backend = caching(below, { directory, repositoryId: ID, onProblem: (error) => problems.push(error) });
}

function cached(handle: Handle): string {
  return join(directory, ID, handle.type, handle.name.slice(0, 2), handle.name);
}

const content = patternBytes(5000, 7);

describe('caching', () => {
  test.each(['index', 'snapshots'] as const)('an object of type %s is read from the repository once', async (type) => {
    const handle = handleOf(type, content);
    await memory.save(handle, content);
    expectBytes(await backend.load(handle), content);
    expectBytes(await backend.load(handle), content);
    fresh();
    expectBytes(await backend.load(handle), content);
    expectBytes(await backend.load(handle, { offset: 10, length: 100 }), content.subarray(10, 110));
    expect(below.counts.load.requests).toBe(0);
  });

  test('a pack of trees is fetched whole once, whatever ranges are asked at the same time', async () => {
    const handle = handleOf('data', content);
    await memory.save(handle, content);
    const ranges = Array.from({ length: 10 }, (_, i) => ({ offset: i * 300, length: 300 + i }));
    await Promise.all(
      ranges.map(async (range) => {
        const bytes = await backend.load(handle, range, { metadata: true });
        expectBytes(bytes, content.subarray(range.offset, range.offset + range.length));
      }),
    );
    expect(below.counts.load).toMatchObject({ requests: 1, bytes: 5000 });
  });

  test('a cached copy says its size without a request, unless it is damaged', async () => {
    const handle = handleOf('data', content);
    await memory.save(handle, content);
    expect(await backend.size(handle)).toBe(5000);
    expect(below.counts.size.requests).toBe(1);
    await backend.load(handle, undefined, { metadata: true });
    fresh();
    expect(await backend.size(handle)).toBe(5000);
    expectBytes(await backend.load(handle, undefined, { metadata: true }), content);
    expect([below.counts.size.requests, below.counts.load.requests]).toEqual([0, 0]);
    fresh();
    writeFileSync(cached(handle), content.subarray(0, 4000));
    expect(await backend.size(handle)).toBe(5000);
    expect(below.counts.size.requests).toBe(1);
  });

  test('what is saved is in the cache already', async () => {
    const index = handleOf('index', content);
    const trees = handleOf('data', patternBytes(400, 8));
    await backend.save(index, [content.subarray(0, 1), content.subarray(1)]);
    await backend.save(trees, patternBytes(400, 8), { metadata: true });
    expectBytes(await backend.load(index), content);
    expectBytes(
      await backend.load(trees, { offset: 1, length: 3 }, { metadata: true }),
      patternBytes(400, 8).subarray(1, 4),
    );
    expect(below.counts.load.requests).toBe(0);
  });

  test('packs of data, keys, locks and the config are not kept', async () => {
    for (const type of ['data', 'keys', 'locks', 'config'] as const) {
      const handle = handleOf(type, content);
      await backend.save(handle, content);
      await backend.load(handle);
      await backend.load(handle);
    }
    expect(below.counts.load.requests).toBe(8);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('the layout is restic’s', async () => {
    const handle = handleOf('index', content);
    await backend.save(handle, content);
    expect(readFileSync(join(directory, 'CACHEDIR.TAG'), 'utf8')).toBe('Signature: 8a477f597d28d172789f06886806bc55\n');
    expect(readFileSync(join(directory, ID, 'version'), 'utf8')).toBe('1');
    expectBytes(readFileSync(cached(handle)), content);
    expect(statSync(join(directory, ID)).mode & 0o777).toBe(0o700);
    expect(statSync(cached(handle)).mode & 0o077).toBe(0);
  });

  test.each([
    [
      'changed',
      (path: string) =>
        writeFileSync(
          path,
          content.map((byte, i) => (i === 4000 ? byte ^ 1 : byte)),
        ),
    ],
    ['cut off', (path: string) => writeFileSync(path, content.subarray(0, 3000))],
    ['cut to almost nothing', (path: string) => writeFileSync(path, content.subarray(0, 32))],
    ['empty', (path: string) => writeFileSync(path, '')],
    ['gone', (path: string) => rmSync(path)],
  ])('a copy that is %s is fetched again', async (_, damage) => {
    for (const [type, range] of [
      ['index', undefined],
      ['data', { offset: 100, length: 50 }],
    ] as const) {
      fresh();
      const handle = handleOf(type, content);
      await backend.save(handle, content, { metadata: true });
      damage(cached(handle));
      fresh();
      const expected = range === undefined ? content : content.subarray(100, 150);
      expectBytes(await backend.load(handle, range, { metadata: true }), expected);
      expectBytes(await backend.load(handle, range, { metadata: true }), expected);
      expect(below.counts.load.requests).toBe(1);
      expectBytes(readFileSync(cached(handle)), content);
    }
  });

  test('a copy deleted under a running process is fetched again', async () => {
    const handle = handleOf('data', content);
    await backend.save(handle, content, { metadata: true });
    rmSync(cached(handle));
    expectBytes(await backend.load(handle, { offset: 1, length: 2 }, { metadata: true }), content.subarray(1, 3));
  });

  test('what is damaged in the repository is handed on and not kept', async () => {
    const handle = handleOf('index', content);
    memory.objects.set(`index/${handle.name}`, content.subarray(0, 4999));
    expect((await backend.load(handle)).length).toBe(4999);
    expect(existsSync(cached(handle))).toBe(false);
    memory.objects.set(`index/${handle.name}`, content);
    expectBytes(await backend.load(handle), content);
  });

  test('a range beyond the end of a cached pack is object-truncated', async () => {
    const handle = handleOf('data', content);
    await backend.save(handle, content, { metadata: true });
    await expect(backend.load(handle, { offset: 4000, length: 1001 }, { metadata: true })).rejects.toMatchObject({
      code: 'object-truncated',
    });
  });

  test('a full listing evicts what the repository no longer has, and nothing else', async () => {
    const [gone, kept, late] = [1, 2, 3].map((seed) => patternBytes(100, seed)) as [Uint8Array, Uint8Array, Uint8Array];
    for (const bytes of [gone, kept]) await backend.save(handleOf('index', bytes), bytes);
    memory.objects.delete(`index/${handleOf('index', gone).name}`);
    for await (const _ of backend.list('index')) await backend.save(handleOf('index', late), late);
    expect(existsSync(cached(handleOf('index', gone)))).toBe(false);
    expect(existsSync(cached(handleOf('index', kept)))).toBe(true);
    expect(existsSync(cached(handleOf('index', late)))).toBe(true);
  });

  test('a listing that breaks off evicts nothing', async () => {
    for (const seed of [1, 2, 3]) await backend.save(handleOf('index', patternBytes(99, seed)), patternBytes(99, seed));
    for await (const _ of backend.list('index')) break;
    for (const seed of [1, 2, 3]) expect(existsSync(cached(handleOf('index', patternBytes(99, seed))))).toBe(true);
  });

  test('removing an object removes its copy', async () => {
    const handle = handleOf('snapshots', content);
    await backend.save(handle, content);
    await backend.remove(handle);
    expect(existsSync(cached(handle))).toBe(false);
    await expect(backend.load(handle)).rejects.toMatchObject({ code: 'object-missing' });
  });

  test('a cache that cannot be made is told once, and the work goes on', async () => {
    writeFileSync(join(directory, 'file'), '');
    const blocked = caching(below, {
      directory: join(directory, 'file'),
      repositoryId: ID,
      onProblem: (error) => problems.push(error),
    });
    const handle = handleOf('index', content);
    await blocked.save(handle, content);
    expectBytes(await blocked.load(handle), content);
    expect(await collect(blocked.list('index'))).toHaveLength(1);
    expect(problems).toHaveLength(1);
  });

  test('a copy that cannot be written is told, and the save has succeeded', async () => {
    const handle = handleOf('index', content);
    await backend.load(handle).catch(() => {});
    mkdirSync(join(directory, ID, 'index'), { recursive: true });
    writeFileSync(join(directory, ID, 'index', handle.name.slice(0, 2)), '');
    await backend.save(handle, content);
    expect(problems).toHaveLength(1);
    expect(await memory.exists(handle)).toBe(true);
    expectBytes(await backend.load(handle), content);
  });

  test('a cache of a newer layout is left alone', async () => {
    mkdirSync(join(directory, ID), { recursive: true });
    writeFileSync(join(directory, ID, 'version'), '2');
    fresh();
    const handle = handleOf('index', content);
    await backend.save(handle, content);
    expect(readdirSync(join(directory, ID))).toEqual(['version']);
    expect(String(problems[0])).toContain('expected layout version 1');
  });
});

describe('caches', () => {
  test('those not used for 30 days are old, and can be removed', async () => {
    const now = Date.now();
    await backend.save(handleOf('index', content), content);
    const old = 'cd'.repeat(32);
    mkdirSync(join(directory, old));
    const before = new Date(now - 31 * 24 * 3_600_000);
    utimesSync(join(directory, old), before, before);
    const caches = await listCaches(directory, now);
    expect(caches.map(({ repositoryId, old }) => [repositoryId, old])).toEqual([
      [ID, false],
      [old, true],
    ]);
    for (const entry of caches) if (entry.old) await removeCache(entry);
    expect(readdirSync(directory).sort()).toEqual([ID, 'CACHEDIR.TAG'].sort());
  });

  test('where there is no folder there are no caches', async () => {
    expect(await listCaches(join(directory, 'missing'), 0)).toEqual([]);
  });
});
