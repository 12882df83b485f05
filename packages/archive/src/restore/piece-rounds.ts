/** Pieces of blobs on their way from the disk, in rounds: one piece of each lane. While a round is worked on, the next is under way. */
import { largePagesOfMemory, type Memory, PAGE_BYTES, type Platform, type RingReads } from '@hostark/kernels';
import type { LargeBlob, Piece } from './blob-lane.ts';

/**
 * Measured: a quarter, half and twice of it take 12, 3 and 7 % longer. Small enough for what all lanes hold to stay in a
 * cache, large enough for calls not to count.
 */
const PIECE_BYTES: number = 256 << 10;
/** What a piece leaves goes before the next one, which begins at a page. */
const ROOM_BYTES: number = PAGE_BYTES + PIECE_BYTES;
/** One that is worked on, and one that the disk is asked for. */
export const ROUNDS = 2;

/** Pieces, with the number of the lane of each, and what reading each came to. */
export interface Round {
  readonly pieces: readonly { readonly piece: Piece; readonly lane: number }[];
  readonly results: readonly number[];
}

/** What a lane has the disk read. */
interface Cursor {
  blob: LargeBlob | null;
  position: number;
}

interface Asked {
  /** Where its pieces begin. */
  readonly from: number;
  readonly pieces: Round['pieces'];
  readonly results: Promise<readonly number[]>;
}

export class PieceRounds {
  readonly #reads: RingReads;
  readonly #memory: Memory;
  readonly #cursors: readonly Cursor[];
  /** Where a round has room. */
  readonly #idle: number[];
  readonly #asked: Asked[] = [];
  readonly #take: () => LargeBlob | null;
  #current: number | null = null;

  /** `reads`: for ROUNDS for each lane, its own from now on. `take` gives the next blob. */
  constructor(reads: RingReads, platform: Platform, lanes: number, take: () => LargeBlob | null) {
    this.#reads = reads;
    this.#memory = platform.memory(largePagesOfMemory(ROUNDS * lanes * ROOM_BYTES));
    this.#take = take;
    this.#cursors = Array.from({ length: lanes }, () => ({ blob: null, position: 0 }));
    this.#idle = Array.from({ length: ROUNDS }, (_, i) => i * lanes * ROOM_BYTES);
  }

  /** Resolves with the next round, whose pieces are good until the next call; null when there is no blob left. */
  async next(): Promise<Round | null> {
    if (this.#current !== null) this.#idle.push(this.#current);
    this.#current = null;
    this.#ask();
    const asked = this.#asked.shift();
    if (asked === undefined) return null;
    const results = await asked.results;
    this.#current = asked.from;
    return { pieces: asked.pieces, results };
  }

  /** Forgets the blobs that it has begun; nothing is under way afterwards. */
  async giveUp(): Promise<void> {
    for (const cursor of this.#cursors) cursor.blob = null;
    for (const { from, results } of this.#asked.splice(0)) {
      await results.catch(() => {});
      this.#idle.push(from);
    }
  }

  /** Ends it, once nothing is under way. */
  close(): void {
    this.#reads.close();
  }

  #ask(): void {
    for (let from = this.#idle.at(-1); from !== undefined; from = this.#idle.at(-1)) {
      const pieces: { piece: Piece; lane: number }[] = [];
      for (const [lane, cursor] of this.#cursors.entries()) {
        const piece = this.#nextPiece(cursor, from + lane * ROOM_BYTES + PAGE_BYTES);
        if (piece === null) continue;
        pieces.push({ piece, lane });
        this.#reads.add(piece.blob.file.fd, piece.memory, piece.at, piece.length, piece.position);
      }
      if (pieces.length === 0) return;
      this.#idle.pop();
      const results = this.#reads.run();
      results.catch(() => {}); // told to whoever takes the round
      this.#asked.push({ from, pieces, results });
    }
  }

  #nextPiece(cursor: Cursor, at: number): Piece | null {
    if (cursor.blob === null) {
      cursor.blob = this.#take();
      if (cursor.blob === null) return null;
      cursor.position = cursor.blob.offset - (cursor.blob.offset % PAGE_BYTES);
    }
    const { blob, position } = cursor;
    const end = blob.offset + blob.length;
    const length = Math.min(PIECE_BYTES, Math.ceil((end - position) / PAGE_BYTES) * PAGE_BYTES);
    cursor.position += length;
    if (cursor.position >= end) cursor.blob = null;
    return { blob, position, length, memory: this.#memory, at };
  }
}
