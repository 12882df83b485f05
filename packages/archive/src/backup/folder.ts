/**
 * A directory on its way into a tree: entries come in order of their names, some of them with content still to be read.
 * When the last one is there, the tree is saved. Large directories are encoded as they fill, so that memory holds bytes and
 * not nodes. This is the plain way; text-folder.ts does without nodes.
 */
import { type BlobId, type TreeNode, TreeWriter } from '@hostark/repository';
import { joinPath } from '../walk/paths.ts';

/** Nodes that may wait before those that are ready are encoded. */
const MAX_WAITING_NODES = 1024;
/** Writers kept for folders to come: few, for folders are open one inside the other, and none that grew large. */
const KEPT_WRITERS = 16;
const KEPT_WRITER_BYTES = 256 * 1024;

/** An entry: there, given up (null), or still to come. */
type Place = TreeNode | null | undefined;

const ROOT = Buffer.from('/');

/**
 * Receives the bytes of a finished tree, lent for the call or for good, and returns its id, or null if the backup has ended.
 */
export type SaveTree = (tree: Uint8Array, lent: boolean) => BlobId | null;

/** What knows its path in the snapshot. */
export interface PathNode {
  /** Returns the path of an entry, or of the folder itself. */
  item(name?: Uint8Array): Uint8Array;
}

/** What a folder is in the tree above it. */
export interface FolderPlace {
  /** Null for the root. */
  readonly parent: PathNode | null;
  readonly name: Uint8Array;
  /** Told the tree when it is stored, and how many entries it has. */
  readonly finish: (tree: BlobId, entries: number) => void;
}

const spareWriters: TreeWriter[] = [];

export class Folder implements PathNode {
  readonly #place: FolderPlace;
  readonly #save: SaveTree;
  /** Entries that are not encoded yet. Empty as long as every entry was complete when it came. */
  #places: Place[] = [];
  /** Places already encoded and forgotten. */
  #encoded = 0;
  #entries = 0;
  #open = 0;
  #ended = false;
  #writer: TreeWriter | null = null;

  constructor(place: FolderPlace, save: SaveTree) {
    this.#place = place;
    this.#save = save;
  }

  item(name?: Uint8Array): Uint8Array {
    const { parent, name: own } = this.#place;
    const path = parent === null ? ROOT : parent.item(own);
    return name === undefined ? path : joinPath(path, name);
  }

  /** Adds an entry that is complete. */
  add(node: TreeNode): void {
    if (this.#open === 0) {
      this.#encodeAll();
      this.#encode(node);
      this.#encoded++;
      return;
    }
    this.#places.push(node);
    if (this.#places.length > MAX_WAITING_NODES) this.#encodeReady();
  }

  /** Adds an entry that is still to come, and returns what to fill it by. */
  reserve(): number {
    this.#open++;
    return this.#encoded + this.#places.push(undefined) - 1;
  }

  /** Completes an entry; null leaves it out. */
  fill(slot: number, node: TreeNode | null): void {
    this.#places[slot - this.#encoded] = node;
    this.#open--;
    this.#finishIfDone();
  }

  /** No more entries will be added. */
  end(): void {
    this.#ended = true;
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (!this.#ended || this.#open > 0) return;
    this.#encodeAll();
    const writer = this.#openWriter();
    this.#writer = null;
    const tree = writer.take();
    if (spareWriters.length < KEPT_WRITERS && tree.length <= KEPT_WRITER_BYTES) spareWriters.push(writer);
    const id = this.#save(tree, false);
    if (id !== null) this.#place.finish(id, this.#entries);
  }

  #encodeAll(): void {
    for (const place of this.#places) this.#encode(place);
    this.#encoded += this.#places.length;
    if (this.#places.length > 0) this.#places = [];
  }

  #encodeReady(): void {
    let ready = 0;
    while (ready < this.#places.length && this.#places[ready] !== undefined) ready++;
    if (ready < MAX_WAITING_NODES / 2) return;
    for (let i = 0; i < ready; i++) this.#encode(this.#places[i]);
    this.#places = this.#places.slice(ready);
    this.#encoded += ready;
  }

  #encode(place: Place): void {
    if (place === null || place === undefined) return;
    this.#openWriter().add(place);
    this.#entries++;
  }

  #openWriter(): TreeWriter {
    this.#writer ??= spareWriters.pop() ?? new TreeWriter();
    return this.#writer;
  }
}
