/** Directory entries as getdents64(2) gives them, collected and sorted by bytes. */

import type { Directory } from './posix.ts';

const RECLEN = 16;
const TYPE = 18;
const NAME = 19;
const DOT = 0x2e;

/**
 * Collects records and sorts them. Names live as Latin-1 strings meanwhile: one character a byte, so that the engine's
 * own string order is the order of bytes, at memcmp's speed.
 */
export class DirentCollector {
  /** Name, NUL, type: NUL is in no name and sorts first, so the tail does not disturb the order of names. */
  readonly #keys: string[] = [];
  #bytes = 0;

  /**
   * Takes the `filled` bytes of records at the start of `buffer`, which needs one byte more than the kernel may fill.
   * The buffer is scribbled upon.
   */
  add(buffer: Buffer, filled: number): void {
    for (let at = 0; at < filled; ) {
      const name = at + NAME;
      const next = at + buffer[at + RECLEN]! + (buffer[at + RECLEN + 1]! << 8);
      let end = name;
      while (buffer[end] !== 0) end++;
      if (!isDotOrDotDot(buffer, name, end - name)) {
        // This may fall on the first byte of the next record: its inode number, which nobody reads.
        buffer[end + 1] = buffer[at + TYPE]!;
        this.#keys.push(buffer.toString('latin1', name, end + 2));
        this.#bytes += end + 2 - name;
      }
      at = next;
    }
  }

  /** Returns the names, views into one buffer, ascending by bytes. */
  finish(): Directory {
    const keys = this.#keys.sort();
    const bytes = Buffer.allocUnsafeSlow(this.#bytes);
    const names = new Array<Uint8Array>(keys.length);
    const types = new Uint8Array(keys.length);
    bytes.write(keys.join(''), 0, 'latin1');
    let at = 0;
    for (let i = 0; i < keys.length; i++) {
      const end = at + keys[i]!.length;
      names[i] = new Uint8Array(bytes.buffer, at, end - 2 - at);
      types[i] = bytes[end - 1]!;
      at = end;
    }
    return { names, types };
  }
}

function isDotOrDotDot(buffer: Buffer, at: number, length: number): boolean {
  return buffer[at] === DOT && (length === 1 || (length === 2 && buffer[at + 1] === DOT));
}
