import { nodePlatform } from '@hostark/kernels';
import { BlobTable, decodeHeader, idBytes, openBlob } from '@hostark/repository';
import { expect, test } from 'vitest';
import type { EngineSetup, SlabPack } from '../../src/pool/jobs.ts';
import { PackFiller } from '../../src/pool/pack-filler.ts';
import type { Slab } from '../../src/pool/slabs.ts';
import { noise } from '../support/test-repository.ts';

/** restic's bound of a sealed header, and the entry of an uncompressed blob. */
const MAX_HEADER_BYTES = 16 * 1024 * 1024;
const ENTRY_BYTES = 37;

test('a compressed blob for which the header has no room is whole in the next pack', async () => {
  const platform = nodePlatform();
  const packSizeBytes = 40 * 1024 * 1024;
  const setup: EngineSetup = {
    polynomial: 1n,
    key: { encrypt: noise(32, 1), macK: noise(16, 2), macR: noise(16, 3) },
    repositoryVersion: 2,
    compression: 'auto',
    packSizeBytes,
    blobs: BlobTable.create().share(),
    stop: new Int32Array(1),
    bytesRead: new BigInt64Array(1),
  };
  let given: { readonly slab: Slab; readonly pack: SlabPack } | null = null;
  const filler = new PackFiller(setup, platform, 'data', {
    take: async () => ({ index: 0, memory: new Uint8Array(packSizeBytes) }),
    give: (slab, pack) => {
      given = { slab, pack };
    },
  });
  await filler.turn(0);
  // Nothing looks at the ids while a pack fills; empty blobs fill the header fastest.
  const nothing = platform.memory(new Uint8Array(0));
  const anyId = new Uint8Array(32);
  const entries = Math.floor((MAX_HEADER_BYTES - 32) / ENTRY_BYTES);
  let full = 0;
  for (let i = 0; i < entries; i++) if (filler.put(anyId, nothing, 0, 0) < 0) full++;
  expect(full).toBe(0);

  const plain = Buffer.alloc(1000, 'compressible ');
  const id = platform.sha256(plain);
  const memory = platform.memory(plain);
  expect(filler.put(id, memory, 0, plain.length)).toBe(-1);
  await filler.turn(plain.length);
  expect(filler.put(id, memory, 0, plain.length)).toBeGreaterThan(0);
  await filler.end();

  const { slab, pack } = given!;
  const [entry] = decodeHeader(pack.header);
  const sealed = slab.memory.slice(entry!.offset, entry!.offset + entry!.length);
  const opened = openBlob(platform, platform.sealer(setup.key), sealed, entry!.uncompressedLength, idBytes(entry!.id));
  expect(Buffer.from(opened).equals(plain)).toBe(true);
});
