/** Restores of more files than a window has: several windows under way, packs shared out among threads. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Backend, localBackend, memoryBackend } from '@hostark/repository';
import { expect } from 'vitest';
import { restore } from '../../src/restore/restore.ts';
import { workersBuilt } from '../support/fixture-repository.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise, TestRepository } from '../support/test-repository.ts';

const FILES = 2600;
const name = (i: number): string => `f${String(i).padStart(4, '0')}`;
const content = (i: number): Uint8Array => noise(20 + (i % 90), i + 1);

/** As S3: what is loaded lies where the caller wants it. */
function intoMemory(): Backend {
  const memory = memoryBackend();
  const backend: Backend = Object.assign(Object.create(memory) as Backend, {
    load: async (...[handle, range, options]: Parameters<Backend['load']>) => {
      const bytes = await memory.load(handle, range, options);
      const { into } = options ?? {};
      if (into === undefined || into.length < bytes.length) return bytes;
      into.set(bytes);
      return into.subarray(0, bytes.length);
    },
  });
  for (const method of ['save', 'list', 'size', 'exists', 'remove', 'close'] as const)
    Object.assign(backend, { [method]: memory[method].bind(memory) });
  return backend;
}

/** Every fiftieth file is another name of one in the hundred before it, whose window is another now and then. */
async function many(backend: Backend): Promise<{ made: TestRepository; tree: ReturnType<TestRepository['tree']> }> {
  const made = await TestRepository.create(backend);
  const files = Array.from({ length: FILES }, (_, i) => {
    const of = i - (i % 100);
    const shared = { links: 2n, inode: BigInt(of + 1), deviceId: 5n };
    return i % 50 === 0 ? made.file(name(i), [content(of)], shared) : made.file(name(i), [content(i)]);
  });
  const tree = made.tree([
    made.dir('a', files.slice(0, 900)),
    made.dir('b', files.slice(900, 949)),
    made.dir('c', files.slice(949)),
  ]);
  await made.closePacks();
  return { made, tree };
}

function expectAll(folder: string): void {
  const paths = ['a', 'b', 'c'].flatMap((sub) =>
    readdirSync(join(folder, sub))
      .sort()
      .map((file) => join(folder, sub, file)),
  );
  expect(paths).toHaveLength(FILES);
  const isRight = (path: string, i: number): boolean => {
    if (i % 50 !== 0) return Buffer.compare(readFileSync(path), content(i)) === 0;
    const first = i - (i % 100);
    return (
      Buffer.compare(readFileSync(path), content(first)) === 0 && statSync(path).ino === statSync(paths[first]!).ino
    );
  };
  expect(paths.filter((path, i) => !isRight(path, i))).toEqual([]);
}

const threads = workersBuilt() ? 2 : 0;

testInFolder('from a folder', async ({ folder }) => {
  const { made, tree } = await many(localBackend(join(folder, 'repository')));
  const result = await restore(made.repository, tree, join(folder, 'out'), { workers: threads });
  expect(result.errors).toEqual([]);
  expectAll(join(folder, 'out'));
});

testInFolder('from afar, on the calling thread alone', async ({ folder }) => {
  const { made, tree } = await many(intoMemory());
  const result = await restore(made.repository, tree, join(folder, 'out'), { workers: 0 });
  expect(result.errors).toEqual([]);
  expectAll(join(folder, 'out'));
});

testInFolder('from afar, but for what is damaged, which is named', async ({ folder }) => {
  const { made, tree } = await many(intoMemory());
  const { backend } = made.repository;
  const handle = { type: 'data', name: made.packs[0]! } as const;
  const pack = Uint8Array.from(await backend.load(handle));
  const place = made.repository.blobs.lookup('data', made.platform.sha256(content(1234)))!;
  pack[place.offset + 20]! ^= 1;
  await backend.remove(handle);
  await backend.save(handle, pack);
  const result = await restore(made.repository, tree, join(folder, 'out'), { workers: threads });
  expect(result.errors.map(({ item }) => item)).toEqual([`/c/${name(1234)}`]);
  await expect(async () => readFileSync(join(folder, 'out', 'c', name(1234)))).rejects.toMatchObject({
    code: 'ENOENT',
  });
  expect(readdirSync(join(folder, 'out', 'c'))).toHaveLength(FILES - 950);
});
