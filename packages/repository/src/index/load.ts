/** Loading index files into the blob table. */
import { HostarkError } from '@hostark/protocol';
import type { Backend } from '../backend.ts';
import type { BlobTable } from '../blobs/table.ts';
import { forEachConcurrent } from '../concurrent.ts';
import type { FormatVersion } from '../config.ts';
import { damaged } from '../damage.ts';
import { type IndexId, objectId } from '../ids.ts';
import { type IndexVisitor, readIndex } from './decode.ts';

/** Told after each file: how many of how many are loaded. */
export type IndexProgress = (done: number, total: number) => void;

/** What an index file takes for a blob, at least: in version 2 it is compressed, to little more than the ids. */
const BYTES_PER_BLOB: Readonly<Record<FormatVersion, number>> = { 1: 150, 2: 40 };

/** What loading needs of a repository. */
export interface IndexSource {
  readonly backend: Backend;
  readonly version: FormatVersion;
  readonly blobs: BlobTable;
  loadUnpacked(type: 'index', id: string, signal?: AbortSignal): Promise<Uint8Array>;
}

/**
 * Loads all index files but those in `loaded`, which grows. Throws 'object-damaged' naming the file that is not one, and
 * 'object-missing' when a file that was loaded is gone: nothing ever leaves the table, which then knows too much.
 */
export async function loadIndexFiles(
  repo: IndexSource,
  loaded: Set<IndexId>,
  options: { readonly progress?: IndexProgress; readonly signal?: AbortSignal },
): Promise<void> {
  const { progress, signal } = options;
  const ids: IndexId[] = [];
  const gone = new Set(loaded);
  let bytes = 0;
  for await (const { name, size } of repo.backend.list('index')) {
    const id = objectId('index', name);
    gone.delete(id);
    if (loaded.has(id)) continue;
    ids.push(id);
    bytes += size;
  }
  for (const id of gone) throw indexGone(id);
  repo.blobs.expect(Math.ceil(bytes / BYTES_PER_BLOB[repo.version]));
  let done = 0;
  const load = async (id: IndexId): Promise<void> => {
    const bytes = await repo.loadUnpacked('index', id, signal);
    try {
      insertIndex(repo.blobs, bytes, repo.version);
    } catch (cause) {
      throw cause instanceof SyntaxError ? damaged('index', id, cause.message, cause) : cause;
    }
    loaded.add(id);
    progress?.(++done, ids.length);
  };
  progress?.(0, ids.length);
  await forEachConcurrent(ids, repo.backend.connections, load, signal);
}

function indexGone(id: IndexId): HostarkError {
  return new HostarkError('object-missing', `index ${id} was loaded before and is gone: the repository was pruned`, {
    hint: 'open the repository again',
    context: { type: 'index', id },
  });
}

/** Adds every blob of one index file to a table. Throws SyntaxError where it is not one, or compresses in version 1. */
export function insertIndex(table: BlobTable, bytes: Uint8Array, version: FormatVersion): void {
  let pack = -1;
  const visitor: IndexVisitor = {
    pack(id) {
      pack = table.addPack(id);
    },
    blob(kind, id, offset, length, uncompressedLength) {
      if (version === 1 && uncompressedLength !== 0) throw new SyntaxError('index: a compressed blob in version 1');
      table.publish(kind, id, 0, { pack, offset, length, uncompressedLength });
    },
  };
  const blobs = (records: Int32Array, count: number): void => table.publishRecords(records, count, pack);
  // In version 1 each blob is looked at.
  readIndex(bytes, version === 1 ? visitor : { ...visitor, blobs });
}
