/**
 * What a command prints, as lines for an operator: the first ones as they come, then only the last, each cut to a
 * sensible length. A command that prints without end costs neither memory nor a log.
 */
import { StringDecoder } from 'node:string_decoder';

const FIRST_LINES = 200;
const LAST_LINES = 20;
const LINE_LENGTH = 1_000;

export class ShownLines {
  readonly #show: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  /** The newest lines, shown or not. */
  readonly #last: string[] = [];
  #open = '';
  #cut = false;
  #count = 0;

  constructor(show: (line: string) => void) {
    this.#show = show;
  }

  push(chunk: Uint8Array): void {
    const [first = '', ...others] = this.#decoder.write(Buffer.from(chunk)).split('\n');
    this.#append(first);
    for (const part of others) {
      this.#finish();
      this.#append(part);
    }
  }

  /** Shows what has not been shown: an unfinished line, how many were left out, the last ones. */
  end(): void {
    this.#append(this.#decoder.end());
    if (this.#open !== '') this.#finish();
    const hidden = Math.max(0, this.#count - FIRST_LINES);
    const last = this.#last.slice(-Math.min(hidden, LAST_LINES));
    if (hidden === 0) return;
    if (hidden > last.length) this.#show(`(${hidden - last.length} lines left out)`);
    for (const line of last) this.#show(line);
  }

  /** The last lines, for an error message. */
  tail(count: number): string {
    return this.#last
      .filter((line) => line.trim() !== '')
      .slice(-count)
      .join(' | ');
  }

  #append(text: string): void {
    const room = LINE_LENGTH - this.#open.length;
    if (text.length > room) this.#cut = true;
    this.#open += text.slice(0, room);
  }

  #finish(): void {
    // A carriage return redraws a line on a terminal: what counts is what stands there in the end.
    const drawn = this.#open.replace(/\r$/, '').split('\r').at(-1)!;
    const line = this.#cut ? `${drawn}…` : drawn;
    this.#open = '';
    this.#cut = false;
    this.#last.push(line);
    if (this.#last.length > LAST_LINES) this.#last.shift();
    if (this.#count++ < FIRST_LINES) this.#show(line);
  }
}
