/** Cuts a byte stream into lines. A line may arrive in any number of pieces. */

const NEWLINE = 0x0a;

/** Calls `onLine` with each line without its end, decoded as UTF-8. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** A line longer than `maxBytes` is a RangeError: the other side is not what we think it is. */
  constructor(onLine: (line: string) => void, maxBytes = 67_108_864) {
    this.#onLine = onLine;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#take(chunk.subarray(start, end));
      this.flush();
      start = end + 1;
    }
    if (start < chunk.length) this.#take(chunk.subarray(start));
  }

  /** Ends the last line; nothing happens when it is empty. */
  flush(): void {
    const line = Buffer.concat(this.#pieces).toString('utf8');
    this.#pieces = [];
    this.#bytes = 0;
    if (line !== '') this.#onLine(line);
  }

  #take(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#maxBytes) throw new RangeError(`line: expected at most ${this.#maxBytes} bytes`);
    this.#pieces.push(piece);
  }
}
