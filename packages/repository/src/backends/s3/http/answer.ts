/**
 * Reads one HTTP answer out of a socket that asks where to put the next bytes: the head goes into the socket's own memory,
 * and a body of known length straight to where it is wanted, without a copy or a piece of garbage on the way.
 */
import { ChunkedBody } from './chunked.ts';
import { type AnswerHead, framingOf, parseHead } from './head.ts';

/** A whole answer. */
export interface Answer extends AnswerHead {
  /** Lies in the memory that `room` gave, where it gave any. */
  readonly body: Uint8Array;
}

/**
 * Gives the memory for a body of `length` bytes when the head is known: exactly that many, or null to let it be allocated.
 * May throw to refuse the body; the connection is given up then.
 */
export type Room = (head: AnswerHead, length: number) => Uint8Array | null;

/** The connection ended, or what came over it is not HTTP: as good as a connection that was reset. */
export class BrokenAnswer extends Error {
  readonly code = 'ECONNRESET';
}

const HEAD_END = '\r\n\r\n';
const NOTHING = new Uint8Array(0);

/** A body that says how long it is, and how much of it is there. */
interface Known {
  readonly kind: 'length';
  readonly memory: Uint8Array;
  filled: number;
}

/** A body whose length is known only at its end. */
type Pieces =
  | { readonly kind: 'chunked'; readonly chunks: ChunkedBody; filled: number }
  | { readonly kind: 'until-close'; readonly pieces: Uint8Array[]; filled: number };

/** One answer under way. */
export class AnswerReader {
  /** Set when the answer is complete. */
  answer: Answer | null = null;
  readonly #method: string;
  readonly #room: Room;
  readonly #scratch: Buffer;
  /** Bytes of a head that is not complete, at the beginning of the scratch memory. */
  #headBytes = 0;
  #head: AnswerHead | null = null;
  #body: Known | Pieces | null = null;

  /** `scratch` is used until the answer is complete; a head must fit into it. */
  constructor(method: string, scratch: Buffer, room: Room) {
    this.#method = method;
    this.#scratch = scratch;
    this.#room = room;
  }

  /** How much of the body is there. */
  get bodyBytes(): number {
    return this.#body?.filled ?? 0;
  }

  /** Where the next bytes go; never empty. */
  next(): Uint8Array {
    if (this.#body?.kind === 'length' && this.answer === null) return this.#body.memory.subarray(this.#body.filled);
    return this.#body === null ? this.#scratch.subarray(this.#headBytes) : this.#scratch;
  }

  /** `count` bytes lie where next() said. Throws BrokenAnswer when they are not HTTP, and what `room` throws. */
  took(count: number): void {
    const body = this.#body;
    if (this.answer !== null) throw new BrokenAnswer('more bytes came than the answer has');
    if (body === null) this.#tookHead(count);
    else if (body.kind === 'length') this.#filled(body, count);
    else this.#tookPieces(body, this.#scratch.subarray(0, count));
  }

  /** The other side ended the connection. Throws BrokenAnswer unless that completes the answer. */
  ended(): void {
    if (this.answer !== null) return;
    if (this.#body?.kind !== 'until-close') throw new BrokenAnswer('the connection ended before the answer did');
    this.#complete(joined(this.#body.pieces), false);
  }

  #tookHead(count: number): void {
    const filled = this.#headBytes + count;
    const bytes = this.#scratch.subarray(0, filled);
    const end = bytes.indexOf(HEAD_END, Math.max(0, this.#headBytes - HEAD_END.length), 'latin1');
    this.#headBytes = filled;
    if (end < 0) {
      if (filled === this.#scratch.length) throw new BrokenAnswer('the head of the answer is too long');
      return;
    }
    const rest = bytes.subarray(end + HEAD_END.length);
    const head = wellFormed(() => parseHead(bytes.toString('latin1', 0, end)));
    // 1xx is not the answer yet; 101 was never asked for, and what follows it would not be HTTP.
    if (head.status < 200) this.#skipInterim(head, rest);
    else this.#beginBody(head, rest);
  }

  #skipInterim({ status }: AnswerHead, rest: Buffer): void {
    if (status === 101) throw new BrokenAnswer('the answer switches to another protocol');
    this.#scratch.set(rest, 0);
    this.#headBytes = 0;
    if (rest.length > 0) this.#tookHead(rest.length);
  }

  #beginBody(head: AnswerHead, rest: Buffer): void {
    this.#head = head;
    const framing = wellFormed(() => framingOf(this.#method, head));
    if (framing.kind === 'length') this.#beginKnown(head, framing.length, rest);
    else this.#beginPieces(framing.kind, rest);
  }

  #beginPieces(kind: 'chunked' | 'until-close', rest: Buffer): void {
    const body: Pieces =
      kind === 'chunked' ? { kind, chunks: new ChunkedBody(), filled: 0 } : { kind, pieces: [], filled: 0 };
    this.#body = body;
    this.#tookPieces(body, rest);
  }

  #beginKnown(head: AnswerHead, length: number, rest: Buffer): void {
    if (rest.length > length) throw new BrokenAnswer('more bytes came than the answer has');
    const memory = length === 0 ? NOTHING : (this.#room(head, length) ?? fresh(length));
    if (memory.length !== length) throw new RangeError('room: expected exactly as much memory as the body has');
    memory.set(rest, 0);
    const body: Known = { kind: 'length', memory, filled: 0 };
    this.#body = body;
    this.#filled(body, rest.length);
  }

  #filled(body: Known, count: number): void {
    body.filled += count;
    if (body.filled === body.memory.length) this.#complete(body.memory, true);
  }

  #tookPieces(body: Pieces, bytes: Buffer): void {
    body.filled += bytes.length;
    if (body.kind === 'until-close') {
      body.pieces.push(new Uint8Array(bytes));
      return;
    }
    const used = wellFormed(() => body.chunks.take(bytes));
    if (used < bytes.length) throw new BrokenAnswer('more bytes came than the answer has');
    if (body.chunks.complete) this.#complete(joined(body.chunks.pieces), true);
  }

  #complete(body: Uint8Array, framed: boolean): void {
    const head = this.#head as AnswerHead;
    this.answer = { ...head, persistent: head.persistent && framed, body };
  }
}

function fresh(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : new Uint8Array(Buffer.concat(pieces));
}

function wellFormed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw cause instanceof SyntaxError ? new BrokenAnswer(cause.message) : cause;
  }
}
