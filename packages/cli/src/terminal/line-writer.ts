/** Writes many lines to a stream in large pieces. Names that are not UTF-8 go out as the bytes they are. */
import type { Writable } from 'node:stream';
import { requireReader } from './reader.ts';

const PIECE_BYTES = 64 * 1024;

export class LineWriter {
  readonly #stream: Writable;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  line(line: string | Uint8Array): void {
    const bytes = Buffer.from(typeof line === 'string' ? `${line}\n` : Buffer.concat([line, Buffer.from('\n')]));
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= PIECE_BYTES) this.#flush();
  }

  /** Resolves when everything was handed to the system. */
  async end(): Promise<void> {
    this.#flush();
    await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
  }

  #flush(): void {
    requireReader(this.#stream);
    if (this.#bytes > 0) this.#stream.write(Buffer.concat(this.#parts));
    this.#parts = [];
    this.#bytes = 0;
  }
}
