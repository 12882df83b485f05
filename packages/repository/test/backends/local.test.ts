/** A repository in a folder: modes, durability, what happens when the file system says no. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  promises,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Handle } from '../../src/backend.ts';
import { initLocalDirectory, localBackend } from '../../src/backends/local.ts';
import { localError } from '../../src/backends/local-errors.ts';
import { isOnThisMachine } from '../../src/backends/local-kinds.ts';
import { openBackend } from '../../src/backends/open.ts';
import { collect, expectBytes, handleOf, patternBytes } from '../conformance.ts';

const isRoot = process.getuid?.() === 0;
const content = patternBytes(3000, 5);
const pack = handleOf('data', content);
const config: Handle = { type: 'config', name: '' };
let base: string;
let root: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'hostark-local-'));
  root = join(base, 'repo');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const pathOf = (handle: Handle): string =>
  join(root, handle.type, handle.type === 'data' ? handle.name.slice(0, 2) : '', handle.name);
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('init', () => {
  test('makes restic’s folders, for the owner alone', async () => {
    await initLocalDirectory(root);
    expect(readdirSync(root).sort()).toEqual(['data', 'index', 'keys', 'locks', 'snapshots']);
    expect(readdirSync(join(root, 'data'))).toHaveLength(256);
    expect([modeOf(root), modeOf(join(root, 'data', 'ff'))]).toEqual([0o700, 0o700]);
    await initLocalDirectory(root);
  });

  test('refuses a folder that has a config', async () => {
    await initLocalDirectory(root);
    await localBackend(root).save(config, content);
    await expect(openBackend(root, { create: true })).rejects.toMatchObject({ code: 'repository-exists' });
  });

  test('says so when a file is in the way', async () => {
    writeFileSync(root, '');
    await expect(initLocalDirectory(root)).rejects.toMatchObject({
      code: 'no-repository',
      message: expect.stringContaining(root),
    });
    await expect(initLocalDirectory(join(root, 'below'))).rejects.toMatchObject({ code: 'no-repository' });
  });
});

describe('files', () => {
  test('are read-only, and private unless the config is readable for the group', async () => {
    await localBackend(root).save(config, content);
    await localBackend(root).save(pack, content);
    expect([modeOf(join(root, 'config')), modeOf(pathOf(pack))]).toEqual([0o400, 0o400]);
    rmSync(pathOf(pack));
    chmodSync(join(root, 'config'), 0o440);
    await localBackend(root).save(pack, content);
    expect(modeOf(pathOf(pack))).toBe(0o440);
  });

  test('a folder made for a shared repository is open to the group as far as the umask allows', async () => {
    mkdirSync(root);
    writeFileSync(join(root, 'config'), 'x', { mode: 0o640 });
    chmodSync(join(root, 'config'), 0o640);
    await localBackend(root).save(pack, content);
    const umask = process.umask();
    expect(modeOf(join(root, 'data'))).toBe(0o770 & ~umask);
  });

  test('a stump under the final name is replaced by the whole object', async () => {
    mkdirSync(join(root, 'data', pack.name.slice(0, 2)), { recursive: true });
    writeFileSync(pathOf(pack), content.subarray(0, 100));
    await localBackend(root).save(pack, content);
    expectBytes(readFileSync(pathOf(pack)), content);
  });

  test('an object that is there is not written again', async () => {
    const backend = localBackend(root);
    await backend.save(pack, content);
    const before = statSync(pathOf(pack), { bigint: true });
    await backend.save(pack, content);
    const after = statSync(pathOf(pack), { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
  });

  test('no temporary file stays, whether saves end well or badly', async () => {
    const backend = localBackend(root);
    await backend.save(config, content, { createOnly: true });
    await backend.save(config, content, { createOnly: true }).catch(() => {});
    await Promise.all(Array.from({ length: 8 }, () => backend.save(pack, content)));
    const abort = new AbortController();
    const saving = backend.save(handleOf('data', patternBytes(2e6)), patternBytes(2e6), { signal: abort.signal });
    abort.abort(new Error('enough'));
    await saving.catch(() => {});
    const all = readdirSync(root, { recursive: true }).map(String);
    expect(all.filter((path) => path.includes('-tmp-'))).toEqual([]);
  });

  test('its traits name the folder, so that others may take a short way', () => {
    expect(localBackend(root).traits).toMatchObject({ localDirectory: root });
  });

  test('it is coherent where this machine keeps its folder of locks, and nowhere else', () => {
    const proc = localBackend('/proc').traits?.isCoherent;
    expect(proc?.()).toBe(false); // no folder of locks there, and no disk
    const backend = localBackend(root);
    expect(backend.traits?.isCoherent?.()).toBe(false);
    mkdirSync(join(root, 'locks'), { recursive: true });
    const kind = execFileSync('stat', ['--file-system', '--format=%T', root], { encoding: 'utf8' }).trim();
    expect(backend.traits?.isCoherent?.()).toBe(['ext2/ext3', 'xfs', 'btrfs', 'f2fs', 'zfs', 'tmpfs'].includes(kind));
    expect(isOnThisMachine('/proc')).toBe(false);
    expect(isOnThisMachine('/dev/shm')).toBe(true);
  });

  test('folders and links with the name of an object are not objects', async () => {
    mkdirSync(join(root, 'index', 'a'.repeat(64)), { recursive: true });
    symlinkSync('/etc/hostname', join(root, 'index', 'b'.repeat(64)));
    expect(await collect(localBackend(root).list('index'))).toEqual([]);
  });
});

describe('a place that is not as expected', () => {
  test('a folder that is not there has no objects, and a load says what to do', async () => {
    const backend = localBackend(root);
    expect(await collect(backend.list('index'))).toEqual([]);
    expect(await collect(backend.list('data'))).toEqual([]);
    expect(await backend.exists(config)).toBe(false);
    await expect(backend.load(config)).rejects.toMatchObject({
      code: 'no-repository',
      hint: expect.stringContaining('hostark init'),
    });
    await expect(backend.size(pack)).rejects.toMatchObject({ code: 'no-repository' });
    expect(existsSync(root)).toBe(false);
  });

  test('a folder without the object says object-missing', async () => {
    mkdirSync(root);
    await expect(localBackend(root).load(config)).rejects.toMatchObject({ code: 'object-missing' });
  });

  test('a file in place of the folder is no repository', async () => {
    writeFileSync(root, '');
    const backend = localBackend(root);
    await expect(backend.load(config)).rejects.toMatchObject({ code: 'no-repository' });
    await expect(backend.save(pack, content)).rejects.toMatchObject({ code: 'no-repository' });
    await expect(collect(backend.list('index'))).rejects.toMatchObject({ code: 'no-repository' });
  });

  test('opened for reading it refuses every change', async () => {
    await localBackend(root).save(pack, content);
    const reader = localBackend(root, { readOnly: true });
    await expect(reader.save(pack, content)).rejects.toMatchObject({ code: 'backend-denied' });
    await expect(reader.remove(pack)).rejects.toMatchObject({ code: 'backend-denied' });
    expectBytes(await reader.load(pack), content);
  });

  test.skipIf(isRoot)(
    'a folder we may not write to or read from is backend-denied at once (needs an ordinary user)',
    async () => {
      await localBackend(root).save(pack, content);
      chmodSync(join(root, 'data', pack.name.slice(0, 2)), 0o500);
      const other = handleOf('data', patternBytes(10, 7));
      chmodSync(join(root, 'data'), 0o500);
      await expect(localBackend(root).save(other, patternBytes(10, 7))).rejects.toMatchObject({
        code: 'backend-denied',
        retry: 'never',
      });
      chmodSync(pathOf(pack), 0o000);
      await expect(localBackend(root).load(pack)).rejects.toMatchObject({ code: 'backend-denied', retry: 'never' });
      chmodSync(join(root, 'data'), 0o700);
      chmodSync(join(root, 'data', pack.name.slice(0, 2)), 0o700);
    },
  );

  test('a full disk is disk-full, and final', async () => {
    // /dev/full stands for the disk: every write to it is ENOSPC.
    const file = await promises.open('/dev/full', 'w');
    const error = await file.write(content).catch((thrown) => thrown);
    await file.close();
    expect(localError('write x', error)).toMatchObject({ code: 'disk-full', retry: 'never' });
  });

  test.each([
    ['EDQUOT', 'disk-full', 'never'],
    ['EPERM', 'backend-denied', 'never'],
    ['EROFS', 'backend-denied', 'never'],
    ['EIO', 'backend-unavailable', 'later'],
    ['ESTALE', 'backend-unavailable', 'later'],
    ['EMFILE', 'backend-unavailable', 'later'],
  ])('%s is %s, retry %s', (errno, code, retry) => {
    const error = Object.assign(new Error(errno), { code: errno });
    expect(localError('write x', error)).toMatchObject({
      code,
      retry,
      cause: error,
      message: expect.stringContaining(errno),
    });
  });
});

describe('kill', () => {
  /** Starts a process that saves big packs for ever, one after another. */
  async function startWriter(): Promise<ChildProcess> {
    const script = join(base, 'writer.mjs');
    await build({
      stdin: {
        contents: `
          import { localBackend } from './src/backends/local.ts';
          import { createHash } from 'node:crypto';
          const backend = localBackend(process.argv[2]);
          const bytes = new Uint8Array(24 * 1024 * 1024);
          for (let i = 0; ; i++) {
            bytes.fill(i & 255);
            bytes[0] = i;
            await backend.save({ type: 'data', name: createHash('sha256').update(bytes).digest('hex') }, bytes);
          }`,
        resolveDir: join(import.meta.dirname, '..', '..'),
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: script,
      logLevel: 'silent',
    });
    return spawn(process.execPath, [script, root], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  test('a writer killed at any moment leaves only whole objects under final names', async () => {
    await initLocalDirectory(root);
    let leftovers = 0;
    for (let round = 0; round < 4; round++) {
      const writer = await startWriter();
      const ended = new Promise((resolve) => writer.once('exit', resolve));
      // The moment is chosen by what the writer does: in the middle of its next temporary file.
      await new Promise<void>((resolve) => {
        const watcher = watch(join(root, 'data'), { recursive: true }, (_, name) => {
          if (!name?.includes('-tmp-')) return;
          watcher.close();
          resolve();
        });
      });
      writer.kill('SIGKILL');
      await ended;
      const backend = localBackend(root);
      for await (const { name } of backend.list('data')) {
        const bytes = await backend.load({ type: 'data', name });
        expect(handleOf('data', bytes).name).toBe(name);
      }
      leftovers += readdirSync(join(root, 'data'), { recursive: true }).filter((path) =>
        String(path).includes('-tmp-'),
      ).length;
    }
    expect(leftovers, 'the kill must have hit at least once before the rename').toBeGreaterThan(0);
  });
});
