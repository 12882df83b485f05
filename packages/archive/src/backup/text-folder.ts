/**
 * A directory on its way into a tree as text: slices of nodes in order of their names, with places that are filled in when
 * files are read and directories below are stored. As long as the text is the parent's, only that is remembered.
 */
import { dropPages, TREE_HEAD, TREE_TAIL } from '@hostark/kernels';
import { type BlobId, Scratch } from '@hostark/repository';
import { joinPath } from '../walk/paths.ts';
import type { FolderPlace, PathNode, SaveTree } from './folder.ts';
import type { PreviousTree } from './parent-trees.ts';

/** What takes the place of the text from `from` to `to`, which both count within the slice. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: Uint8Array;
}

/** Some nodes, a comma after each. */
interface Slice {
  /** Null while it is the parent's. */
  text: Buffer | null;
  /** Where it would lie in the parent's text. */
  readonly at: number;
  readonly length: number;
  edits: Edit[];
  /** Places still to be filled in. */
  open: number;
}

const ROOT = Buffer.from('/');
const NOTHING = Buffer.alloc(0);
const COMMA = 0x2c;

/** Trees up to this size are put together in the same memory, one at a time. */
const MOST_LENT_BYTES = 1024 * 1024;
const scratch = new Scratch();
/** Slices of this size have memory of their own, which is worth giving back before the tree is stored. */
const LEAST_DROPPED_BYTES: number = 64 * 1024;

export class TextFolder implements PathNode {
  readonly #place: FolderPlace;
  readonly #save: SaveTree;
  readonly #before: PreviousTree | null;
  readonly #slices: Slice[] = [];
  #length: number = TREE_HEAD.length;
  /** All slices so far are the parent's. */
  #same: boolean;
  #entries = 0;
  #open = 0;
  #ended = false;

  constructor(place: FolderPlace, before: PreviousTree | null, save: SaveTree) {
    this.#place = place;
    this.#before = before;
    this.#save = save;
    this.#same = before !== null;
  }

  item(name?: Uint8Array): Uint8Array {
    const path = this.#place.parent?.item(this.#place.name) ?? ROOT;
    return name === undefined ? path : joinPath(path, name);
  }

  /** Adds the nodes of some entries, `text` being copied if need be. Returns the number to fill places by. */
  add(text: Uint8Array, entries: number, open: number): number {
    const at = this.#length;
    this.#same = this.#same && this.#isBefore(text, at);
    const copy = this.#same ? null : Buffer.from(text);
    this.#slices.push({ text: copy, at, length: text.length, edits: [], open });
    this.#length += text.length;
    this.#entries += entries;
    this.#open += open;
    return this.#slices.length - 1;
  }

  /** Fills a place: what stands from `from` to `to` in a slice becomes `text`. */
  fill(slice: number, from: number, to: number, text: Uint8Array): void {
    this.#slices[slice]!.edits.push({ from, to, text });
    this.#same = false;
    this.#close(slice);
  }

  /** Returns a slice's text, for places that are filled without moving anything; filled() must be told their number. */
  textToFill(slice: number): Buffer {
    const part = this.#slices[slice]!;
    part.text ??= this.#beforeText(part);
    this.#same = false;
    return part.text;
  }

  /** So many places of a slice were filled in its text. */
  filled(slice: number, places: number): void {
    if (places > 0) this.#close(slice, places);
  }

  /** Leaves out the node from `from` to `to`, its comma included. */
  drop(slice: number, from: number, to: number): void {
    this.#entries--;
    this.fill(slice, from, to, NOTHING);
  }

  /** Fills in the tree of a directory, where `known` stands now. */
  fillTree(slice: number, at: number, tree: BlobId, known: string): void {
    if (tree !== known) this.textToFill(slice).write(tree, at, 'latin1');
    this.#close(slice);
  }

  /** No more entries will be added. */
  end(): void {
    this.#ended = true;
    this.#finishIfDone();
  }

  #close(slice: number, places = 1): void {
    const part = this.#slices[slice]!;
    part.open -= places;
    this.#open -= places;
    if (part.open === 0 && part.edits.length > 0) applyEdits(part, part.text ?? this.#beforeText(part));
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (!this.#ended || this.#open > 0) return;
    const tree = this.#isUnchanged() ? this.#before!.id : this.#saveTree();
    if (tree !== null) this.#place.finish(tree, this.#entries);
  }

  #isBefore(text: Uint8Array, at: number): boolean {
    const { bytes } = this.#before!;
    const end = at + text.length;
    // The comma after the last node is the bracket that ends the tree there.
    if (end > bytes.length || text.length === 0) return text.length === 0;
    const next = bytes[end - 1];
    if (next !== COMMA && next !== TREE_TAIL[0]) return false;
    return Buffer.compare(bytes.subarray(at, end - 1), text.subarray(0, -1)) === 0;
  }

  #beforeText({ at, length }: Slice): Buffer {
    const text = Buffer.from(this.#before!.bytes.subarray(at, at + length));
    text[length - 1] = COMMA;
    return text;
  }

  #isUnchanged(): boolean {
    if (!this.#same) return false;
    const { bytes } = this.#before!;
    const end = this.#length === TREE_HEAD.length ? this.#length : this.#length - 1;
    return bytes.length === end + TREE_TAIL.length && TREE_TAIL.compare(bytes, end) === 0;
  }

  #saveTree(): BlobId | null {
    let nodes = 0;
    for (const { text, length } of this.#slices) nodes += text === null ? length : text.length;
    const length = TREE_HEAD.length + Math.max(0, nodes - 1) + TREE_TAIL.length;
    const lent = length <= MOST_LENT_BYTES;
    const tree = lent ? scratch.exactly(length) : new Uint8Array(length);
    this.#assemble(tree);
    return this.#save(tree, lent);
  }

  /** Writes the tree, and forgets the slices, large ones at once. The last comma is overwritten by the tail. */
  #assemble(tree: Uint8Array): void {
    tree.set(TREE_HEAD);
    let end = TREE_HEAD.length;
    for (const slice of this.#slices) {
      const text = slice.text ?? this.#beforeText(slice);
      tree.set(text, end);
      end += text.length;
      if (text.length >= LEAST_DROPPED_BYTES) dropPages(text);
    }
    tree.set(TREE_TAIL, tree.length - TREE_TAIL.length);
    this.#slices.length = 0;
  }
}

/** Puts the edits of a slice, in any order, into its text. */
function applyEdits(slice: Slice, text: Buffer): void {
  const edits = slice.edits.sort((a, b) => a.from - b.from);
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const edit of edits) {
    parts.push(text.subarray(at, edit.from), edit.text);
    at = edit.to;
  }
  parts.push(text.subarray(at));
  slice.text = Buffer.concat(parts);
  slice.edits = [];
}
