/** Damage is named, everything else comes back, and no wrong byte is ever left under a name. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostarkError } from '@hostark/protocol';
import { type Backend, blobId, idBytes, localBackend, memoryBackend, type PackId } from '@hostark/repository';
import { describe, expect, test } from 'vitest';
import { restore } from '../../src/restore/restore.ts';
import { PARTIAL_SUFFIX } from '../../src/restore/rows.ts';
import { workersBuilt } from '../support/fixture-repository.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise, TestRepository } from '../support/test-repository.ts';

const CHUNKS = [noise(600_000, 1), noise(600_000, 2), noise(300_000, 3)];
const SMALL = Buffer.from('a small file');

/** Two packs: one with the first chunk of `big`, one with everything else. */
async function sample(backend: Backend = memoryBackend()): Promise<{
  made: TestRepository;
  tree: ReturnType<TestRepository['tree']>;
  /** The pack that holds the first chunk of `big` alone. */
  first: PackId;
}> {
  const made = await TestRepository.create(backend);
  made.blob('data', CHUNKS[0]!);
  await made.closePacks();
  const first = made.packs[0]!;
  const tree = made.tree([made.file('big', CHUNKS), made.file('small', [SMALL]), made.file('twin', [CHUNKS[0]!])]);
  await made.closePacks();
  return { made, tree, first };
}

/** Stores other bytes under the name of a pack. */
async function overwritePack(backend: Backend, pack: PackId, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const handle = { type: 'data', name: pack } as const;
  const bytes = await backend.load(handle);
  await backend.remove(handle);
  await backend.save(handle, change(bytes));
}

function partials(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith(PARTIAL_SUFFIX));
}

const DAMAGES: readonly (readonly [string, (backend: Backend, pack: PackId) => Promise<void>])[] = [
  ['missing', (backend, pack) => backend.remove({ type: 'data', name: pack })],
  ['cut short', (backend, pack) => overwritePack(backend, pack, (bytes) => bytes.slice(0, 300_000))],
  [
    'changed in one bit',
    (backend, pack) =>
      overwritePack(backend, pack, (bytes) => {
        const changed = bytes.slice();
        changed[400_000] = changed[400_000]! ^ 4;
        return changed;
      }),
  ],
];

describe.each(DAMAGES)('a pack that is %s', (_, damage) => {
  testInFolder('costs the files that need it, and no others', async ({ folder }) => {
    const { made, tree, first } = await sample();
    await damage(made.repository.backend, first);
    const result = await restore(made.repository, tree, folder, { workers: 0 });
    expect(result.errorCount).toBe(2);
    expect(result.errors.map(({ item }) => item).sort()).toEqual(['/big', '/twin']);
    for (const { message } of result.errors) expect(message).toContain(first);
    expect(readFileSync(join(folder, 'small')).equals(SMALL)).toBe(true);
    expect(readdirSync(folder)).toEqual(['small']);
  });

  testInFolder('is no loss while another pack holds the same blob', async ({ folder }) => {
    const { made, tree, first } = await sample();
    made.blob('data', CHUNKS[0]!, true);
    await made.closePacks();
    await damage(made.repository.backend, first);
    const result = await restore(made.repository, tree, folder, { workers: 0, verify: true });
    expect(result).toMatchObject({ errorCount: 0, filesVerified: 3 });
    expect(readFileSync(join(folder, 'big')).equals(Buffer.concat(CHUNKS))).toBe(true);
    expect(readFileSync(join(folder, 'twin')).equals(CHUNKS[0]!)).toBe(true);
  });

  testInFolder('leaves an existing file of one blob as it was', async ({ folder }) => {
    const { made, tree, first } = await sample();
    await damage(made.repository.backend, first);
    writeFileSync(join(folder, 'twin'), 'mine');
    await restore(made.repository, tree, folder, { workers: 0, include: ['/twin'] });
    expect(readFileSync(join(folder, 'twin'), 'utf8')).toBe('mine');
  });

  testInFolder('moves a half updated file of the user aside under a partial name', async ({ folder }) => {
    const { made, tree, first } = await sample();
    const old = Buffer.concat([Buffer.alloc(600_000), CHUNKS[1]!, Buffer.alloc(300_000)]);
    await damage(made.repository.backend, first);
    writeFileSync(join(folder, 'big'), old);
    const result = await restore(made.repository, tree, folder, { workers: 0, include: ['/big'] });
    expect(result.errorCount).toBeGreaterThan(0);
    expect(existsSync(join(folder, 'big'))).toBe(false);
    expect(partials(folder)).toHaveLength(1);
  });

  test.skipIf(!workersBuilt())('is found by threads that read the repository themselves', async () => {
    const { mkdtempSync, rmSync } = await import('node:fs');
    const base = mkdtempSync(join((await import('node:os')).tmpdir(), 'hostark-damage-'));
    try {
      const { made, tree, first } = await sample(localBackend(join(base, 'repo')));
      await damage(made.repository.backend, first);
      const result = await restore(made.repository, tree, join(base, 'out'), { workers: 2 });
      expect(result.errors.map(({ item }) => item).sort()).toEqual(['/big', '/twin']);
      expect(readdirSync(join(base, 'out'))).toEqual(['small']);
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  });
});

describe('a tree that is wrong', () => {
  testInFolder('passes nothing off as empty', async ({ folder }) => {
    const made = await TestRepository.create();
    const file = { ...made.file('file', [SMALL]), content: null };
    const dir = { ...made.dir('dir', []), subtree: null };
    const tree = made.tree([file, dir, made.file('kept', [SMALL])]);
    await made.closePacks();
    const result = await restore(made.repository, tree, folder, { workers: 0 });
    expect(result.errors).toMatchObject([
      { item: '/dir', during: 'tree' },
      { item: '/file', during: 'content' },
    ]);
    expect(readdirSync(folder)).toEqual(['dir', 'kept']);
  });

  testInFolder(
    'or an index that puts two blobs at one place gives no file the bytes of the other',
    async ({ folder }) => {
      const made = await TestRepository.create();
      const right = made.file('right', [SMALL]);
      await made.closePacks();
      const blobs = made.repository.blobs;
      const place = blobs.lookup('data', idBytes(right.content![0]!))!;
      const strange = blobId('ab'.repeat(32));
      blobs.publish('data', idBytes(strange), 0, place);
      const tree = made.tree([right, { ...made.file('wrong', [SMALL]), content: [strange] }]);
      await made.closePacks();
      const result = await restore(made.repository, tree, folder, { workers: 0 });
      expect(result.errors).toMatchObject([{ item: '/wrong' }]);
      expect(readFileSync(join(folder, 'right')).equals(SMALL)).toBe(true);
      expect(readdirSync(folder)).toEqual(['right']);
    },
  );
});

describe('what the index does not know', () => {
  testInFolder('a missing blob fails its file before anything is made', async ({ folder }) => {
    const made = await TestRepository.create();
    const lost = made.file('lost', [SMALL]);
    const tree = made.tree([{ ...lost, content: ['ab'.repeat(32) as never] }, made.file('kept', [SMALL])]);
    await made.closePacks();
    const result = await restore(made.repository, tree, folder, { workers: 0 });
    expect(result.errors).toEqual([
      expect.objectContaining({ item: '/lost', message: expect.stringContaining('abab') }),
    ]);
    expect(readdirSync(folder)).toEqual(['kept']);
  });

  testInFolder(
    'a missing folder tree is named, its neighbours come back, and nothing is deleted for it',
    async ({ folder }) => {
      const made = await TestRepository.create();
      const gone = { ...made.dir('gone', []), subtree: 'cd'.repeat(32) as never };
      const tree = made.tree([gone, made.file('kept', [SMALL])]);
      await made.closePacks();
      const { mkdirSync } = await import('node:fs');
      mkdirSync(join(folder, 'gone'));
      writeFileSync(join(folder, 'gone', 'precious'), 'x');
      const result = await restore(made.repository, tree, folder, { workers: 0, delete: true });
      expect(result.errors).toEqual([expect.objectContaining({ item: '/gone', during: 'tree' })]);
      expect(readdirSync(folder).sort()).toEqual(['gone', 'kept']);
      expect(existsSync(join(folder, 'gone', 'precious'))).toBe(true);
    },
  );
});

describe('what ends a restore', () => {
  testInFolder('an unreachable backend is an error of its own, and nothing unfinished stays', async ({ folder }) => {
    const { made, tree } = await sample();
    const { backend } = made.repository;
    const load = backend.load.bind(backend);
    let loads = 0;
    backend.load = async (handle, range, options) => {
      if (handle.type === 'data' && (range?.length ?? 0) > 500_000 && ++loads > 1) {
        throw new HostarkError('backend-unavailable', 'gone');
      }
      return load(handle, range, options);
    };
    await expect(restore(made.repository, tree, folder, { workers: 0 })).rejects.toMatchObject({
      code: 'backend-unavailable',
    });
    expect(partials(folder)).toEqual([]);
    expect(existsSync(join(folder, 'big'))).toBe(false);
  });

  testInFolder('an interrupt is told as such, and nothing unfinished stays', async ({ folder }) => {
    const { made, tree } = await sample();
    const stop = new AbortController();
    const { backend } = made.repository;
    const load = backend.load.bind(backend);
    backend.load = async (handle, range, options) => {
      if (handle.type === 'data' && (range?.length ?? 0) > 500_000) stop.abort();
      return load(handle, range, options);
    };
    const running = restore(made.repository, tree, folder, { workers: 0, signal: stop.signal });
    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
    expect(partials(folder)).toEqual([]);
    expect(existsSync(join(folder, 'big'))).toBe(false);
  });
});
