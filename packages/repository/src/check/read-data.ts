/** Reading packs whole: name against content, header against index, every blob opened and hashed. */

import type { BlobKind } from '../blobs/kind.ts';
import type { BlobSource } from '../blobs/load.ts';
import { forEachConcurrent } from '../concurrent.ts';
import { type BlobId, blobIdFrom, ID_BYTES, idBytes, toHex } from '../ids.ts';
import { readHeader } from '../pack/header.ts';
import { openBlob } from '../pack/open-blob.ts';
import { headerOfPack } from '../pack/read-header.ts';
import type { CheckContext } from './check.ts';
import type { BlobRef } from './finding.ts';
import type { IndexedFile } from './packs.ts';

/** Packs in memory at a time: hides the round trips of S3 within about 64 MiB. */
const PACKS_IN_MEMORY = 4;

/** One blob of a pack as the index has it. */
interface Expected extends BlobRef {
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
}

/** Reads and verifies packs. Returns the bytes read. */
export async function readPacks(
  context: CheckContext,
  source: BlobSource,
  packs: readonly IndexedFile[],
): Promise<number> {
  const { repo, findings, signal } = context;
  const blobsOf = blobsByPack(source);
  const suspects: { pack: IndexedFile; problems: string[]; broken: BlobRef[] }[] = [];
  let done = 0;
  let bytesRead = 0;
  const read = async (pack: IndexedFile): Promise<void> => {
    const entries = blobsOf(pack.number);
    let problems: string[] = [];
    let broken: BlobRef[] = [];
    try {
      const options = signal === undefined ? {} : { signal };
      const bytes = await repo.backend.load({ type: 'data', name: pack.id }, undefined, options);
      bytesRead += bytes.length;
      ({ problems, broken } = verifyPack(source, pack, bytes, entries));
    } catch (error) {
      signal?.throwIfAborted();
      problems.push((error as Error).message);
      broken = entries;
    }
    if (problems.length > 0) suspects.push({ pack, problems, broken });
    context.progress('data', ++done, packs.length);
  };
  await forEachConcurrent(packs, Math.min(PACKS_IN_MEMORY, repo.backend.connections), read, signal);
  const bad = new Set(suspects.map(({ pack }) => pack.number));
  for (const { pack, problems, broken } of suspects) {
    const lost = broken.filter((blob) => !hasOtherCopy(source, blob, bad));
    const more = problems.length > 3 ? `; and ${problems.length - 3} more` : '';
    const message = `${problems.slice(0, 3).join('; ')}${more}`;
    findings.add(
      'pack-damaged',
      'pack',
      pack.id,
      message,
      lost.map(({ kind, id }) => ({ kind, id })),
    );
  }
  return bytesRead;
}

/** A copy counts as whole when its pack was not found bad; it may lie in a pack that was not read. */
function hasOtherCopy(source: BlobSource, blob: BlobRef, bad: ReadonlySet<number>): boolean {
  return source.blobs.lookupAll(blob.kind, idBytes(blob.id)).some(({ pack }) => !bad.has(pack));
}

/**
 * Sorts the table by packs: 4 bytes a blob, where objects for a million blobs would take hundreds of megabytes.
 * Returns a function that lists the blobs of one pack in order of their offsets.
 */
function blobsByPack(source: BlobSource): (pack: number) => Expected[] {
  const { blobs } = source;
  const starts = new Uint32Array(blobs.packCount + 1);
  blobs.forEach((_kind, _id, { pack }) => {
    starts[pack + 1]!++;
  });
  for (let pack = 0; pack < blobs.packCount; pack++) starts[pack + 1]! += starts[pack]!;
  const entries = new Uint32Array(starts[blobs.packCount]!);
  const next = starts.slice();
  blobs.forEach((_kind, _id, { pack }, entry) => {
    entries[next[pack]!++] = entry;
  });
  return (pack) => {
    const list: Expected[] = [];
    const id = new Uint8Array(ID_BYTES);
    for (const entry of entries.subarray(starts[pack], starts[pack + 1])) {
      blobs.idOf(entry, id);
      list.push({ kind: blobs.kindOf(entry), id: blobIdFrom(id), ...blobs.placeOf(entry)! });
    }
    return list.sort((a, b) => a.offset - b.offset);
  };
}

function verifyPack(
  source: BlobSource,
  pack: IndexedFile,
  bytes: Uint8Array,
  entries: readonly Expected[],
): { problems: string[]; broken: BlobRef[] } {
  const problems: string[] = [];
  const digest = toHex(source.platform.sha256(bytes));
  if (digest !== pack.id) problems.push(`its ${bytes.length} bytes have the SHA-256 ${digest}`);
  problems.push(...compareHeader(source, pack, bytes, entries));
  const broken: BlobRef[] = [];
  for (const entry of entries) {
    try {
      const sealed = bytes.subarray(entry.offset, entry.offset + entry.length);
      if (sealed.length < entry.length)
        throw new Error(`${entry.kind} blob ${entry.id} lies beyond the end of the file`);
      openBlob(source.platform, source.sealer, sealed, entry.uncompressedLength, idBytes(entry.id));
    } catch (error) {
      problems.push((error as Error).message);
      broken.push(entry);
    }
  }
  return { problems, broken };
}

/** Returns how the header of a pack differs from the index: nothing, or one sentence. */
function compareHeader(
  source: BlobSource,
  pack: IndexedFile,
  bytes: Uint8Array,
  entries: readonly Expected[],
): string[] {
  let header: Uint8Array;
  try {
    header = headerOfPack(source.sealer, pack.id, bytes);
  } catch (error) {
    return [(error as Error).message];
  }
  let next = 0;
  let same = true;
  const compare = (kind: BlobKind, idAt: number, offset: number, length: number, uncompressed: number): void => {
    const entry = entries[next++];
    const id: BlobId = blobIdFrom(header, idAt);
    same &&= entry !== undefined && entry.kind === kind && entry.id === id && entry.offset === offset;
    same &&= entry!.length === length && entry!.uncompressedLength === uncompressed;
  };
  readHeader(header, compare);
  return same && next === entries.length ? [] : ['its header and the index list different blobs'];
}
