/**
 * The fields of a node in the order and form in which restic and Hostark write almost all of them, and the steps over
 * their text that need no objects. Readers of trees build on it; what they meet in another form they leave to decodeTree().
 * Format: restic `internal/data/tree.go`, `node.go`.
 */
import { utf8 } from '../encoding/bytes.ts';

// What stands before the first node of a tree, and before the value of each field.
export const HEAD: Uint8Array = utf8('{"nodes":[');
export const NAME: Uint8Array = utf8('{"name":"');
export const TYPE: Uint8Array = utf8(',"type":"');
export const MODE: Uint8Array = utf8(',"mode":');
export const MTIME: Uint8Array = utf8(',"mtime":"');
export const ATIME: Uint8Array = utf8(',"atime":"');
export const CTIME: Uint8Array = utf8(',"ctime":"');
export const UID: Uint8Array = utf8(',"uid":');
export const GID: Uint8Array = utf8(',"gid":');
export const USER: Uint8Array = utf8(',"user":"');
export const GROUP: Uint8Array = utf8(',"group":"');
export const INODE: Uint8Array = utf8(',"inode":');
export const DEVICE_ID: Uint8Array = utf8(',"device_id":');
export const SIZE: Uint8Array = utf8(',"size":');
export const LINKS: Uint8Array = utf8(',"links":');
export const LINK_TARGET: Uint8Array = utf8(',"linktarget":"');
export const DEVICE: Uint8Array = utf8(',"device":');
export const CONTENT: Uint8Array = utf8(',"content":');
export const SUBTREE: Uint8Array = utf8(',"subtree":"');

/** So many digits fit a double exactly. */
export const EXACT_DIGITS = 15;
/** So many digits always fit 64 bits unsigned. */
const DIGITS_64 = 19;

/** Steps over the text of one tree after another. Those who read trees extend it. */
export class FieldReader {
  bytes: Uint8Array = new Uint8Array(0);
  /** The position of what comes next. */
  protected at = 0;
  /** The number that digits() read last; exact up to EXACT_DIGITS. */
  protected number = 0;

  /** Steps over `text` if it comes next, and says whether it did. */
  protected take(text: Uint8Array): boolean {
    const { bytes, at } = this;
    const { length } = text;
    // Most that differ do so in the third byte: after the comma and the quote.
    if (bytes[at + 2] !== text[2]) return false;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== text[i]) return false;
    this.at = at + length;
    return true;
  }

  /** Steps over digits and returns how many there are; more than any number has where there are none or it starts with 0. */
  protected digits(): number {
    const { bytes, at: start } = this;
    let at = start;
    let value = 0;
    for (let digit = bytes[at]! - 0x30; digit >= 0 && digit <= 9; digit = bytes[++at]! - 0x30) {
      value = value * 10 + digit;
    }
    this.at = at;
    this.number = value;
    if (at === start || (bytes[start] === 0x30 && at > start + 1)) return Number.POSITIVE_INFINITY;
    return at - start;
  }

  protected uint32(): boolean {
    return this.digits() <= EXACT_DIGITS && this.number <= 0xffffffff;
  }

  protected uint64(): boolean {
    return this.digits() <= DIGITS_64;
  }

  /** Returns whether the tree ends here: `]}` and a newline or nothing. */
  protected ends(): boolean {
    const { bytes, at } = this;
    if (bytes[at] !== 0x5d || bytes[at + 1] !== 0x7d) return false;
    return at + 2 === bytes.length || (at + 3 === bytes.length && bytes[at + 2] === 0x0a);
  }

  /** Returns whether two ranges of the tree are alike. Times that differ mostly do in their last digits. */
  protected same(a: number, b: number, length: number): boolean {
    const { bytes } = this;
    for (let i = length - 1; i >= 0; i--) if (bytes[a + i] !== bytes[b + i]) return false;
    return true;
  }
}
