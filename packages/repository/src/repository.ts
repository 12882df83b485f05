/**
 * An open repository: a backend, a platform, the master key and what was loaded so far.
 * Made by initRepository() and openRepository() alone. Read order is snapshots, then index; write order is packs, index, snapshot.
 */
import type { Platform, Sealer, SealingKey } from '@hostark/kernels';
import type { Backend } from './backend.ts';
import type { BlobKind } from './blobs/kind.ts';
import { loadBlob } from './blobs/load.ts';
import { BlobTable } from './blobs/table.ts';
import type { FormatVersion, RepositoryConfig } from './config.ts';
import { damaged } from './damage.ts';
import { type BlobId, type IdOf, type IndexId, type NamedType, objectId, toHex } from './ids.ts';
import { type IndexProgress, loadIndexFiles } from './index/load.ts';
import type { OpenedKey } from './keys/open-key.ts';
import { SnapshotStore } from './snapshot/store.ts';
import { openBytes, packUnpacked, sealBytes, unpackUnpacked } from './unpacked.ts';

/** What a repository is made of; for the functions that open and create one. */
export interface RepositoryParts {
  readonly backend: Backend;
  readonly platform: Platform;
  readonly config: RepositoryConfig;
  readonly opened: Pick<OpenedKey, 'id' | 'master'>;
}

/** Object types that saveUnpacked() and loadUnpacked() handle: small, sealed, named by their content. */
export type UnpackedType = Exclude<NamedType, 'data' | 'keys'>;

/** An open repository. The caller closes the backend. */
export class Repository {
  readonly backend: Backend;
  readonly platform: Platform;
  readonly config: RepositoryConfig;
  /** The master key, for sealers in worker threads. A secret: never print it. */
  readonly key: SealingKey;
  /** The key file that the password opened. */
  readonly keyId: OpenedKey['id'];
  readonly sealer: Sealer;
  /** Empty until loadIndex(). Shared with worker threads by BlobTable.share(). */
  readonly blobs: BlobTable = BlobTable.create();
  readonly #indexes: Set<IndexId> = new Set();

  constructor(parts: RepositoryParts) {
    this.backend = parts.backend;
    this.platform = parts.platform;
    this.config = parts.config;
    this.key = parts.opened.master;
    this.keyId = parts.opened.id;
    this.sealer = parts.platform.sealer(parts.opened.master);
  }

  /** Returns the same repository behind another backend, with nothing loaded. */
  through(backend: Backend): Repository {
    const { platform, config, key, keyId } = this;
    return new Repository({ backend, platform, config, opened: { id: keyId, master: key } });
  }

  get version(): FormatVersion {
    return this.config.version;
  }

  /** Returns the stored bytes of an object after checking them against its name; reads twice before it gives up. */
  async loadRaw(type: NamedType, id: string, signal?: AbortSignal): Promise<Uint8Array> {
    const options = signal === undefined ? {} : { signal };
    const handle = { type, name: objectId(type, id) };
    for (let attempt = 1; ; attempt++) {
      const bytes = await this.backend.load(handle, undefined, options);
      const digest = toHex(this.platform.sha256(bytes));
      if (digest === id) return bytes;
      // A transfer may have gone wrong once; the same bytes twice are what is stored.
      if (attempt === 2) throw damaged(type, id, `its ${bytes.length} bytes have the SHA-256 ${digest}`);
    }
  }

  /** Returns the JSON of a snapshot, index file or lock. Throws 'object-missing' or 'object-damaged', naming it. */
  async loadUnpacked(type: UnpackedType, id: string, signal?: AbortSignal): Promise<Uint8Array> {
    const body = openBytes(this.sealer, await this.loadRaw(type, id, signal));
    if (body === null) throw damaged(type, id, 'its MAC is wrong: it was sealed with another key');
    try {
      return unpackUnpacked(this.platform, this.version, body);
    } catch (cause) {
      throw damaged(type, id, (cause as Error).message, cause);
    }
  }

  /** Seals and stores JSON; durable when resolved. Returns the name it got. */
  async saveUnpacked<T extends UnpackedType>(type: T, plain: Uint8Array, signal?: AbortSignal): Promise<IdOf[T]> {
    const sealed = sealBytes(this.sealer, packUnpacked(this.platform, this.version, plain));
    const sha256 = this.platform.sha256(sealed);
    const id = objectId(type, toHex(sha256));
    await this.backend.save({ type, name: id }, sealed, { sha256, ...(signal === undefined ? {} : { signal }) });
    return id;
  }

  /** Loads every index file that this object has not loaded yet into `blobs`. Throws 'object-damaged' naming the file. */
  async loadIndex(options: { readonly progress?: IndexProgress; readonly signal?: AbortSignal } = {}): Promise<void> {
    await loadIndexFiles(this, this.#indexes, options);
  }

  /** The index files that `blobs` was filled from. */
  get loadedIndexes(): ReadonlySet<IndexId> {
    return this.#indexes;
  }

  /** Returns a verified blob; see loadBlob(). */
  loadBlob(kind: BlobKind, id: BlobId, signal?: AbortSignal): Promise<Uint8Array> {
    return loadBlob(this, kind, id, signal);
  }

  /** The snapshots: list, find, resolve, save. */
  snapshots(): SnapshotStore {
    return new SnapshotStore(this);
  }
}
