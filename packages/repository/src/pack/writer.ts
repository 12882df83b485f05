/**
 * Fills a buffer with one pack: sealed blobs, sealed header, length of the header. The SHA-256 that names the pack is taken
 * while it fills. Needs no repository, so that worker threads can run it; the buffer may be shared memory.
 * Not for use by several threads at once. After any error the writer is broken and says so.
 */
import { type Platform, SEAL_OVERHEAD, type Sealer, type Sha256 } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import type { BlobKind } from '../blobs/kind.ts';
import { sameBytes } from '../encoding/bytes.ts';
import { ID_BYTES, type PackId, packIdFrom } from '../ids.ts';
import { entryBytes, MAX_HEADER_BYTES, PACK_OVERHEAD, putUint32, readHeader, writeEntry } from './header.ts';

/** A finished pack. Everything but `bytes` can be sent to another thread as it is. */
export interface FinishedPack {
  readonly id: PackId;
  /** The raw id: also the SHA-256 of `bytes`. */
  readonly sha256: Uint8Array;
  /** The pack: a view of the writer's buffer, valid until the buffer is used again. */
  readonly bytes: Uint8Array;
  /** The opened header, in memory of its own: what the index and the blob table need. */
  readonly header: Uint8Array;
  readonly blobCount: number;
}

/** Writes one pack after another into buffers of the caller. */
export class PackWriter {
  readonly #sealer: Sealer;
  readonly #sha: Sha256;
  #buffer: Uint8Array;
  #header = new Uint8Array(4096);
  #headerLength = 0;
  #length = 0;
  #count = 0;
  #kind: BlobKind | null = null;
  #broken = false;

  /** `buffer` holds the pack while it fills; it is used by nobody else until finish() and the upload are done. */
  constructor(platform: Platform, sealer: Sealer, buffer: Uint8Array) {
    this.#sealer = sealer;
    this.#sha = platform.sha256Stream();
    this.#buffer = buffer;
  }

  /** Bytes of sealed blobs so far. */
  get length(): number {
    return this.#length;
  }

  /** Blobs so far. */
  get blobCount(): number {
    return this.#count;
  }

  /** What all blobs of this pack are, or null while it is empty: packs do not mix kinds. */
  get kind(): BlobKind | null {
    return this.#kind;
  }

  /** Returns whether a blob of `storedLength` bytes (compressed or not, before sealing) still fits. */
  fits(storedLength: number, uncompressedLength: number): boolean {
    const header = this.#headerLength + entryBytes(uncompressedLength);
    const total = this.#length + storedLength + SEAL_OVERHEAD + header + PACK_OVERHEAD;
    return total <= this.#buffer.length && header + SEAL_OVERHEAD <= MAX_HEADER_BYTES;
  }

  /**
   * Seals a blob into the pack and returns the bytes it takes there. `stored` is what to seal: the plaintext, or one zstd
   * frame of it, and then `uncompressedLength` is the plaintext's length (0 means not compressed). `id` is 32 raw bytes.
   * Throws RangeError when it does not fit, TypeError when the kind is not that of the blobs before.
   */
  add(kind: BlobKind, id: Uint8Array, stored: Uint8Array, uncompressedLength: number): number {
    this.#expectWhole();
    if (id.length !== ID_BYTES) throw new RangeError(`id: expected ${ID_BYTES} bytes, got ${id.length}`);
    if (this.#kind !== null && this.#kind !== kind) throw new TypeError(`pack: expected only ${this.#kind} blobs`);
    if (!this.fits(stored.length, uncompressedLength)) throw new RangeError('pack: the blob does not fit');
    this.#broken = true;
    const sealedLength = stored.length + SEAL_OVERHEAD;
    const place = this.#buffer.subarray(this.#length, this.#length + sealedLength);
    this.#sealer.seal(stored, place);
    this.#sha.update(place);
    this.#growHeader(entryBytes(uncompressedLength));
    this.#headerLength += writeEntry(this.#header, this.#headerLength, kind, sealedLength, uncompressedLength, id);
    this.#length += sealedLength;
    this.#count++;
    this.#kind = kind;
    this.#broken = false;
    return sealedLength;
  }

  /** Ends the pack. The header is read back as it was written before it counts. Next is reset(). Throws when empty. */
  finish(): FinishedPack {
    this.#expectWhole();
    if (this.#count === 0) throw new TypeError('pack: an empty pack is never written');
    this.#broken = true;
    const header = this.#header.slice(0, this.#headerLength);
    const sealedLength = header.length + SEAL_OVERHEAD;
    const end = this.#length + sealedLength + 4;
    const sealed = this.#buffer.subarray(this.#length, this.#length + sealedLength);
    this.#sealer.seal(header, sealed);
    putUint32(this.#buffer, end - 4, sealedLength);
    this.#sha.update(this.#buffer.subarray(this.#length, end));
    this.#readBack(header, sealed);
    const sha256 = this.#sha.digest();
    return { id: packIdFrom(sha256), sha256, bytes: this.#buffer.subarray(0, end), header, blobCount: this.#count };
  }

  /** Starts a new pack, in the same buffer or another one. Also mends a broken writer. */
  reset(buffer: Uint8Array = this.#buffer): void {
    if (this.#length > 0 || this.#broken) this.#sha.digest();
    this.#buffer = buffer;
    this.#headerLength = 0;
    this.#length = 0;
    this.#count = 0;
    this.#kind = null;
    this.#broken = false;
  }

  #expectWhole(): void {
    if (this.#broken) throw new TypeError('pack: this pack is finished or failed; reset() starts a new one');
  }

  #growHeader(more: number): void {
    if (this.#headerLength + more <= this.#header.length) return;
    const grown = new Uint8Array(this.#header.length * 2);
    grown.set(this.#header);
    this.#header = grown;
  }

  /** Opens the sealed header again and compares: catches broken memory and our own mistakes before they are stored. */
  #readBack(header: Uint8Array, sealed: Uint8Array): void {
    const opened = new Uint8Array(header.length);
    const intact = this.#sealer.open(sealed, opened) && sameBytes(opened, header);
    if (!intact || readHeader(opened, () => {}) !== this.#length) {
      throw new HostarkError('internal', 'a pack header read back differs from what was written', {
        hint: 'this is broken memory or a mistake of Hostark: nothing was stored; test the memory of this machine',
      });
    }
  }
}
