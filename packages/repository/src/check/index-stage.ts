/** One index file in columns, between reading it and believing it. The memory is used again for the next file. */
import type { BlobKind } from '../blobs/kind.ts';
import { ID_BYTES } from '../ids.ts';
import { type IndexVisitor, readIndex } from '../index/decode.ts';

/** Words of a row: what it is; for a blob its offset, length and plaintext length. */
const ROW_WORDS = 4;
const PACK = 0;
const DATA = 1;
const TREE = 2;

export class IndexStage {
  #rows = 0;
  #ids = new Uint8Array(1024 * ID_BYTES);
  #words = new Uint32Array(1024 * ROW_WORDS);

  /** Reads a file in place of the last one. Throws SyntaxError where it is none, and what `accept` throws for a blob. */
  fill(bytes: Uint8Array, accept: (uncompressedLength: number) => void): void {
    this.#rows = 0;
    readIndex(bytes, {
      pack: (id) => this.#add(PACK, id, 0, 0, 0),
      blob: (kind, id, offset, length, uncompressedLength) => {
        accept(uncompressedLength);
        this.#add(kind === 'tree' ? TREE : DATA, id, offset, length, uncompressedLength);
      },
    });
  }

  /** Tells what was read, in the same order. */
  replay(visitor: IndexVisitor): void {
    const id = new Uint8Array(ID_BYTES);
    const words = this.#words;
    for (let row = 0; row < this.#rows; row++) {
      for (let i = 0, from = row * ID_BYTES; i < ID_BYTES; i++) id[i] = this.#ids[from + i]!;
      const at = row * ROW_WORDS;
      const what = words[at]!;
      if (what === PACK) visitor.pack(id);
      else visitor.blob(kindOf(what), id, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    }
  }

  #add(what: number, id: Uint8Array, offset: number, length: number, uncompressedLength: number): void {
    const row = this.#rows;
    if (row * ID_BYTES === this.#ids.length) this.#grow();
    const ids = this.#ids;
    for (let i = 0, to = row * ID_BYTES; i < ID_BYTES; i++) ids[to + i] = id[i]!;
    const at = row * ROW_WORDS;
    const words = this.#words;
    words[at] = what;
    words[at + 1] = offset;
    words[at + 2] = length;
    words[at + 3] = uncompressedLength;
    this.#rows = row + 1;
  }

  #grow(): void {
    const ids = new Uint8Array(2 * this.#ids.length);
    ids.set(this.#ids);
    this.#ids = ids;
    const words = new Uint32Array(2 * this.#words.length);
    words.set(this.#words);
    this.#words = words;
  }
}

function kindOf(what: number): BlobKind {
  return what === TREE ? 'tree' : 'data';
}
