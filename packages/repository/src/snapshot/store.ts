/** The snapshots of a repository: list, find by name, resolve to a tree, save, remove. */
import type { Backend } from '../backend.ts';
import type { BlobSource } from '../blobs/load.ts';
import { forEachConcurrent } from '../concurrent.ts';
import { damaged } from '../damage.ts';
import { type BlobId, isHexId, type SnapshotId, snapshotId } from '../ids.ts';
import { findSubtree } from '../tree/find.ts';
import {
  idByPrefix,
  matchesFilter,
  newest,
  type ParentQuery,
  type SnapshotFilter,
  selectParent,
  snapshotNotFound,
  splitSpec,
} from './select.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot, type StoredSnapshot } from './snapshot.ts';

/** What snapshots need of a repository. */
export interface SnapshotSource extends BlobSource {
  readonly backend: Backend;
  loadUnpacked(type: 'snapshots', id: string, signal?: AbortSignal): Promise<Uint8Array>;
  saveUnpacked(type: 'snapshots', plain: Uint8Array, signal?: AbortSignal): Promise<SnapshotId>;
}

/** What a snapshot spec stands for. */
export interface ResolvedSnapshot {
  readonly snapshot: StoredSnapshot;
  /** The root of the snapshot, or the tree of the subfolder that the spec names. */
  readonly tree: BlobId;
  /** The subfolder, cleaned, '' for the root. */
  readonly path: string;
}

/** Reads and writes snapshots. Keeps nothing: every call asks the backend. */
export class SnapshotStore {
  readonly #repo: SnapshotSource;

  constructor(repo: SnapshotSource) {
    this.#repo = repo;
  }

  /** Returns the ids of all snapshots. */
  async ids(): Promise<SnapshotId[]> {
    const ids: SnapshotId[] = [];
    for await (const { name } of this.#repo.backend.list('snapshots')) ids.push(snapshotId(name));
    return ids;
  }

  /** Loads a snapshot. Throws 'object-missing', or 'object-damaged' naming it. */
  async load(id: SnapshotId, signal?: AbortSignal): Promise<StoredSnapshot> {
    const bytes = await this.#repo.loadUnpacked('snapshots', id, signal);
    try {
      return { id, ...decodeSnapshot(bytes) };
    } catch (cause) {
      throw damaged('snapshots', id, (cause as Error).message, cause);
    }
  }

  /** Returns all snapshots that pass the filter, oldest first. One that is damaged fails the whole call, by name. */
  async list(filter: SnapshotFilter = {}, signal?: AbortSignal): Promise<StoredSnapshot[]> {
    const snapshots: StoredSnapshot[] = [];
    const load = async (id: SnapshotId): Promise<void> => {
      const snapshot = await this.load(id, signal);
      if (matchesFilter(snapshot, filter)) snapshots.push(snapshot);
    };
    await forEachConcurrent(await this.ids(), this.#repo.backend.connections, load, signal);
    return snapshots.sort((a, b) => compare(a.time.ns, b.time.ns) || compare(a.id, b.id));
  }

  /**
   * Returns the snapshot called `name`: a full id, a prefix that fits one only, or `latest` (newest that passes the filter).
   * Throws 'snapshot-not-found' or 'snapshot-ambiguous'.
   */
  async find(name: string, filter: SnapshotFilter = {}): Promise<StoredSnapshot> {
    if (name === 'latest') {
      const latest = newest(await this.list(filter));
      if (latest === null) throw snapshotNotFound('there is no snapshot that matches');
      return latest;
    }
    return this.load(isHexId(name) ? snapshotId(name) : idByPrefix(await this.ids(), name));
  }

  /**
   * Resolves `name` or `name:sub/folder` to a tree. A subfolder needs the index loaded. Throws as find() does, and
   * 'path-not-found' for a subfolder that is not there or is no directory.
   */
  async resolve(spec: string, filter: SnapshotFilter = {}): Promise<ResolvedSnapshot> {
    const { name, path } = splitSpec(spec);
    const snapshot = await this.find(name, filter);
    const clean = path.split('/').filter((part) => part !== '' && part !== '.');
    return { snapshot, tree: await findSubtree(this.#repo, snapshot.tree, clean), path: clean.join('/') };
  }

  /** Returns the snapshot that a new backup compares with, or null; see selectParent(). */
  async parentFor(query: ParentQuery): Promise<StoredSnapshot | null> {
    return selectParent(await this.list(), query);
  }

  /** Stores a snapshot, which must be written last: everything it names is durable by then. Returns its id. */
  save(snapshot: Snapshot, signal?: AbortSignal): Promise<SnapshotId> {
    return this.#repo.saveUnpacked('snapshots', encodeSnapshot(snapshot), signal);
  }

  /** Removes a snapshot; its data stays until a prune. */
  async remove(id: SnapshotId): Promise<void> {
    await this.#repo.backend.remove({ type: 'snapshots', name: id });
  }
}

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
