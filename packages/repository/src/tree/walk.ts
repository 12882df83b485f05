/** Walking the trees of a snapshot. */
import type { BlobSource } from '../blobs/load.ts';
import type { BlobTable } from '../blobs/table.ts';
import { forEachConcurrent } from '../concurrent.ts';
import { type BlobId, blobIdFrom, ID_BYTES, writeIdBytes } from '../ids.ts';
import type { TreeNode } from './node.ts';
import { TreeReader } from './reader.ts';

/** One entry met on a walk. */
export interface WalkEntry {
  /** From the root of the walk: components joined by '/', beginning with '/'. Bytes, as names are bytes. */
  readonly path: Uint8Array;
  readonly node: TreeNode;
  /** The tree that holds the node. */
  readonly tree: BlobId;
}

/** What a visitor may answer: 'skip' does not descend into this directory. */
export type WalkAnswer = 'skip' | undefined;

const SLASH = 0x2f;

/** Returns `parent` and `name` joined by a slash. The root is the empty path. */
export function joinPath(parent: Uint8Array, name: Uint8Array): Uint8Array {
  const path = new Uint8Array(parent.length + 1 + name.length);
  path.set(parent);
  path[parent.length] = SLASH;
  path.set(name, parent.length + 1);
  return path;
}

/**
 * Visits every entry below a tree, in stored order, each directory before its content. Needs the index loaded. An error of
 * loading a tree ends the walk unless `onError` takes it (then that directory has no content).
 */
export async function walkTree(
  repo: BlobSource,
  root: BlobId,
  visit: (entry: WalkEntry) => WalkAnswer | Promise<WalkAnswer>,
  options: {
    readonly reader?: TreeReader;
    readonly signal?: AbortSignal;
    readonly onError?: (path: Uint8Array, tree: BlobId, error: unknown) => void;
  } = {},
): Promise<void> {
  const { reader = new TreeReader(repo), signal, onError } = options;
  const enter = async (path: Uint8Array, tree: BlobId): Promise<TreeNode[]> => {
    try {
      return await reader.load(tree, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (onError === undefined) throw error;
      onError(path, tree, error);
      return [];
    }
  };
  const level = async (path: Uint8Array, tree: BlobId): Promise<void> => {
    for (const node of await enter(path, tree)) {
      const entryPath = joinPath(path, node.name);
      const answer = visit({ path: entryPath, node, tree });
      const skip = answer === undefined || answer === 'skip' ? answer : await answer;
      if (skip !== 'skip' && node.subtree !== null) await level(entryPath, node.subtree);
    }
  };
  signal?.throwIfAborted();
  await level(new Uint8Array(0), root);
}

/** Told about each distinct tree; `nodes` is null when it could not be loaded. */
export type TreeVisitor = (tree: BlobId, nodes: readonly TreeNode[] | null, error: unknown) => void;

/** Remembers trees: a bit per entry of the blob table, so that a million trees cost a million bits and not their names. */
class TreeMarks {
  readonly #blobs: BlobTable;
  readonly #bits: Uint8Array;
  /** Trees that the table does not know, or learnt of after this began. */
  readonly #strangers: Set<BlobId> = new Set();
  readonly #raw = new Uint8Array(ID_BYTES);
  count = 0;

  constructor(blobs: BlobTable) {
    this.#blobs = blobs;
    this.#bits = new Uint8Array(Math.ceil(blobs.entryCount / 8));
  }

  /** Marks a tree and returns whether it was not marked before. */
  mark(id: BlobId): boolean {
    writeIdBytes(id, this.#raw);
    const entry = this.#blobs.entry('tree', this.#raw);
    const byte = entry >> 3;
    if (entry < 0 || byte >= this.#bits.length) {
      if (this.#strangers.has(id)) return false;
      this.#strangers.add(id);
    } else {
      const bit = 1 << (entry & 7);
      if ((this.#bits[byte]! & bit) !== 0) return false;
      this.#bits[byte]! |= bit;
    }
    this.count++;
    return true;
  }
}

/** Names of trees, 32 bytes each. */
class TreeNames {
  #bytes = new Uint8Array(16 * ID_BYTES);
  length = 0;

  push(id: BlobId): void {
    const at = this.length * ID_BYTES;
    if (at === this.#bytes.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    writeIdBytes(id, this.#bytes, at);
    this.length++;
  }

  *[Symbol.iterator](): Generator<BlobId> {
    for (let i = 0; i < this.length; i++) yield blobIdFrom(this.#bytes, i * ID_BYTES);
  }
}

/**
 * Calls `load` once for every distinct tree reachable from `roots`, several at a time, in any order, and returns how many
 * there are. `load` names the trees below through `ask`. What it throws ends the walk. Needs the index loaded.
 */
export async function forEachTreeId(
  repo: Pick<BlobSource, 'backend' | 'blobs'>,
  roots: Iterable<BlobId>,
  load: (id: BlobId, ask: (below: BlobId) => void) => Promise<void>,
  signal?: AbortSignal,
): Promise<number> {
  const marks = new TreeMarks(repo.blobs);
  let level = new TreeNames();
  const ask = (id: BlobId): void => {
    if (marks.mark(id)) level.push(id);
  };
  for (const root of roots) ask(root);
  // Level by level: trees of one level were written near each other, and memory holds the names of one level.
  while (level.length > 0) {
    const current = level;
    level = new TreeNames();
    await forEachConcurrent(current, repo.backend.connections, (id) => load(id, ask), signal);
  }
  return marks.count;
}

/**
 * Loads every distinct tree reachable from `roots` once, several at a time, in any order, and returns how many there are.
 * Needs the index loaded. Never throws for a tree that cannot be loaded: `visit` is told.
 */
export async function forEachTree(
  repo: BlobSource,
  roots: Iterable<BlobId>,
  visit: TreeVisitor,
  options: { readonly reader?: TreeReader; readonly signal?: AbortSignal } = {},
): Promise<number> {
  const { reader = new TreeReader(repo), signal } = options;
  const load = async (id: BlobId, ask: (below: BlobId) => void): Promise<void> => {
    let nodes: TreeNode[];
    try {
      nodes = await reader.load(id, signal);
    } catch (error) {
      signal?.throwIfAborted();
      visit(id, null, error);
      return;
    }
    visit(id, nodes, null);
    for (const { subtree } of nodes) if (subtree !== null) ask(subtree);
  };
  return forEachTreeId(repo, roots, load, signal);
}
