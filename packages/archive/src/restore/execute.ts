/**
 * What a thread does with a segment: opens each blob, checks it against its id, and only then writes it where it belongs.
 * A blob that is not what its id says is never written; the caller is told and tries other copies. Large ones go another way: see
 * blobs-abreast.ts.
 */
import { closeSync } from 'node:fs';
import type { Platform, Posix } from '@hostark/kernels';
import type { SegmentOpener } from './open-segment.ts';
import { endOfBlob, type Needs } from './plan.ts';
import { FLAG_FAILED, FLAG_PART, FLAG_SPARSE, type Rows, workPath } from './rows.ts';
import { WholeFiles } from './whole-file.ts';
import { type Actor, openForWrite, writeAt } from './write-file.ts';

/** What it takes to write files. */
export interface WriterTools {
  readonly platform: Platform;
  readonly system: Posix;
  readonly actor: Actor;
}

/** What a thread works with. */
export interface Tools extends WriterTools {
  readonly opener: SegmentOpener;
}

/** The needs `from` up to `to`, of the files in `rows`. */
export interface Share {
  readonly rows: Rows;
  readonly needs: Needs;
  readonly from: number;
  readonly to: number;
}

/** One file could not be written, or not be given its metadata. */
export interface FileTrouble {
  readonly row: number;
  readonly during: 'write' | 'metadata';
  readonly message: string;
  readonly code: string;
}

export interface SegmentOutcome {
  /** The first need of each blob that is damaged, ascending: it is not at its places, and what is there means nothing. */
  readonly damaged: readonly number[];
  readonly troubles: readonly FileTrouble[];
}

/** Writes one segment's blobs. `bytes` is the segment, from `offset` of its pack; it is decrypted in place. */
export function writeSegment(tools: Tools, bytes: Uint8Array, offset: number, share: Share): SegmentOutcome {
  const { needs, from, to } = share;
  const damaged: number[] = [];
  const writer = new Writer(tools, share.rows);
  try {
    tools.opener.open(bytes, offset, needs, from, to, (first, end, plain) => {
      if (plain === null) damaged.push(first);
      else for (let i = first; i < end; i++) writer.write(needs.rows[i]!, needs.offsets[i]!, plain);
    });
  } finally {
    writer.close();
  }
  return { damaged: damaged.sort((a, b) => a - b), troubles: writer.troubles };
}

/** Returns what comes of a segment of which nothing can be read. */
export function damagedWhole({ needs, from, to }: Share): SegmentOutcome {
  const damaged: number[] = [];
  for (let need = from; need < to; need = endOfBlob(needs, need, to)) damaged.push(need);
  return { damaged, troubles: [] };
}

/** Writes a blob whose plain bytes the caller has (from another copy). */
export function writePlain(tools: Tools, plain: Uint8Array, { rows, needs, from, to }: Share): SegmentOutcome {
  const writer = new Writer(tools, rows);
  try {
    for (let i = from; i < to; i++) writer.write(needs.rows[i]!, needs.offsets[i]!, plain);
  } finally {
    writer.close();
  }
  return { damaged: [], troubles: writer.troubles };
}

/** Makes files without content. */
export function writeEmpty(tools: Tools, rows: Rows, list: Uint32Array): SegmentOutcome {
  const writer = new Writer(tools, rows);
  for (const row of list) writer.write(row, 0, NOTHING);
  writer.close();
  return { damaged: [], troubles: writer.troubles };
}

const NOTHING: Uint8Array = new Uint8Array();

/** Keeps what is open while one job lasts. */
export class Writer {
  readonly troubles: FileTrouble[] = [];
  readonly #rows: Rows;
  readonly #whole: WholeFiles;
  readonly #open = new Map<number, number>();
  /** Files that could not be written: the first error says it. */
  readonly #givenUp = new Set<number>();

  constructor(tools: WriterTools, rows: Rows) {
    this.#rows = rows;
    this.#whole = new WholeFiles(tools.system, tools.actor, rows);
  }

  write(row: number, offset: number, plain: Uint8Array): void {
    const flags = this.#rows.flags[row]!;
    if ((flags & FLAG_FAILED) !== 0 || this.#givenUp.has(row)) return;
    try {
      if ((flags & FLAG_PART) !== 0) {
        writeAt(this.#part(row), plain, offset, (flags & FLAG_SPARSE) !== 0);
      } else if (!this.#whole.gather(row, plain, this.#writeWhole)) this.#writeWhole(row, plain);
    } catch (error) {
      this.#giveUp(row, error);
    }
  }

  /** Ends what is not done yet. */
  close(): void {
    this.#whole.makeGathered(this.#writeWhole);
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  readonly #writeWhole = (row: number, plain: Uint8Array): void => {
    try {
      const error = this.#whole.write(row, plain);
      if (error !== null) this.#report(row, 'metadata', error);
    } catch (error) {
      this.#giveUp(row, error);
    }
  };

  #giveUp(row: number, error: unknown): void {
    this.#givenUp.add(row);
    this.#report(row, 'write', error);
  }

  #part(row: number): number {
    let fd = this.#open.get(row);
    if (fd === undefined) {
      fd = openForWrite(workPath(this.#rows, row));
      this.#open.set(row, fd);
    }
    return fd;
  }

  #report(row: number, during: FileTrouble['during'], error: unknown): void {
    const { code, message } = error as { code?: unknown; message?: unknown };
    this.troubles.push({ row, during, message: String(message ?? error), code: String(code ?? '') });
  }
}
