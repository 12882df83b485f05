/** Writes many lines to a stream in large pieces. Names that are not UTF-8 go out as the bytes they are. */
import type { Writable } from 'node:stream';
import { requireReader } from './reader.ts';

const PIECE_BYTES = 64 * 1024;
/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

export class LineWriter {
  readonly #stream: Writable;
  readonly #onWrite: () => void;
  readonly #piece: Buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #length = 0;
  /** Pieces that wait; null when nothing needs to. */
  #waiting: Uint8Array[] | null = null;
  #free: Promise<void> = Promise.resolve();

  /** `onWrite` is called before something is written, e.g. to clear a line of progress. */
  constructor(stream: Writable, onWrite: () => void = () => {}) {
    this.#stream = stream;
    this.#onWrite = onWrite;
  }

  /** Keeps what is written until `free` resolves; if it rejects, nothing is ever written and end() throws that. */
  holdUntil(free: Promise<void>): void {
    this.#waiting = [];
    this.#free = free.then(() => {
      const waiting = this.#waiting ?? [];
      this.#waiting = null;
      for (const piece of waiting) this.#write(piece);
    });
    this.#free.catch(() => {}); // end() tells it
  }

  line(line: string | Uint8Array): void {
    this.text(line);
    this.text('\n');
  }

  /** Writes without the end of a line. Copies bytes. */
  text(text: string | Uint8Array): void {
    const most = typeof text === 'string' ? text.length * MAX_BYTES_PER_UNIT : text.length;
    if (most > PIECE_BYTES - this.#length) this.#flush();
    if (most > PIECE_BYTES) this.#write(Buffer.from(text));
    else if (typeof text === 'string') this.#length += this.#piece.write(text, this.#length);
    else {
      this.#piece.set(text, this.#length);
      this.#length += text.length;
    }
  }

  /** Resolves when everything was handed to the system. */
  async end(): Promise<void> {
    await this.#free;
    this.#flush();
    await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
  }

  #flush(): void {
    if (this.#length > 0) this.#write(Buffer.from(this.#piece.subarray(0, this.#length)));
    this.#length = 0;
  }

  #write(piece: Uint8Array): void {
    if (this.#waiting !== null) {
      this.#waiting.push(piece);
      return;
    }
    requireReader(this.#stream);
    this.#onWrite();
    this.#stream.write(piece);
  }
}
