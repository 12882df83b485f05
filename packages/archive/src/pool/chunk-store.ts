/**
 * Stores blobs that nobody has yet: hash, ask the shared table, compress, seal into the open pack, hand full packs over.
 * One visit per chunk, while it is in the cache. One store per engine; it holds at most one slab.
 */
import { type Platform, SEAL_OVERHEAD } from '@hostark/kernels';
import { BlobTable, PackWriter, type StoredForm, storedForm } from '@hostark/repository';
import { CompressionProbe } from './compressible.ts';
import type { EngineSetup, StoredCounts } from './jobs.ts';
import type { Slab, SlabExchange } from './slabs.ts';

/** Bytes of a header entry, without and with the plaintext's length (restic pack format). */
const ENTRY_BYTES = 37;
const COMPRESSED_ENTRY_BYTES = 41;
/** The header's seal and length. restic counts them for packs that are closed because they are full. */
const PACK_OVERHEAD = 36;

/** Receives the id of each chunk; copies it before it returns. */
export interface ChunkIds {
  chunk(id: Uint8Array): void;
}

export class ChunkStore {
  readonly #setup: EngineSetup;
  readonly #platform: Platform;
  readonly #slabs: SlabExchange;
  readonly #blobs: BlobTable;
  readonly #probe: CompressionProbe;
  #slab: Slab | null = null;
  #writer: PackWriter | null = null;
  #counts: StoredCounts = { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };

  constructor(setup: EngineSetup, platform: Platform, slabs: SlabExchange) {
    this.#setup = setup;
    this.#platform = platform;
    this.#slabs = slabs;
    this.#blobs = BlobTable.attach(setup.blobs);
    this.#probe = new CompressionProbe(platform);
  }

  /** Stores one chunk of a file unless it is known, and tells `ids` its id. Returns a promise only if it must wait. */
  store(plain: Uint8Array, ids: ChunkIds): Promise<void> | void {
    const id = this.#platform.sha256(plain);
    ids.chunk(id);
    if (this.#blobs.claim('data', id) === 'known') return;
    const form = this.#compress(plain);
    const writer = this.#slab === null ? null : this.#writer;
    if (writer === null || !writer.fits(form.stored.length, form.uncompressedLength)) {
      return this.#turn().then((fresh) => this.#add(fresh, id, form, plain.length));
    }
    this.#add(writer, id, form, plain.length);
  }

  /** Hands over the open pack, if there is something in it. */
  async flush(): Promise<void> {
    this.#close(false);
  }

  /** Returns what was stored since the last call. */
  takeCounts(): StoredCounts {
    const counts = this.#counts;
    this.#counts = { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };
    return counts;
  }

  #compress(plain: Uint8Array): StoredForm {
    const { repositoryVersion, compression } = this.#setup;
    const tried = compression === 'max' || repositoryVersion === 1 || this.#probe.worthTrying(plain);
    return storedForm(this.#platform, repositoryVersion, 'data', plain, tried ? compression : 'off');
  }

  #add(writer: PackWriter, id: Uint8Array, form: StoredForm, plainLength: number): void {
    writer.add('data', id, form.stored, form.uncompressedLength);
    const entry = form.uncompressedLength === 0 ? ENTRY_BYTES : COMPRESSED_ENTRY_BYTES;
    this.#counts.dataBlobs++;
    this.#counts.dataAdded += plainLength;
    this.#counts.dataAddedPacked += form.stored.length + SEAL_OVERHEAD + entry;
    if (writer.length >= this.#setup.packSizeBytes) this.#close(true);
  }

  /** Hands over the open pack and resolves with a writer over an empty slab. */
  async #turn(): Promise<PackWriter> {
    this.#close(true);
    const slab = await this.#slabs.take();
    this.#slab = slab;
    if (this.#writer === null) {
      this.#writer = new PackWriter(this.#platform, this.#platform.sealer(this.#setup.key), slab.memory);
    } else this.#writer.reset(slab.memory);
    return this.#writer;
  }

  #close(full: boolean): void {
    const slab = this.#slab;
    const writer = this.#writer;
    if (slab === null || writer === null || writer.blobCount === 0) return;
    const { bytes, sha256, header } = writer.finish();
    if (full) this.#counts.dataAddedPacked += PACK_OVERHEAD;
    this.#slab = null;
    this.#slabs.give(slab, { length: bytes.length, sha256, header });
  }
}
