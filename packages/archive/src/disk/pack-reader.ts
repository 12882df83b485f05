/** Ranges of packs in a folder, read one at a time by plain calls: a few microseconds each while the same pack is asked for. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type ByteRange, objectPath, type PackId, Scratch } from '@hostark/repository';

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
    for (let filled = 0; filled < length; ) {
      const read = readSync(this.#fd, bytes, filled, length - filled, offset + filled);
      if (read === 0) return null;
      filled += read;
    }
    return bytes;
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    this.#pack = null;
  }

  #open(pack: PackId): void {
    this.close();
    const path = join(this.#directory, objectPath({ type: 'data', name: pack }));
    this.#fd = openSync(path, constants.O_RDONLY);
    this.#pack = pack;
  }
}
