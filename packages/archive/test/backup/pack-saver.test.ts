import { HostarkError } from '@hostark/protocol';
import { type Backend, memoryBackend, PackWriter, type Repository } from '@hostark/repository';
import { describe, expect, test } from 'vitest';
import { PackSaver } from '../../src/backup/pack-saver.ts';
import { SlabPool } from '../../src/pool/slabs.ts';
import { noise } from '../support/test-repository.ts';
import { newRepository, reopen } from './helpers.ts';

const LONG_MS = 3_600_000;

/** A backend whose saves of packs wait for `open`. */
function gated(inner: Backend): { readonly backend: Backend; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const backend: Backend = {
    location: inner.location,
    connections: inner.connections,
    save: async (handle, body) => {
      if (handle.type === 'data') await opened;
      await inner.save(handle, body);
    },
    load: (handle, range, options) => inner.load(handle, range, options),
    size: (handle) => inner.size(handle),
    list: (type) => inner.list(type),
    remove: (handle) => inner.remove(handle),
    exists: (handle) => inner.exists(handle),
    close: () => inner.close(),
  };
  return { backend, open };
}

async function givePack(saver: PackSaver, repository: Repository): Promise<void> {
  const slabs = saver.exchange(new SlabPool(100_000, 1));
  const slab = await slabs.take();
  const writer = new PackWriter(repository.platform, repository.sealer, slab.memory);
  const plain = noise(1000, 1);
  writer.add('data', repository.platform.sha256(plain), plain, 0);
  const { bytes, sha256, header } = writer.finish();
  slabs.give(slab, { length: bytes.length, sha256, header });
}

describe('a pack that is durable only after the lock was lost', () => {
  test('enters no index, however old the last one is', async () => {
    const inner = memoryBackend();
    await newRepository(inner);
    const { backend, open } = gated(inner);
    const repository = await reopen(backend);
    const lost = new AbortController();
    let failure: unknown = null;
    let now = 0;
    const saver = new PackSaver({ repository, dryRun: false, now: () => now, lost: lost.signal }, (error) => {
      failure = error;
    });
    await givePack(saver, repository);
    now = LONG_MS;
    const reason = new HostarkError('lock-lost', 'the lock was lost');
    lost.abort(reason);
    open();
    await saver.settle();
    expect(failure).toBe(reason);
    for await (const { name } of inner.list('index')) expect(`index/${name}`).toBe('nothing');
  });
});
