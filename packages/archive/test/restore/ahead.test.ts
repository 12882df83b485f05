/** Packs that are read before the target may be touched: when, how many, and never twice. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostarkError } from '@hostark/protocol';
import type { Backend, BlobId } from '@hostark/repository';
import { memoryBackend } from '@hostark/repository';
import { expect } from 'vitest';
import { restore } from '../../src/restore/restore.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise, TestRepository } from '../support/test-repository.ts';

interface Sample {
  readonly made: TestRepository;
  readonly tree: BlobId;
  /** Ranges of data packs asked for so far. */
  readonly asked: string[];
  /** What loads of data packs wait for. */
  gate: Promise<void>;
}

/** Six packs of data of one file each, then the packs of trees. */
async function sample(): Promise<Sample> {
  const memory = memoryBackend();
  const asked: string[] = [];
  const trees = new Set<string>();
  const backend: Backend = Object.assign(Object.create(memory) as Backend, {
    load: async (...[handle, range, options]: Parameters<Backend['load']>) => {
      const isData = handle.type === 'data' && !trees.has(handle.name);
      if (isData) {
        asked.push(`${handle.name} ${range?.offset} ${range?.length}`);
        await Promise.race([made.gate, aborted(options?.signal)]);
      }
      return memory.load(handle, range, options);
    },
  });
  for (const method of ['save', 'list', 'size', 'exists', 'remove', 'close'] as const)
    Object.assign(backend, { [method]: memory[method].bind(memory) });
  const repository = await TestRepository.create(backend);
  const made: Sample = { made: repository, tree: '' as BlobId, asked, gate: Promise.resolve() };
  const files = [];
  for (let i = 0; i < 6; i++) {
    files.push(repository.file(`f${i}`, [noise(300_000, i + 1), noise(200_000, i + 100)]));
    await repository.closePacks();
  }
  const before = repository.packs.length;
  const tree = repository.tree(files);
  await repository.closePacks();
  for (const pack of repository.packs.slice(before)) trees.add(pack);
  return Object.assign(made, { tree });
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

testInFolder('some are asked for while the target may not be touched, and none of them again', async ({ folder }) => {
  const { made, tree, asked } = await sample();
  const target = join(folder, 'out');
  let allow = (): void => {};
  const mayWrite = new Promise<void>((resolve) => {
    allow = resolve;
  });
  const running = restore(made.repository, tree, target, { workers: 0, mayWrite });
  await until(() => asked.length === 4);
  expect(existsSync(target)).toBe(false);
  allow();
  expect(await running).toMatchObject({ filesRestored: 6, errorCount: 0 });
  expect(readFileSync(join(target, 'f3'))).toEqual(Buffer.concat([noise(300_000, 4), noise(200_000, 103)]));
  expect(asked).toHaveLength(6);
  expect(new Set(asked).size).toBe(6);
});

testInFolder('none is where files may be right already: they are not asked for at all then', async ({ folder }) => {
  const { made, tree, asked } = await sample();
  await restore(made.repository, tree, folder, { workers: 0 });
  expect(asked).toHaveLength(6);
  writeFileSync(join(folder, 'f2'), 'something else');
  await restore(made.repository, tree, folder, { workers: 0 });
  expect(asked).toHaveLength(7);
});

testInFolder('what was asked for is given up when the target may never be touched', async ({ folder }) => {
  const taken = await sample();
  taken.gate = new Promise(() => {});
  const refusal = new HostarkError('locked', 'somebody else was first');
  let refuse = (_: unknown): void => {};
  const mayWrite = new Promise<void>((_, reject) => {
    refuse = reject;
  });
  const running = restore(taken.made.repository, taken.tree, join(folder, 'out'), { workers: 0, mayWrite });
  await until(() => taken.asked.length === 4);
  refuse(refusal);
  await expect(running).rejects.toBe(refusal);
  expect(existsSync(join(folder, 'out'))).toBe(false);
});

testInFolder('a pack that is gone is told of, and the rest is restored', async ({ folder }) => {
  const { made, tree } = await sample();
  await made.repository.backend.remove({ type: 'data', name: made.packs[1]! });
  mkdirSync(join(folder, 'out'));
  const result = await restore(made.repository, tree, join(folder, 'out'), { workers: 0 });
  expect(result).toMatchObject({ errorCount: 1, filesRestored: 5 });
  expect(result.errors[0]?.item).toBe('/f1');
});
