/**
 * Verifies several packs abreast, a piece of each at a time, so that their hashes and those of their blobs go through the
 * processor together: sixteen messages cost what eight do two at a time.
 */
import { type HashPart, type Platform, SEAL_OVERHEAD, type SealingKey } from '@hostark/kernels';
import type { OrderedBlob } from './pack-order.ts';
import { PackStream, type PackStreamTools } from './pack-stream.ts';
import type { PackVerdict, ReadPack } from './verdict.ts';

/** Two messages each: as many as the processor takes. */
export const MOST_ABREAST = 8;
/** Shorter blobs end so often that the others wait for them. */
const LEAST_BLOB_BYTES: number = 256 * 1024;

/** What became of a pack; a verdict of null says that it could not be read. */
export interface PackOutcome {
  readonly file: number;
  readonly verdict: PackVerdict | null;
}

/** Packs under way, each known by a number of the caller's. */
export class PacksAbreast {
  readonly #platform: Platform;
  readonly #idle: PackStream[];
  readonly #busy = new Map<PackStream, number>();

  private constructor(platform: Platform, streams: PackStream[]) {
    this.#platform = platform;
    this.#idle = streams;
  }

  /** For up to `packs` packs at once, eight at most. Returns null where messages cannot be opened in pieces. */
  static create(tools: PackStreamTools, key: SealingKey, packs: number): PacksAbreast | null {
    const streams: PackStream[] = [];
    for (let i = 0; i < Math.min(packs, MOST_ABREAST); i++) {
      const opener = tools.platform.opener(key);
      if (opener === null) return null;
      streams.push(new PackStream(tools, opener));
    }
    return new PacksAbreast(tools.platform, streams);
  }

  /** Whether a pack of `length` bytes goes this way: large blobs, stored as they are, one behind the other. */
  static suits(blobs: readonly OrderedBlob[], length: number): boolean {
    let end = 0;
    for (const { offset, length: sealed, uncompressedLength } of blobs) {
      if (offset !== end || uncompressedLength !== 0 || sealed < SEAL_OVERHEAD) return false;
      end += sealed;
    }
    return blobs.length > 0 && end < length && end >= LEAST_BLOB_BYTES * blobs.length;
  }

  get isEmpty(): boolean {
    return this.#busy.size === 0;
  }

  get isFull(): boolean {
    return this.#idle.length === 0;
  }

  /** Begins a pack that suits, where there is room. */
  add(file: number, pack: ReadPack): void {
    const stream = this.#idle.pop()!;
    stream.begin(pack);
    this.#busy.set(stream, file);
  }

  /** Moves every pack on by a piece. Returns those that ended with it. */
  step(): PackOutcome[] {
    const ended: PackOutcome[] = [];
    const parts: HashPart[] = [];
    for (const stream of this.#busy.keys()) {
      const before = parts.length;
      try {
        stream.advance(parts);
      } catch {
        parts.length = before;
        ended.push(this.#end(stream, null));
      }
    }
    this.#platform.sha256Together(parts);
    for (const stream of this.#busy.keys()) {
      const verdict = stream.settle();
      if (verdict !== null) ended.push(this.#end(stream, verdict));
    }
    return ended;
  }

  #end(stream: PackStream, verdict: PackVerdict | null): PackOutcome {
    const file = this.#busy.get(stream)!;
    this.#busy.delete(stream);
    this.#idle.push(stream);
    return { file, verdict };
  }
}
