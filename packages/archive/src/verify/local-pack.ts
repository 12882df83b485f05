/** A pack in a folder, read with plain calls into the reader's own memory. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { askAhead } from '@hostark/kernels';
import type { BlobTable, PackBytes, PackCheck, PackVerdict } from '@hostark/repository';
import { packPath } from '../disk/pack-path.ts';
import { readFully } from '../disk/read-fully.ts';
import { breathe } from '../pool/cpu-limit.ts';
import type { LocalPacks } from './messages.ts';

/**
 * Verifies the pack at `file` of the list, while the disk reads the one that is taken after it; null if it cannot be read,
 * which the backend then tells in its own words.
 */
export function verifyLocalPack(
  queue: PackQueue,
  file: number,
  check: PackCheck,
  blobs: BlobTable,
): PackVerdict | null {
  const pathOf = (pack: number): string => packPath(queue.directory, blobs.packId(pack));
  const next = queue.packAfter(file);
  if (next !== null) askAhead(pathOf(next));
  const pack = queue.packAt(file);
  let fd = -1;
  try {
    fd = openSync(pathOf(pack), 'r');
    return check.run(pack, bytesOf(fd));
  } catch {
    return null;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

function bytesOf(fd: number): PackBytes {
  return {
    length: fstatSync(fd).size,
    read(offset, out) {
      breathe();
      if (!readFully(fd, out, offset)) throw new RangeError('the file ended early');
    },
  };
}

/** Takes packs off the shared list until none is left: each pack is taken once, whoever asks. */
export class PackQueue {
  /** The root of the repository. */
  readonly directory: string;
  readonly #packs: Uint32Array;
  readonly #taken: Int32Array;
  readonly #readers: number;

  constructor({ directory, packs, taken, readers }: LocalPacks) {
    this.directory = directory;
    this.#packs = new Uint32Array(packs);
    this.#taken = new Int32Array(taken);
    this.#readers = readers;
  }

  /** Makes a list of packs for so many readers. */
  static share(directory: string, packs: readonly number[], readers: number): LocalPacks {
    const shared = new SharedArrayBuffer(4 * packs.length);
    new Uint32Array(shared).set(packs);
    return { directory, packs: shared, taken: new SharedArrayBuffer(4), readers };
  }

  /** Returns the place of the next pack in the list, or null. */
  take(): number | null {
    const file = Atomics.add(this.#taken, 0, 1);
    return file < this.#packs.length ? file : null;
  }

  /** Returns the number of a pack in the table. */
  packAt(file: number): number {
    return this.#packs[file]!;
  }

  /** Returns the number of the pack that somebody takes when the one at `file` is done, or null. */
  packAfter(file: number): number | null {
    return this.#packs[file + this.#readers] ?? null;
  }

  /** Leaves nothing to take. */
  stop(): void {
    Atomics.store(this.#taken, 0, this.#packs.length);
  }
}
