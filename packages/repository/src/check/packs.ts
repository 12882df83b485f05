/** Checking packs against the index without reading them: each there, of the size that its blobs add up to. */
import type { BlobTable } from '../blobs/table.ts';
import { blobIdFrom, packId } from '../ids.ts';
import { entryBytes, PACK_OVERHEAD } from '../pack/header.ts';
import type { CheckContext } from './check.ts';
import type { BlobRef } from './finding.ts';
import type { SizedPack } from './subset.ts';

/** What the index says about one pack, added up. */
interface Tally {
  bytes: number;
  data: number;
  trees: number;
}

/** A pack that the index knows and the backend has. */
export interface IndexedFile extends SizedPack {
  readonly number: number;
}

/** Compares the listing with the index and returns the packs that are in both. */
export async function checkPacks(context: CheckContext, table: BlobTable): Promise<IndexedFile[]> {
  const { repo, findings } = context;
  const tallies = tally(table);
  const sizes = new Map<number, number>();
  const files: IndexedFile[] = [];
  const broken = new Map<number, { readonly size: number; readonly expected: number }>();
  for await (const { name, size } of repo.backend.list('data')) {
    const id = packId(name);
    const number = table.packNumber(id);
    if (number === null) {
      findings.add('pack-unindexed', 'pack', id, `no index file lists it; its ${size} bytes can be pruned`);
      continue;
    }
    sizes.set(number, size);
    files.push({ id, size, number });
    const expected = tallies[number]!.bytes;
    if (size !== expected) broken.set(number, { size, expected });
  }
  const lost = lostBlobs(table, sizes, tallies.length);
  for (const [number, { bytes, data, trees }] of tallies.entries()) {
    const id = table.packId(number);
    const wrong = broken.get(number);
    if (!sizes.has(number)) {
      findings.add('pack-missing', 'pack', id, `expected a file of ${bytes} bytes, found none`, lost.get(number));
    } else if (wrong !== undefined) {
      const message = `expected ${wrong.expected} bytes by the index, found ${wrong.size}`;
      findings.add('pack-size', 'pack', id, message, lost.get(number));
    }
    if (data > 0 && trees > 0) {
      findings.add('pack-mixed', 'pack', id, `it holds ${data} data blobs and ${trees} trees; a prune sorts them`);
    }
  }
  return files;
}

function tally(table: BlobTable): Tally[] {
  const tallies = Array.from({ length: table.packCount }, (): Tally => ({ bytes: PACK_OVERHEAD, data: 0, trees: 0 }));
  table.forEachPlace(({ pack, length, uncompressedLength }, entry) => {
    const tally = tallies[pack]!;
    tally.bytes += length + entryBytes(uncompressedLength);
    if (table.kindOf(entry) === 'data') tally.data++;
    else tally.trees++;
  });
  return tallies;
}

/** Returns, by pack, the blobs that lie beyond the end of every copy's file. */
function lostBlobs(table: BlobTable, sizes: ReadonlyMap<number, number>, packs: number): Map<number, BlobRef[]> {
  const lost = new Map<number, BlobRef[]>();
  if (sizes.size === packs && !anyShort(table, sizes)) return lost;
  const reaches = (pack: number, end: number): boolean => end <= (sizes.get(pack) ?? -1);
  table.forEach((kind, id, { pack, offset, length }) => {
    if (reaches(pack, offset + length)) return;
    if (table.lookupAll(kind, id).some((copy) => reaches(copy.pack, copy.offset + copy.length))) return;
    const list = lost.get(pack) ?? [];
    list.push({ kind, id: blobIdFrom(id) });
    lost.set(pack, list);
  });
  return lost;
}

function anyShort(table: BlobTable, sizes: ReadonlyMap<number, number>): boolean {
  let short = false;
  table.forEachPlace(({ pack, offset, length }) => {
    short ||= offset + length > (sizes.get(pack) ?? -1);
  });
  return short;
}
