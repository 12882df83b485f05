/** Ranges of packs in a folder, read one at a time by plain calls: a few microseconds each while the same pack is asked for. */
import { closeSync, openSync } from 'node:fs';
import { type ByteRange, type PackId, Scratch } from '@hostark/repository';
import { packPath } from './pack-path.ts';
import { readFully } from './read-fully.ts';

/** Longer ranges get memory of their own. */
const MOST_KEPT_BYTES = 1024 * 1024;

/** Keeps one file open; to be closed. */
export class PackReader {
  readonly #directory: string;
  readonly #bytes = new Scratch(MOST_KEPT_BYTES);
  #pack: PackId | null = null;
  #fd = -1;

  /** `directory`: the root of the repository. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Returns a range, good until the next call, or null where the pack ends before it does. Throws errno errors. */
  read(pack: PackId, { offset, length }: ByteRange): Uint8Array | null {
    if (this.#pack !== pack) this.#open(pack);
    const bytes = this.#bytes.exactly(length);
    return readFully(this.#fd, bytes, offset) ? bytes : null;
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    this.#pack = null;
  }

  #open(pack: PackId): void {
    this.close();
    this.#fd = openSync(packPath(this.#directory, pack), 'r');
    this.#pack = pack;
  }
}
