/**
 * Fills packs of one kind in slabs: compress where it pays, seal in place, hand full packs over. zstd writes a frame to
 * the very bytes where it is then sealed, so that nothing is copied. Holds at most one slab; one per engine and kind.
 */
import { type Platform, SEAL_OVERHEAD } from '@hostark/kernels';
import { type BlobKind, COMPRESSION_LEVELS, PackWriter, type StoredForm } from '@hostark/repository';
import { CompressionProbe } from './compressible.ts';
import type { EngineSetup } from './jobs.ts';
import { roomFor, type Slab, type SlabExchange } from './slabs.ts';

/** Bytes of a header entry, without and with the plaintext's length (restic pack format). */
const ENTRY_BYTES = 37;
const COMPRESSED_ENTRY_BYTES = 41;
/** The header's seal and length. restic counts them for packs that are closed because they are full. */
const PACK_OVERHEAD = 36;
/** The initialisation vector before each sealed blob (restic design document, "Keys, Encryption and MAC"). */
const IV_BYTES = 16;

export class PackFiller {
  readonly #setup: EngineSetup;
  readonly #platform: Platform;
  readonly #kind: BlobKind;
  readonly #slabs: SlabExchange;
  readonly #probe: CompressionProbe;
  #writer: PackWriter | null = null;
  #slab: Slab | null = null;
  /** The form of the blob that did not fit, so that it is not compressed twice. */
  #held: { readonly id: Uint8Array; readonly form: StoredForm } | null = null;
  #overhead = 0;

  constructor(setup: EngineSetup, platform: Platform, kind: BlobKind, slabs: SlabExchange) {
    this.#setup = setup;
    this.#platform = platform;
    this.#kind = kind;
    this.#slabs = slabs;
    this.#probe = new CompressionProbe(platform);
  }

  /**
   * Stores a blob and returns the bytes that it takes in the pack, with its header entry; -1 if there is no room: then
   * turn() comes before the same call again. `plain` is free again once it is stored.
   */
  put(id: Uint8Array, plain: Uint8Array): number {
    if (this.#slab === null) return -1;
    const writer = this.#writer!;
    const form = this.#held?.id === id ? this.#held.form : this.#formOf(plain, this.#slab, writer);
    if (!writer.fits(form.stored.length, form.uncompressedLength)) {
      this.#held = { id, form: outOf(this.#slab, form) };
      return -1;
    }
    this.#held = null;
    writer.add(this.#kind, id, form.stored, form.uncompressedLength);
    const entry = form.uncompressedLength === 0 ? ENTRY_BYTES : COMPRESSED_ENTRY_BYTES;
    if (writer.length >= this.#setup.packSizeBytes) this.close(true);
    return form.stored.length + SEAL_OVERHEAD + entry;
  }

  /** Hands over the open pack and opens an empty slab in which a blob of `plainLength` bytes has room. */
  async turn(plainLength: number): Promise<void> {
    this.close(true);
    const slab = largeEnough(await this.#slabs.take(), plainLength);
    this.#slab = slab;
    if (this.#writer === null) {
      this.#writer = new PackWriter(this.#platform, this.#platform.sealer(this.#setup.key), slab.memory);
    } else this.#writer.reset(slab.memory);
  }

  /** Hands over the open pack, if there is one. `full`: it is closed for lack of room, not because the backup ends. */
  close(full: boolean): void {
    const slab = this.#slab;
    if (slab === null || this.#writer!.blobCount === 0) return;
    const { bytes, sha256, header } = this.#writer!.finish();
    if (full) this.#overhead += PACK_OVERHEAD;
    this.#slab = null;
    this.#slabs.give(slab, { length: bytes.length, sha256, header });
  }

  /** Returns the bytes of headers of full packs since the last call. */
  takeOverhead(): number {
    const overhead = this.#overhead;
    this.#overhead = 0;
    return overhead;
  }

  #formOf(plain: Uint8Array, slab: Slab, writer: PackWriter): StoredForm {
    const { repositoryVersion, compression } = this.#setup;
    const asIs = { stored: plain, uncompressedLength: 0 };
    const isTree = this.#kind === 'tree'; // trees are compressed whatever the user chose, as restic does
    if (repositoryVersion === 1 || plain.length === 0 || (compression === 'off' && !isTree)) return asIs;
    if (!isTree && compression !== 'max' && !this.#probe.worthTrying(plain)) return asIs;
    const level = COMPRESSION_LEVELS[compression] || COMPRESSION_LEVELS.auto;
    const frame = this.#platform.zstdCompress(plain, level, roomIn(slab, writer));
    return isTree || frame.length < plain.length ? { stored: frame, uncompressedLength: plain.length } : asIs;
  }
}

/** A frame may lie where the header of this pack is about to be written: then it is copied. */
function outOf(slab: Slab, form: StoredForm): StoredForm {
  return form.stored.buffer === slab.memory.buffer ? { ...form, stored: form.stored.slice() } : form;
}

/** Where the next blob's bytes go, no larger than what PackWriter.fits() allows. */
function roomIn(slab: Slab, writer: PackWriter): Uint8Array | undefined {
  const header = (writer.blobCount + 1) * COMPRESSED_ENTRY_BYTES;
  const from = writer.length + IV_BYTES;
  const to = slab.memory.length - header - PACK_OVERHEAD - (SEAL_OVERHEAD - IV_BYTES);
  return from < to ? slab.memory.subarray(from, to) : undefined;
}

/** A directory of millions of entries may not fit any slab: its tree gets memory of its own, which nobody keeps. */
function largeEnough(slab: Slab, plainLength: number): Slab {
  const needed = roomFor(plainLength);
  if (needed <= slab.memory.length) return slab;
  return { index: slab.index, memory: new Uint8Array(new SharedArrayBuffer(needed)), lentFor: slab };
}
