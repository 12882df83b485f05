/** Packs in a folder, verified by one thread that takes them off the list it shares with others. */
import { AHEAD_STEP, askAhead, type SealingKey } from '@hostark/kernels';
import {
  MOST_ABREAST,
  PackCheck,
  type PackCheckTools,
  type PackOutcome,
  PacksAbreast,
  type PackVerdict,
} from '@hostark/repository';
import { OpenPack } from '../disk/open-pack.ts';
import { packPath } from '../disk/pack-path.ts';
import { type PackSource, PackStreams } from '../disk/pack-streams.ts';
import { breathe } from '../pool/cpu-limit.ts';
import type { PackQueue } from './pack-queue.ts';

/** Several at a time where they suit, one after another else. */
export class LocalPacks {
  readonly #queue: PackQueue;
  readonly #tools: PackCheckTools;
  readonly #abreast: PacksAbreast | null;
  readonly #alone: PackCheck;
  /** One that is verified alone is the only one more than those abreast, which are not full then. Null where packs are read by way of the page cache. */
  readonly #streams: PackStreams | null;
  /** Of the packs that are under way. */
  readonly #files = new Map<number, PackSource>();

  constructor(queue: PackQueue, tools: PackCheckTools, key: SealingKey) {
    this.#queue = queue;
    this.#tools = tools;
    this.#abreast = PacksAbreast.create(tools, key, queue.fairShare);
    this.#alone = new PackCheck(tools);
    this.#streams = PackStreams.create(tools.platform, MOST_ABREAST);
  }

  /**
   * Verifies on, for some milliseconds. Returns the packs that came to an end, null when there is none left or it was stopped.
   * A verdict of null: it cannot be read, which the backend then tells in its own words.
   */
  step(): readonly PackOutcome[] | null {
    const abreast = this.#abreast;
    if (this.#queue.isStopped) return null;
    while (abreast === null || !abreast.isFull) {
      const file = this.#queue.take();
      if (file === null) break;
      const outcome = this.#begin(file);
      if (outcome !== null) return [outcome];
    }
    if (abreast === null || abreast.isEmpty) return null;
    breathe();
    const ended = abreast.step();
    for (const { file } of ended) this.#close(file);
    return ended;
  }

  /** Closes what is still open; to be called in any case. */
  close(): void {
    for (const file of [...this.#files.keys()]) this.#close(file);
    this.#streams?.close();
  }

  /** Begins a pack that goes abreast with others, or verifies it at once. */
  #begin(file: number): PackOutcome | null {
    let verdict: PackVerdict | null = null;
    try {
      const { blobs: table, order } = this.#tools;
      const pack = this.#queue.packAt(file);
      const bytes = this.#streams?.open(this.#pathOf(pack)) ?? new OpenPack(this.#pathOf(pack));
      this.#files.set(file, bytes);
      const blobs = order.blobsOf(pack);
      const abreast = PacksAbreast.suits(blobs, bytes.length) ? this.#abreast : null;
      const next = this.#streams === null ? this.#queue.packAfter(file) : null;
      if (next !== null) askAhead(this.#pathOf(next), abreast === null ? undefined : AHEAD_STEP);
      if (abreast !== null) {
        abreast.add(file, { id: table.packId(pack), bytes, blobs });
        return null;
      }
      const { length } = bytes;
      const read = (offset: number, out: Uint8Array): void => {
        breathe();
        bytes.read(offset, out);
      };
      verdict = this.#alone.run(pack, { length, read });
    } catch {
      // The verdict stays null.
    }
    this.#close(file);
    return { file, verdict };
  }

  #close(file: number): void {
    this.#files.get(file)?.close();
    this.#files.delete(file);
  }

  #pathOf(pack: number): string {
    return packPath(this.#queue.directory, this.#tools.blobs.packId(pack));
  }
}
