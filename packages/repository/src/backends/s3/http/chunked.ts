/** Takes the chunked transfer coding off a body (RFC 9112 §7.1): sizes in hex, data, trailers; the pieces are copies. */

/** Longer lines are not from a server that means well. */
const LONGEST_LINE = 16 * 1024;

const LF = 0x0a;

/** A body in chunks, as it arrives. */
export class ChunkedBody {
  /** The content so far, in order. */
  readonly pieces: Uint8Array[] = [];
  #expects: 'size' | 'data' | 'data-end' | 'trailer' | 'nothing' = 'size';
  #line = '';
  /** Bytes of the current chunk that are still to come. */
  #left = 0;

  /** Whether the last chunk and its trailers were seen. */
  get complete(): boolean {
    return this.#expects === 'nothing';
  }

  /** Takes what arrived, which may be overwritten afterwards. Returns how much of it was used. Throws SyntaxError for what is not chunked. */
  take(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && !this.complete) {
      at = this.#expects === 'data' ? this.#takeData(bytes, at) : this.#takeLine(bytes, at);
    }
    return at;
  }

  #takeData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.pieces.push(new Uint8Array(bytes.subarray(at, end)));
    this.#left -= end - at;
    if (this.#left === 0) this.#expects = 'data-end';
    return end;
  }

  #takeLine(bytes: Buffer, at: number): number {
    const lf = bytes.indexOf(LF, at);
    const end = lf < 0 ? bytes.length : lf + 1;
    this.#line += bytes.toString('latin1', at, end);
    if (this.#line.length > LONGEST_LINE) throw new SyntaxError('chunked body: a line is too long');
    if (lf >= 0) {
      this.#endLine(this.#line.replace(/\r?\n$/, ''));
      this.#line = '';
    }
    return end;
  }

  #endLine(line: string): void {
    if (this.#expects === 'size') {
      const digits = /^([0-9a-fA-F]{1,12})[ \t]*(;.*)?$/.exec(line)?.[1];
      if (digits === undefined) throw new SyntaxError('chunked body: expected the size of a chunk');
      this.#left = Number.parseInt(digits, 16);
      this.#expects = this.#left === 0 ? 'trailer' : 'data';
    } else if (this.#expects === 'data-end') {
      if (line !== '') throw new SyntaxError('chunked body: a chunk is longer than it says');
      this.#expects = 'size';
    } else if (line === '') this.#expects = 'nothing';
  }
}
