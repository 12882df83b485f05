import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { HostarkError } from '@hostark/protocol';
import { type Backend, type Body, checkRepository, type Handle, memoryBackend } from '@hostark/repository';
import { describe, expect, test } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import type { Scope, Selector } from '../../src/select/selector.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise } from '../support/test-repository.ts';
import { backupAgain, contentOf, newRepository, nodeAt, reopen } from './helpers.ts';

const host = 'h';
const isRoot = process.geteuid?.() === 0;

/** Runs `hook` when the walk asks about `name`: after earlier entries were seen, before any of their content is read. */
function whileWalking(name: string, hook: () => void): Selector {
  const scope: Scope = {
    rejects: (asked) => {
      if (Buffer.from(asked).toString() === name) hook();
      return false;
    },
    rejectsLatin1: () => false,
    below: () => scope,
    belowLatin1: () => scope,
  };
  return { isEmpty: false, rejectsPath: () => false, scope: () => scope };
}

/** `inner`, with something to do before each pack is saved. */
function beforePacks(inner: Backend, hook: (saved: number) => void | Promise<void>): Backend {
  let saved = 0;
  return beforeSaves(inner, ({ type }) => (type === 'data' ? hook(saved++) : undefined));
}

/** Config and keys alone: a repository to which nothing was saved yet. */
async function copyOf(backend: Backend): Promise<Backend> {
  const copy = memoryBackend();
  const handles: Handle[] = [{ type: 'config', name: '' }];
  for await (const { name } of backend.list('keys')) handles.push({ type: 'keys', name });
  for (const handle of handles) await copy.save(handle, await backend.load(handle));
  return copy;
}

function beforeSaves(inner: Backend, hook: (handle: Handle, body: Body) => void | Promise<void>): Backend {
  return {
    location: inner.location,
    connections: inner.connections,
    save: async (handle, body, options) => {
      await hook(handle, body);
      return await inner.save(handle, body, options);
    },
    load: (handle, range, options) => inner.load(handle, range, options),
    size: (handle) => inner.size(handle),
    list: (type) => inner.list(type),
    remove: (handle) => inner.remove(handle),
    exists: (handle) => inner.exists(handle),
    close: () => inner.close(),
  };
}

function makeFiles(folder: string): void {
  mkdirSync(join(folder, 'a'));
  mkdirSync(join(folder, 'b'));
  writeFileSync(join(folder, 'a/victim'), 'victim');
  writeFileSync(join(folder, 'b/marker'), 'marker');
}

describe('a file that', () => {
  testInFolder('vanishes between listing and reading is reported and left out', async ({ folder }) => {
    makeFiles(folder);
    const victim = join(folder, 'a/victim');
    const excludes = whileWalking('marker', () => rmSync(victim));
    const repository = await newRepository(memoryBackend());
    const options = { targets: ['a', 'b'], workingDirectory: folder, host, workers: 0, excludes };
    const result = await backup(repository, options);
    expect(result.errors).toMatchObject([{ item: victim, during: 'open' }]);
    expect(result.errorCount).toBe(1);
    expect(result.summary.filesNew).toBe(1);
    expect(result.snapshotId).not.toBeNull();
    await expect(nodeAt(repository, result.tree, 'a', 'victim')).rejects.toThrow('no victim');
  });

  testInFolder('changes between listing and reading is saved as it is then', async ({ folder }) => {
    makeFiles(folder);
    const excludes = whileWalking('marker', () => writeFileSync(join(folder, 'a/victim'), 'quite another content'));
    const repository = await newRepository(memoryBackend());
    const options = { targets: ['a', 'b'], workingDirectory: folder, host, workers: 0, excludes };
    const { tree, errorCount } = await backup(repository, options);
    const node = await nodeAt(repository, tree, 'a', 'victim');
    expect(errorCount).toBe(0);
    expect(node.size).toBe(21n);
    expect((await contentOf(repository, node)).toString()).toBe('quite another content');
  });

  testInFolder('becomes a symbolic link is not followed', async ({ folder }) => {
    makeFiles(folder);
    const victim = join(folder, 'a/victim');
    const excludes = whileWalking('marker', () => {
      rmSync(victim);
      symlinkSync('/etc/hostname', victim);
    });
    const repository = await newRepository(memoryBackend());
    const options = { targets: ['a', 'b'], workingDirectory: folder, host, workers: 0, excludes };
    const result = await backup(repository, options);
    expect(result.errors).toMatchObject([{ item: victim, during: 'open' }]);
    await expect(nodeAt(repository, result.tree, 'a', 'victim')).rejects.toThrow('no victim');
  });

  testInFolder('cannot be read is reported, and the rest is saved', async ({ folder }) => {
    writeFileSync(join(folder, 'fine'), 'fine');
    const repository = await newRepository(memoryBackend());
    // Opens for its own process, root or not, and fails to read at address 0.
    const targets = ['fine', '/proc/self/mem'];
    const result = await backup(repository, { targets, workingDirectory: folder, host, workers: 0 });
    expect(result.errors).toMatchObject([{ item: '/proc/self/mem', during: 'read' }]);
    expect((await contentOf(repository, await nodeAt(repository, result.tree, 'fine'))).toString()).toBe('fine');
  });
});

describe('a directory that', () => {
  test.skipIf(isRoot)('may not be listed is reported and left out (not as root)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hostark-archive-'));
    try {
      for (const name of ['locked', 'open']) mkdirSync(join(folder, name));
      writeFileSync(join(folder, 'open/secret'), 'x', { mode: 0 });
      chmodSync(join(folder, 'locked'), 0);
      const repository = await newRepository(memoryBackend());
      const options = { targets: ['.'], workingDirectory: folder, host, workers: 0 };
      const result = await backup(repository, options);
      expect(result.errors.map(({ item }) => item)).toEqual([join(folder, 'locked'), join(folder, 'open/secret')]);
      await expect(nodeAt(repository, result.tree, 'locked')).rejects.toThrow('no locked');
    } finally {
      chmodSync(join(folder, 'locked'), 0o700);
      rmSync(folder, { recursive: true });
    }
  });

  testInFolder('vanishes while its parent is walked is reported', async ({ folder }) => {
    mkdirSync(join(folder, 'd/x'), { recursive: true });
    mkdirSync(join(folder, 'd/y'));
    writeFileSync(join(folder, 'd/x/marker'), '');
    const excludes = whileWalking('marker', () => rmSync(join(folder, 'd/y'), { recursive: true }));
    const repository = await newRepository(memoryBackend());
    const options = { targets: ['d'], workingDirectory: folder, host, workers: 0, excludes };
    const result = await backup(repository, options);
    expect(result.errors).toMatchObject([{ item: join(folder, 'd/y'), during: 'readdir' }]);
  });
});

describe('targets that', () => {
  testInFolder('do not exist are reported; the others are saved', async ({ folder }) => {
    writeFileSync(join(folder, 'there'), 'x');
    const repository = await newRepository(memoryBackend());
    const options = { targets: ['there', 'gone'], workingDirectory: folder, host, workers: 0 };
    const result = await backup(repository, options);
    expect(result.errors).toMatchObject([{ item: join(folder, 'gone'), during: 'target' }]);
    expect((await repository.snapshots().load(result.snapshotId!)).paths).toEqual([join(folder, 'there')]);
  });

  testInFolder('do not exist at all are an error', async ({ folder }) => {
    const repository = await newRepository(memoryBackend());
    const run = backup(repository, { targets: ['gone'], workingDirectory: folder, host, workers: 0 });
    await expect(run).rejects.toMatchObject({ code: 'source-missing' });
  });

  testInFolder('hold nothing that may be saved are an error, and no snapshot', async ({ folder }) => {
    const repository = await newRepository(memoryBackend());
    const run = backup(repository, { targets: ['.'], workingDirectory: folder, host, workers: 0 });
    await expect(run).rejects.toMatchObject({ code: 'source-empty' });
    expect(await repository.snapshots().ids()).toEqual([]);
  });
});

describe('an interrupted backup', () => {
  for (const workers of [0, 1, 2]) {
    testInFolder(`leaves what it stored for the next run (${workers} workers)`, async ({ folder }) => {
      for (let i = 0; i < 24; i++) writeFileSync(join(folder, `f${i}`), noise(1_000_000, i));
      const backend = memoryBackend();
      await newRepository(backend);
      const controller = new AbortController();
      const repository = await reopen(beforePacks(backend, (saved) => (saved === 1 ? controller.abort() : undefined)));
      const storage = { workers, packSizeBytes: 4 * 1024 * 1024 };
      const options = { targets: ['.'], workingDirectory: folder, host, ...storage };
      const run = backup(repository, { ...options, signal: controller.signal });
      await expect(run).rejects.toMatchObject({ code: 'interrupted' });
      expect(await repository.snapshots().ids()).toEqual([]);
      expect(await checkRepository(await reopen(backend))).toMatchObject({ errors: 0, hints: 0 });
      const resumed = await backupAgain(backend, options);
      expect(resumed.summary.dataAdded).toBeLessThan(20_000_000);
      expect(resumed.summary.totalBytesProcessed).toBe(24_000_000);
      expect(await checkRepository(await reopen(backend), { readData: { kind: 'all' } })).toMatchObject({ errors: 0 });
    });
  }

  for (const workers of [0, 1]) {
    testInFolder(`while its last pack is saved has an index when it ends (${workers} workers)`, async ({ folder }) => {
      writeFileSync(join(folder, 'file'), noise(100_000, 1));
      const backend = memoryBackend();
      await newRepository(backend);
      const controller = new AbortController();
      let packs = 0;
      const slowIndex = beforeSaves(backend, async ({ type }) => {
        // The data come first, then the trees.
        if (type === 'data' && ++packs === 2) controller.abort();
        if (type === 'index') for (let turn = 0; turn < 20; turn++) await setImmediate();
      });
      const repository = await reopen(slowIndex);
      const options = { targets: ['.'], workingDirectory: folder, host, workers };
      const run = backup(repository, { ...options, signal: controller.signal });
      await expect(run).rejects.toMatchObject({ code: 'interrupted' });
      expect((await backupAgain(backend, options)).summary.dataAdded).toBe(0);
    });
  }

  testInFolder('stores nothing more once the lock is lost', async ({ folder }) => {
    for (let i = 0; i < 12; i++) writeFileSync(join(folder, `f${i}`), noise(1_000_000, i));
    const backend = memoryBackend();
    await newRepository(backend);
    const controller = new AbortController();
    const lost = new HostarkError('lock-lost', 'the lock was lost');
    const repository = await reopen(beforePacks(backend, () => controller.abort(lost)));
    const options = { targets: ['.'], workingDirectory: folder, host, workers: 1, packSizeBytes: 4 * 1024 * 1024 };
    await expect(backup(repository, { ...options, signal: controller.signal })).rejects.toBe(lost);
    for await (const index of backend.list('index')) expect(index).toBeUndefined();
  });

  testInFolder('does not begin when it is interrupted before', async ({ folder }) => {
    const repository = await newRepository(memoryBackend());
    const signal = AbortSignal.abort();
    const run = backup(repository, { targets: ['.'], workingDirectory: folder, host, workers: 0, signal });
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a backup that is killed', () => {
  testInFolder('after any write leaves a repository without errors', async ({ folder }) => {
    for (let i = 0; i < 12; i++) writeFileSync(join(folder, `f${i}`), noise(1_000_000, i));
    const backend = memoryBackend();
    await newRepository(backend);
    const writes: { handle: Handle; body: Uint8Array }[] = [];
    const recording = beforeSaves(backend, (handle, body) => {
      writes.push({ handle, body: Buffer.concat(body instanceof Uint8Array ? [body] : body) });
    });
    const start = await copyOf(backend);
    const options = { targets: ['.'], workingDirectory: folder, host, workers: 2, packSizeBytes: 4 * 1024 * 1024 };
    await backup(await reopen(recording), options);
    expect(writes.map(({ handle }) => handle.type)).toEqual(expect.arrayContaining(['data', 'index', 'snapshots']));
    for (const { handle, body } of writes) {
      await start.save(handle, body);
      expect(await checkRepository(await reopen(start))).toMatchObject({ errors: 0 });
    }
  });
});

describe('storage that fails', () => {
  for (const workers of [0, 2]) {
    testInFolder(`ends the backup with its error (${workers} workers)`, async ({ folder }) => {
      for (let i = 0; i < 24; i++) writeFileSync(join(folder, `f${i}`), noise(1_000_000, i));
      const backend = memoryBackend();
      await newRepository(backend);
      const full = new Error('no space left');
      const failing = beforePacks(backend, (saved) => (saved >= 1 ? Promise.reject(full) : undefined));
      const repository = await reopen(failing);
      const options = { targets: ['.'], workingDirectory: folder, host, workers, packSizeBytes: 4 * 1024 * 1024 };
      await expect(backup(repository, options)).rejects.toBe(full);
      expect(await repository.snapshots().ids()).toEqual([]);
      await expect(backup(repository, options)).rejects.toThrow('did not end well');
      expect((await backupAgain(backend, options)).errorCount).toBe(0);
    });
  }
});

describe('a dry run', () => {
  testInFolder('writes nothing and counts what it would have written', async ({ folder }) => {
    for (let i = 0; i < 8; i++) writeFileSync(join(folder, `f${i}`), noise(900_000, i));
    const backend = memoryBackend();
    await newRepository(backend);
    const options = { targets: ['.'], workingDirectory: folder, workers: 1, packSizeBytes: 4 * 1024 * 1024 };
    const dry = await backupAgain(backend, { ...options, dryRun: true });
    expect(dry.snapshotId).toBeNull();
    for (const type of ['data', 'index', 'snapshots'] as const) {
      for await (const { name } of backend.list(type)) expect(`${type}/${name}`).toBe('nothing');
    }
    const real = await backupAgain(backend, options);
    expect(dry.summary).toEqual(real.summary);
    expect(dry.tree).toBe(real.tree);
  });
});

describe('one open repository', () => {
  testInFolder('that was pruned by another program takes no more backups', async ({ folder }) => {
    writeFileSync(join(folder, 'file'), noise(1000, 1));
    const backend = memoryBackend();
    await newRepository(backend);
    const options = { targets: ['.'], workingDirectory: folder, host, workers: 0 };
    const { snapshotId } = await backupAgain(backend, options);
    const repository = await reopen(backend);
    await backup(repository, options);
    // What a forget and a prune leave of it.
    await backend.remove({ type: 'snapshots', name: snapshotId! });
    for (const type of ['snapshots', 'index', 'data'] as const) {
      for await (const { name } of backend.list(type)) await backend.remove({ type, name });
    }
    await expect(backup(repository, options)).rejects.toMatchObject({ code: 'object-missing' });
    expect((await backupAgain(backend, options)).summary.dataAdded).toBeGreaterThan(1000);
    expect(await checkRepository(await reopen(backend))).toMatchObject({ errors: 0 });
  });

  testInFolder('serves one backup at a time', async ({ folder }) => {
    writeFileSync(join(folder, 'file'), 'x');
    const repository = await newRepository(memoryBackend());
    const options = { targets: ['.'], workingDirectory: folder, host, workers: 0 };
    const first = backup(repository, options);
    await expect(backup(repository, options)).rejects.toThrow(TypeError);
    await first;
    expect((await backup(repository, options)).summary.filesUnmodified).toBe(1);
  });
});
