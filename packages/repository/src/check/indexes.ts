/** Checking index files: each readable, no pack described in two ways. Fills the table that the rest of the check asks. */
import type { BlobKind } from '../blobs/kind.ts';
import type { BlobTable } from '../blobs/table.ts';
import { forEachConcurrent } from '../concurrent.ts';
import { getUint32 } from '../pack/header.ts';
import type { Repository } from '../repository.ts';
import type { CheckContext } from './check.ts';
import { IndexStage } from './index-stage.ts';

/** What one index file says about one pack, in short: equal descriptions have equal numbers, whatever their order. */
interface Description {
  readonly index: string;
  blobs: number;
  sum: number;
}

/** Loads every index file into `table`; names those that cannot be read, and packs that two files describe. */
export async function checkIndexes(context: CheckContext, table: BlobTable): Promise<void> {
  const { repo, findings, signal } = context;
  const descriptions = new Map<number, Description[]>();
  const ids: string[] = [];
  for await (const { name } of repo.backend.list('index')) ids.push(name);
  const stage = new IndexStage();
  let done = 0;
  const load = async (id: string): Promise<void> => {
    try {
      const bytes = await repo.loadUnpacked('index', id, signal);
      // Staged, so that a file that is damaged half way leaves no half of itself in the table.
      stage.fill(bytes, (uncompressedLength) => refuse(repo, uncompressedLength));
      describe(id, stage, table, descriptions);
    } catch (error) {
      signal?.throwIfAborted();
      findings.add('index-damaged', 'index', id, (error as Error).message);
    }
    context.progress('index', ++done, ids.length);
  };
  await forEachConcurrent(ids, repo.backend.connections, load, signal);
  for (const [pack, list] of descriptions) compareDescriptions(context, table.packId(pack), list);
}

function refuse(repo: Repository, uncompressedLength: number): void {
  if (repo.version === 1 && uncompressedLength !== 0) throw new SyntaxError('a compressed blob in version 1');
}

function describe(index: string, stage: IndexStage, table: BlobTable, all: Map<number, Description[]>): void {
  let pack = -1;
  let description: Description = { index, blobs: 0, sum: 0 };
  stage.replay({
    pack(id) {
      pack = table.addPack(id);
      const list = all.get(pack) ?? [];
      all.set(pack, list);
      const known = list.find((other) => other.index === index);
      description = known ?? { index, blobs: 0, sum: 0 };
      if (known === undefined) list.push(description);
    },
    blob(kind, id, offset, length, uncompressedLength) {
      description.blobs++;
      description.sum = (description.sum + digest(kind, id, offset, length, uncompressedLength)) | 0;
      table.publish(kind, id, 0, { pack, offset, length, uncompressedLength });
    },
  });
}

/** Mixes what an index says about a blob into 32 bits: enough to notice that two files differ. */
function digest(kind: BlobKind, id: Uint8Array, offset: number, length: number, uncompressedLength: number): number {
  let mixed = getUint32(id, 0) ^ Math.imul(offset, 0x9e3779b1) ^ Math.imul(length, 0x85ebca6b);
  mixed ^= Math.imul(uncompressedLength, 0xc2b2ae35) ^ (kind === 'tree' ? 0x27d4eb2f : 0);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
}

function compareDescriptions(context: CheckContext, id: string, list: readonly Description[]): void {
  if (list.length < 2) return;
  const [first, ...others] = list;
  const differs = others.some(({ blobs, sum }) => blobs !== first!.blobs || sum !== first!.sum);
  // Index files come in any order, reports in one.
  const names = list
    .map(({ index }) => index)
    .sort()
    .join(', ');
  if (differs) {
    const message = `index files describe it in different ways: ${names}`;
    context.findings.add('index-conflict', 'pack', id, message);
  } else {
    context.findings.add('pack-duplicate', 'pack', id, `several index files list it, all alike: ${names}`);
  }
}
