/** Every backend and wrapper against the same suite. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Backend } from '../../src/backend.ts';
import { anticipating } from '../../src/backends/anticipating.ts';
import { systemClock } from '../../src/backends/clock.ts';
import { counting } from '../../src/backends/counting.ts';
import { heldBack } from '../../src/backends/held-back.ts';
import { limited } from '../../src/backends/limited.ts';
import { localBackend } from '../../src/backends/local.ts';
import { memoryBackend } from '../../src/backends/memory.ts';
import { openBackend } from '../../src/backends/open.ts';
import { rateLimited } from '../../src/backends/rate-limited.ts';
import { retrying } from '../../src/backends/retrying.ts';
import { caching } from '../../src/cache/caching.ts';
import { describeBackend, type Subject } from '../conformance.ts';

function inMemory(wrap: (inner: Backend) => Backend = (inner) => inner): () => Subject {
  return () => {
    const memory = memoryBackend();
    return { backend: wrap(memory), plant: (path, bytes) => void memory.objects.set(path, bytes.slice()) };
  };
}

function temporary(): { path: string; dispose: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'hostark-storage-'));
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

function plantIn(root: string): (path: string, bytes: Uint8Array) => void {
  return (path, bytes) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    rmSync(join(root, path), { force: true });
    writeFileSync(join(root, path), bytes);
  };
}

describeBackend('memory', inMemory());
describeBackend(
  'retrying',
  inMemory((inner) => retrying(inner)),
);
describeBackend(
  'limited to one',
  inMemory((inner) => limited(inner, 1)),
);
describeBackend(
  'counting',
  inMemory((inner) => counting(inner)),
);
describeBackend(
  'anticipating, its answers too old',
  inMemory((inner) => {
    let now = 0;
    return anticipating(inner, { locks: true, clock: { ...systemClock, now: () => (now += 10_000) } });
  }),
);
describeBackend(
  'heldBack',
  inMemory((inner) => heldBack(inner, Promise.resolve())),
);
describeBackend(
  'rateLimited',
  inMemory((inner) => rateLimited(inner, { uploadBps: 1e12, downloadBps: 1e12 })),
);
describeBackend(
  'caching, repository not known yet',
  inMemory((inner) => caching(inner, { directory: '/nowhere' })),
);

describeBackend('caching', () => {
  const { path, dispose } = temporary();
  const memory = memoryBackend();
  const backend = caching(memory, {
    directory: path,
    repositoryId: 'c'.repeat(64),
    onProblem: (error) => {
      throw error;
    },
  });
  return { backend, plant: (where, bytes) => void memory.objects.set(where, bytes.slice()), dispose };
});

describeBackend('local', () => {
  const { path, dispose } = temporary();
  return { backend: localBackend(join(path, 'repo')), plant: plantIn(join(path, 'repo')), dispose };
});

describeBackend('a folder opened by its path', async () => {
  const { path, dispose } = temporary();
  const backend = await openBackend(join(path, 'repo'), { create: true });
  return { backend, plant: plantIn(join(path, 'repo')), dispose };
});
