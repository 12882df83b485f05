/**
 * A directory on its way into a tree: entries come in order of their names, some of them with content still to be read.
 * When the last one is there, the tree's bytes go to `complete`. Large directories are encoded as they fill, so that
 * memory holds bytes and not nodes.
 */
import { type TreeNode, TreeWriter } from '@hostark/repository';
import type { MutableNode } from '../walk/node.ts';
import { joinPath } from '../walk/paths.ts';

/** A directory with more entries than this is encoded while it fills. */
const EAGER_ENTRIES = 2048;

const ROOT = Buffer.from('/');

/** An entry: there, given up (null), or still to come. */
type Place = TreeNode | null | undefined;

/** What the folder is in the tree above it. */
export interface FolderPlace {
  readonly parent: Folder | null;
  readonly slot: number;
  /** The directory's own node; null for the root, which has none. */
  readonly node: MutableNode | null;
  readonly previous: TreeNode | null;
}

/** Receives the bytes of a finished tree. */
export type FolderSink = (folder: Folder, tree: Uint8Array, entries: number) => void;

/** Writes trees one after another for all small folders. */
const SHARED_WRITER = new TreeWriter();

export class Folder {
  readonly place: FolderPlace;
  readonly #complete: FolderSink;
  #places: Place[] = [];
  /** Places already encoded and forgotten. */
  #encoded = 0;
  #entries = 0;
  #open = 0;
  #ended = false;
  #writer: TreeWriter | null = null;

  constructor(place: FolderPlace, complete: FolderSink) {
    this.place = place;
    this.#complete = complete;
  }

  /** Returns the path in the snapshot of an entry, or of the folder itself. */
  item(name?: Uint8Array): Uint8Array {
    const { parent, node } = this.place;
    const path = parent === null || node === null ? ROOT : parent.item(node.name);
    return name === undefined ? path : joinPath(path, name);
  }

  /** Adds an entry that is complete. */
  add(node: TreeNode): void {
    this.#places.push(node);
    if (this.#places.length >= EAGER_ENTRIES) this.#encodeReady();
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
    const writer = this.#writer ?? SHARED_WRITER;
    for (const place of this.#places) this.#encode(writer, place);
    this.#places = [];
    this.#complete(this, writer.take(), this.#entries);
  }

  #encodeReady(): void {
    let ready = 0;
    while (ready < this.#places.length && this.#places[ready] !== undefined) ready++;
    if (ready < EAGER_ENTRIES / 2) return;
    this.#writer ??= new TreeWriter();
    for (let i = 0; i < ready; i++) this.#encode(this.#writer, this.#places[i]);
    this.#places = this.#places.slice(ready);
    this.#encoded += ready;
  }

  #encode(writer: TreeWriter, place: Place): void {
    if (place === null || place === undefined) return;
    writer.add(place);
    this.#entries++;
  }
}
