/**
 * The names of one tree: each is seen once, and is a plain name. Trees are sorted, so that one comparison with the name before
 * mostly settles both; a tree that is not is looked at name by name.
 */
import { decodeTree } from '@hostark/repository';
import { pathBytes } from '../walk/paths.ts';
import { NAME_MAX } from './safe-name.ts';

const SLASH = 0x2f;
const DOT = 0x2e;

export class NameCheck {
  readonly #tree: Uint8Array;
  /** The name before. */
  readonly #last = new Uint8Array(NAME_MAX);
  #lastLength = 0;
  #count = 0;
  /** Latin-1; null as long as the order tells everything. */
  #all: Set<string> | null;

  /** `collect`: all names are wanted at the end. */
  constructor(tree: Uint8Array, collect: boolean) {
    this.#tree = tree;
    this.#all = collect ? new Set() : null;
  }

  /** The names so far, if they are collected. */
  get all(): ReadonlySet<string> | null {
    return this.#all;
  }

  /** Takes the next name. Returns true if it is certainly new and plain; else ask add() whether it is new. */
  isNext(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.#all !== null) return false;
    const length = to - from;
    if (length === 0 || length > NAME_MAX) return false;
    if (bytes[from] === DOT && (length === 1 || (length === 2 && bytes[from + 1] === DOT))) return false;
    const last = this.#last;
    let above = false;
    for (let i = 0; i < length; i++) {
      const byte = bytes[from + i]!;
      if (byte === SLASH || byte === 0) return false;
      if (!above) {
        const before = i < this.#lastLength ? last[i]! : -1;
        if (byte < before) return false;
        above = byte > before;
      }
    }
    if (!above) return false;
    for (let i = 0; i < length; i++) last[i] = bytes[from + i]!;
    this.#lastLength = length;
    this.#count++;
    return true;
  }

  /** Takes the next name, of which isNext() was not certain. Returns whether it is new. */
  add(name: Uint8Array): boolean {
    this.#all ??= new Set(
      decodeTree(this.#tree)
        .slice(0, this.#count)
        .map((node) => key(node.name)),
    );
    const before = this.#all.size;
    return this.#all.add(key(name)).size > before;
  }
}

function key(name: Uint8Array): string {
  return pathBytes(name).toString('latin1');
}
