/**
 * Verifies the blobs of a pack: seal, frame, content against the id. What is hashed goes beside the hash of the pack, so that
 * sealed and plain bytes must both be there: large blobs are opened through a small window, never held twice.
 */
import { type Memory, type Platform, SEAL_OVERHEAD, type Sealer, type Sha256, withinSeal } from '@hostark/kernels';
import { sameId } from '../ids.ts';
import { damagedBlob, decompressBlob, wrongContent, wrongMac } from '../pack/open-blob.ts';
import { Scratch } from '../scratch.ts';
import type { HashedPack } from './hashed-pack.ts';

/** What is opened at once of a blob that is stored as it is: in the cache, together with its sealed bytes. */
const WINDOW_BYTES: number = 128 * 1024;
/** Longer frames are opened in place, once the pack's hash has taken them. */
const MAX_FRAME_BYTES: number = 1024 * 1024;
/** Below this, two hashes in lockstep cost as much as two apart. */
const LEAST_BYTES = 2048;

export class BlobCheck {
  readonly #platform: Platform;
  readonly #sealer: Sealer;
  readonly #pack: HashedPack;
  readonly #sha: Sha256;
  readonly #opened: Room;
  readonly #plain: Room;

  constructor(platform: Platform, sealer: Sealer, pack: HashedPack) {
    this.#platform = platform;
    this.#sealer = sealer;
    this.#pack = pack;
    this.#sha = platform.sha256Stream();
    this.#opened = new Room(platform);
    this.#plain = new Room(platform);
  }

  /**
   * Verifies a blob. `sealed` is in the range of the pack that was read last, and may be overwritten. Throws HostarkError
   * 'object-damaged'.
   */
  verify(sealed: Uint8Array, uncompressedLength: number, id: Uint8Array): void {
    if (sealed.length < SEAL_OVERHEAD) throw damagedBlob(id, 0, `expected at least 32 bytes, got ${sealed.length}`);
    const digest =
      uncompressedLength === 0 ? this.#hashStored(sealed, id) : this.#hashFrame(sealed, uncompressedLength, id);
    if (!sameId(digest, 0, id, 0)) throw wrongContent(id, 0, digest);
  }

  #hashStored(sealed: Uint8Array, id: Uint8Array): Uint8Array {
    const window = this.#opened.of(WINDOW_BYTES);
    const small = sealed.length < LEAST_BYTES;
    const take = (length: number): void => {
      if (small) this.#sha.updateAt(window, 0, length);
      else this.#pack.beside(this.#sha, window, 0, length);
    };
    if (!this.#sealer.openThrough(sealed, window.bytes.subarray(0, WINDOW_BYTES), take)) throw wrongMac(id, 0);
    return this.#sha.digest();
  }

  #hashFrame(sealed: Uint8Array, uncompressedLength: number, id: Uint8Array): Uint8Array {
    const frame = this.#frame(sealed);
    if (!this.#sealer.open(sealed, frame)) throw wrongMac(id, 0);
    const room = this.#plain.of(uncompressedLength);
    const plain = decompressBlob(this.#platform, frame, uncompressedLength, id, 0, room.bytes);
    // Content that is too long to be kept is in memory of its own.
    if (plain.length < LEAST_BYTES || plain.buffer !== room.bytes.buffer) return this.#platform.sha256(plain);
    this.#pack.beside(this.#sha, room, 0, plain.length);
    return this.#sha.digest();
  }

  /** Returns where a frame is opened. */
  #frame(sealed: Uint8Array): Uint8Array {
    const length = sealed.length - SEAL_OVERHEAD;
    if (length <= MAX_FRAME_BYTES) return this.#opened.of(Math.max(WINDOW_BYTES, length)).bytes.subarray(0, length);
    this.#pack.settle();
    return withinSeal(sealed);
  }
}

/** Memory used again, with its address. */
class Room {
  readonly #platform: Platform;
  readonly #scratch = new Scratch();
  #memory: Memory = { bytes: new Uint8Array(0), address: 0 };

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Returns memory of at least `length` bytes; none at all where that is too long to be kept. */
  of(length: number): Memory {
    const bytes = this.#scratch.atLeast(length);
    if (bytes !== this.#memory.bytes) this.#memory = this.#platform.memory(bytes);
    return this.#memory;
  }
}
