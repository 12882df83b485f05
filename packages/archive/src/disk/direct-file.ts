/**
 * A file of a repository on this machine, read past the page cache where that can be (O_DIRECT): what is read once costs no
 * copy and no page, and pushes out nothing that the host's own programs have read. Reads go through Node's pool of
 * threads, so that the caller computes meanwhile.
 */
import { closeSync, constants, openSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { largePagesOfMemory, PAGE_BYTES, refusesDirect } from '@hostark/kernels';
import type { ByteRange } from '@hostark/repository';
import { readFully } from './read-fully.ts';

const readInto = promisify(read);

export class DirectFile {
  readonly #path: string;
  /** -1: not opened. */
  #direct = -1;
  #plain = -1;

  /** Throws errno errors. To be closed, once no read is under way. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#direct = openSync(path, constants.O_RDONLY | constants.O_DIRECT);
    } catch (error) {
      if (!refusesDirect(error)) throw error;
      this.#openPlain();
    }
  }

  /**
   * Reads a range into `pages`, which begin at a page, have room for all that the range touches (see Pages), and are nobody
   * else's until then. Resolves with a view of what there is of it: less where the file ends early. Rejects with errno errors.
   */
  async read({ offset, length }: ByteRange, pages: Uint8Array): Promise<Uint8Array> {
    const start = offset - (offset % PAGE_BYTES);
    const end = offset + length;
    let filled = 0;
    while (start + filled < end) {
      const count = await this.#readSome(pages, filled, roundUp(end) - start - filled, start + filled);
      if (count === 0) break;
      filled += count;
    }
    const from = offset - start;
    return pages.subarray(from, Math.max(from, Math.min(filled, end - start)));
  }

  /** For reads of whole pages; they may be refused all the same (refusesDirect()). */
  get fd(): number {
    return this.#direct >= 0 ? this.#direct : this.#plain;
  }

  /** Reads through the page cache, now. Returns false if the file ends before `into` is full. Throws errno errors. */
  readPlain(into: Uint8Array, position: number): boolean {
    return readFully(this.#openPlain(), into, position);
  }

  close(): void {
    for (const fd of [this.#direct, this.#plain]) if (fd >= 0) closeSync(fd);
  }

  async #readSome(pages: Uint8Array, at: number, length: number, position: number): Promise<number> {
    // What a short read leaves begins anywhere.
    if (this.#direct >= 0 && at % PAGE_BYTES === 0) {
      try {
        return (await readInto(this.#direct, pages, at, length, position)).bytesRead;
      } catch (error) {
        // Memory whose address is not known, or a disk with larger blocks.
        if (!refusesDirect(error)) throw error;
      }
    }
    return (await readInto(this.#openPlain(), pages, at, length, position)).bytesRead;
  }

  #openPlain(): number {
    if (this.#plain < 0) this.#plain = openSync(this.#path, 'r');
    return this.#plain;
  }
}

/** Memory that is used again and again for ranges of files. */
export class Pages {
  readonly #least: number;
  #bytes: Uint8Array = new Uint8Array(0);

  /** `least`: bytes that are made at first, if that is enough; they cost nothing until they are touched. */
  constructor(least: number) {
    this.#least = least;
  }

  /** Returns memory for a range and what else its pages hold; what was returned before is void. */
  for({ offset, length }: ByteRange): Uint8Array {
    const needed = roundUp((offset % PAGE_BYTES) + length);
    if (needed > this.#bytes.length) this.#bytes = largePagesOfMemory(Math.max(needed, this.#least));
    return this.#bytes;
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}
