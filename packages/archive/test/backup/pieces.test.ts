import { createHash } from 'node:crypto';
import { nodePlatform, PAGE_BYTES } from '@hostark/kernels';
import { BlobTable, decodeHeader, idBytes, memoryBackend, openBlob, type Spool, toHex } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { PackSaver } from '../../src/backup/pack-saver.ts';
import type { EngineSetup } from '../../src/pool/jobs.ts';
import { PackFiller } from '../../src/pool/pack-filler.ts';
import { type SlabExchange, SlabPool } from '../../src/pool/slabs.ts';
import { noise } from '../support/test-repository.ts';
import { newRepository } from './helpers.ts';

const platform = nodePlatform();
const PACK_BYTES = 60_000;

const setupWith = (pieceBytes: number): EngineSetup => ({
  polynomial: 1n,
  key: { encrypt: noise(32, 1), macK: noise(16, 2), macR: noise(16, 3) },
  repositoryVersion: 2,
  compression: 'auto',
  packSizeBytes: PACK_BYTES,
  pieceBytes,
  blobs: BlobTable.create().share(),
  stop: new Int32Array(1),
  bytesRead: new BigInt64Array(1),
});

/** Puts the pieces of each pack together. Slabs are filled with other bytes as soon as they are handed over. */
function collecting(slabBytes: number): {
  readonly exchange: SlabExchange;
  readonly packs: Uint8Array[];
  pieces: number;
} {
  let open: Uint8Array[] = [];
  const found = { packs: [] as Uint8Array[], pieces: 0 };
  const keep = (memory: Uint8Array, length: number): void => {
    open.push(memory.slice(0, length));
    memory.fill(0xee);
  };
  const exchange: SlabExchange = {
    take: async () => ({ index: 0, memory: new Uint8Array(slabBytes) }),
    piece: ({ memory }, length) => {
      expect(length % PAGE_BYTES).toBe(0);
      found.pieces++;
      keep(memory, length);
    },
    give: ({ memory }, { length, sha256 }) => {
      keep(memory, length);
      const pack = Buffer.concat(open);
      open = [];
      expect(createHash('sha256').update(pack).digest('hex')).toBe(toHex(sha256, 0, 32));
      found.packs.push(pack);
    },
  };
  return Object.assign(found, { exchange });
}

/** A blob that shrinks, or does not. */
const blob = fc
  .record({ size: fc.integer({ min: 0, max: 9000 }), seed: fc.nat(), text: fc.boolean() })
  .map(({ size, seed, text }) =>
    text ? Buffer.alloc(size, `line ${seed} of a text\n`) : Buffer.from(noise(size, seed)),
  );

describe('packs that leave in pieces', () => {
  test('are whole packs of all blobs, in order, whatever the sizes of pieces and slabs', async () => {
    let pieces = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(blob, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 30_000 }),
        fc.integer({ min: 14_000, max: 60_000 }),
        async (blobs, pieceBytes, slabBytes) => {
          const setup = setupWith(pieceBytes);
          const found = collecting(slabBytes);
          const filler = new PackFiller(setup, platform, 'data', found.exchange);
          for (const plain of blobs) {
            const memory = platform.memory(plain);
            const id = new Uint8Array(filler.idOf(memory, 0, plain.length));
            expect(Buffer.compare(id, platform.sha256(plain))).toBe(0);
            if (filler.put(id, memory, 0, plain.length) >= 0) continue;
            await filler.turn(plain.length);
            expect(filler.put(id, memory, 0, plain.length)).toBeGreaterThan(0);
          }
          await filler.end();
          const sealer = platform.sealer(setup.key);
          const opened = found.packs.flatMap((pack) => {
            const headerLength = Buffer.from(pack).readUInt32LE(pack.length - 4);
            const sealed = pack.slice(pack.length - 4 - headerLength, -4);
            const header = new Uint8Array(headerLength - 32);
            expect(sealer.open(sealed, header)).toBe(true);
            return decodeHeader(header).map(({ id, offset, length, uncompressedLength }) =>
              openBlob(platform, sealer, pack.slice(offset, offset + length), uncompressedLength, idBytes(id)),
            );
          });
          expect(opened.length).toBe(blobs.length);
          for (const [i, plain] of opened.entries()) expect(Buffer.compare(plain, blobs[i]!)).toBe(0);
          pieces += found.pieces;
        },
      ),
      { seed: 20_260_109, numRuns: 60 },
    );
    expect(pieces).toBeGreaterThan(50);
  });

  test('are closed early when their header needs the room of the next blob', async () => {
    const setup = setupWith(2000);
    const found = collecting(16_000);
    const filler = new PackFiller(setup, platform, 'data', found.exchange);
    const nothing = platform.memory(new Uint8Array(0));
    const large = platform.memory(noise(9000, 4));
    const put = async (memory: typeof large, length: number): Promise<void> => {
      const id = platform.sha256(memory.bytes);
      if (filler.put(id, memory, 0, length) >= 0) return;
      await filler.turn(length);
      expect(filler.put(id, memory, 0, length)).toBeGreaterThan(0);
    };
    // 37 bytes of header for each blob of nothing: the large one finds no room beside 200 of them.
    for (let i = 0; i < 200; i++) await put(nothing, 0);
    expect(found.packs).toHaveLength(0);
    await put(large, 9000);
    expect(found.packs).toHaveLength(1);
    await filler.end();
    expect(found.packs).toHaveLength(2);
  });
});

test('the end of a backup waits for pieces and packs whose turn has not come', async () => {
  const repository = await newRepository(memoryBackend());
  const target = { repository, dryRun: false, now: () => 0, lost: new AbortController().signal };
  const saver = new PackSaver(target, () => {});
  const calls: string[] = [];
  const call = async (name: string): Promise<void> => void calls.push(name);
  const spool = { append: () => call('append'), publish: () => call('publish'), discard: () => call('discard') };
  const exchange = saver.spooling(new SlabPool(50_000, 2), () => spool);
  const slabs = [await exchange.take(), await exchange.take()] as const;
  // One blob of data: its kind, its length in four bytes, its id.
  const header = Uint8Array.from([0, 100, 0, 0, 0, ...noise(32, 5)]);
  exchange.piece!(slabs[0], 100);
  exchange.give(slabs[1], { length: 100, sha256: new Uint8Array(32), header });
  await saver.finish();
  expect(calls).toEqual(['append', 'append', 'publish']);
  expect(repository.blobs.packCount).toBe(1);
});

test('while a pack becomes durable the next one is written, and the one after that waits', async () => {
  const repository = await newRepository(memoryBackend());
  const target = { repository, dryRun: false, now: () => 0, lost: new AbortController().signal };
  const saver = new PackSaver(target, () => {});
  const calls: string[] = [];
  const durable: (() => void)[] = [];
  let opened = 0;
  const open = (): Spool => {
    const pack = opened++;
    return {
      append: async () => void calls.push(`append ${pack}`),
      publish: async () => {
        calls.push(`publish ${pack}`);
        await new Promise<void>((resolve) => durable.push(resolve));
      },
      discard: async () => void calls.push('discard'),
    };
  };
  const exchange = saver.spooling(new SlabPool(50_000, 1), open);
  const packs = [0, 1, 2].map((pack) => ({
    length: 100,
    sha256: new Uint8Array(32).fill(pack),
    header: Uint8Array.from([0, 100, 0, 0, 0, ...noise(32, pack)]),
  }));
  for (const pack of packs.slice(0, 2)) exchange.give(await exchange.take(), pack);
  // The only slab is empty again: it waits for no disk.
  const slab = await exchange.take();
  exchange.piece!(slab, 100);
  await new Promise(setImmediate);
  expect(calls.sort()).toEqual(['append 0', 'append 1', 'publish 0']);
  durable.shift()!();
  exchange.give(await exchange.take(), packs[2]!);
  await vi.waitFor(() => expect(calls.slice(3).sort()).toEqual(['append 2', 'publish 1']));
  durable.shift()!();
  await vi.waitFor(() => expect(durable).toHaveLength(1));
  durable.shift()!();
  await saver.finish();
  expect(calls.slice(5)).toEqual(['append 2', 'publish 2']);
  expect(repository.blobs.packCount).toBe(3);
});

describe('a spool that fails', () => {
  /** Takes `good` calls, then says no; tells what became of it. */
  function failing(good: number): { readonly spool: Spool; readonly calls: string[] } {
    const calls: string[] = [];
    const call = async (name: string): Promise<void> => {
      calls.push(name);
      if (calls.length > good) throw new Error('the disk says no');
    };
    const spool = {
      append: () => call('append'),
      publish: () => call('publish'),
      discard: async () => void calls.push('discard'),
    };
    return { spool, calls };
  }

  test.each([
    [0, ['append', 'discard']],
    [1, ['append', 'append', 'discard']],
    [2, ['append', 'append', 'publish', 'discard']],
  ])(
    'after %i steps ends the backup with its error, leaves nothing, and gives every slab back',
    async (good, expected) => {
      const repository = await newRepository(memoryBackend());
      const errors: unknown[] = [];
      const target = { repository, dryRun: false, now: () => 0, lost: new AbortController().signal };
      const saver = new PackSaver(target, (error) => errors.push(error));
      const { spool, calls } = failing(good);
      const slabs = new SlabPool(50_000, 2);
      const exchange = saver.spooling(slabs, () => spool);
      exchange.piece!(await exchange.take(), 100);
      exchange.give(await exchange.take(), { length: 100, sha256: new Uint8Array(32), header: new Uint8Array(0) });
      await saver.settle();
      expect(calls).toEqual(expected);
      expect(errors).toEqual([new Error('the disk says no')]);
      await expect(saver.finish()).rejects.toThrow('the disk says no');
      await Promise.all([slabs.take(), slabs.take()]);
      expect(await repository.blobs.packCount).toBe(0);
    },
  );

  test('with a pack that nobody finishes leaves nothing', async () => {
    const repository = await newRepository(memoryBackend());
    const target = { repository, dryRun: false, now: () => 0, lost: new AbortController().signal };
    const saver = new PackSaver(target, () => {});
    const { spool, calls } = failing(9);
    const exchange = saver.spooling(new SlabPool(50_000, 1), () => spool);
    exchange.piece!(await exchange.take(), 100);
    await saver.settle();
    expect(calls).toEqual(['append', 'discard']);
  });

  test('is not even opened by a dry run', async () => {
    const repository = await newRepository(memoryBackend());
    const target = { repository, dryRun: true, now: () => 0, lost: new AbortController().signal };
    const saver = new PackSaver(target, () => {});
    const { spool, calls } = failing(9);
    const exchange = saver.spooling(new SlabPool(50_000, 1), () => spool);
    exchange.piece!(await exchange.take(), 100);
    exchange.give(await exchange.take(), { length: 100, sha256: new Uint8Array(32), header: new Uint8Array(0) });
    await saver.settle();
    expect(calls.filter((name) => name !== 'discard')).toEqual([]);
  });
});
