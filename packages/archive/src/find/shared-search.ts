/**
 * Searching the trees of many snapshots, each tree once. What lies below a tree is the same wherever the tree is met, so
 * what was found there is kept and told again under the next path; of trees without a find one bit is kept.
 */
import {
  type BlobId,
  type BlobSource,
  type BlobTable,
  idBytes,
  iterateTree,
  joinPath,
  type TreeNode,
  TreeReader,
} from '@hostark/repository';

/** So many entries with finds are kept; what is found beyond is read again for the next snapshot. */
const MAX_KEPT_ENTRIES = 50_000;

/** What is looked for. `scope` is the searcher's own: equal scopes must give equal results below equal trees. */
export interface Searcher<Hit> {
  /** Returns what an entry is worth, or null. `node` is lent: a hit that outlives the call owns its bytes. */
  look(node: TreeNode, scope: number): Hit | null;
  /** Returns the scope of a folder, or -1 when nothing below it can be a hit. */
  below(node: TreeNode, scope: number): number;
}

/** Told of each hit in stored order, a folder before its content; `tree` holds the entry. Paths are absolute. */
export type TellHit<Hit> = (path: Uint8Array, hit: Hit, tree: BlobId) => void;

export interface SearchEvents {
  /** A tree that cannot be read, told once; what it holds is missing from the result. */
  readonly onError: (path: Uint8Array, tree: BlobId, error: unknown) => void;
  readonly signal?: AbortSignal | undefined;
}

interface Entry<Hit> {
  readonly name: Uint8Array;
  readonly hit: Hit | null;
  /** The tree to search, if any, and its scope. */
  readonly folder: BlobId | null;
  readonly scope: number;
}

/** What a tree holds with all that is below; entries without finds are left out. */
interface Found<Hit> {
  readonly tree: BlobId;
  readonly entries: readonly {
    readonly name: Uint8Array;
    readonly hit: Hit | null;
    readonly below: Found<Hit> | null;
  }[];
}

/** `undefined`: found, but not kept. */
type Result<Hit> = Found<Hit> | null | undefined;

export class SharedSearch<Hit> {
  readonly #searcher: Searcher<Hit>;
  readonly #events: SearchEvents;
  readonly #reader: TreeReader;
  readonly #memory: Memory<Hit>;
  readonly #maxKept: number;
  #kept = 0;
  /** Trees read so far. */
  trees = 0;

  constructor(repo: BlobSource, searcher: Searcher<Hit>, events: SearchEvents, maxKept: number = MAX_KEPT_ENTRIES) {
    this.#searcher = searcher;
    this.#events = events;
    this.#reader = new TreeReader(repo);
    this.#memory = new Memory(repo.blobs);
    this.#maxKept = maxKept;
  }

  /** Searches below a root. */
  async run(root: BlobId, scope: number, tell: TellHit<Hit>): Promise<void> {
    await this.#visit(root, scope, NO_PATH, tell);
  }

  #visit(tree: BlobId, scope: number, path: Uint8Array, tell: TellHit<Hit>): Result<Hit> | Promise<Result<Hit>> {
    const known = this.#memory.recall(tree, scope);
    if (known === undefined) return this.#search(tree, scope, path, tell);
    if (known !== null) replay(known, path, tell);
    return known;
  }

  async #search(tree: BlobId, scope: number, path: Uint8Array, tell: TellHit<Hit>): Promise<Result<Hit>> {
    const entries: Found<Hit>['entries'][number][] = [];
    let isKept = true;
    for (const { name, hit, folder, scope: inner } of await this.#read(tree, scope, path)) {
      const at = joinPath(path, name);
      if (hit !== null) tell(at, hit, tree);
      let below: Result<Hit> = null;
      if (folder !== null) {
        const visited = this.#visit(folder, inner, at, tell);
        below = visited instanceof Promise ? await visited : visited;
      }
      if (below === undefined) isKept = false;
      else if (hit !== null || below !== null) entries.push({ name, hit, below });
    }
    if (!isKept || this.#kept + entries.length > this.#maxKept) return undefined;
    this.#kept += entries.length;
    const found = entries.length === 0 ? null : { tree, entries };
    this.#memory.keep(tree, scope, found);
    return found;
  }

  async #read(tree: BlobId, scope: number, path: Uint8Array): Promise<Entry<Hit>[]> {
    const { signal, onError } = this.#events;
    signal?.throwIfAborted();
    this.trees++;
    const entries: Entry<Hit>[] = [];
    try {
      await this.#reader.lend(tree, (bytes) => this.#lookAt(bytes, scope, entries), signal);
    } catch (error) {
      signal?.throwIfAborted();
      onError(path, tree, error);
    }
    return entries;
  }

  #lookAt(bytes: Uint8Array, scope: number, entries: Entry<Hit>[]): void {
    for (const node of iterateTree(bytes)) {
      const hit = this.#searcher.look(node, scope);
      const inner = node.subtree === null ? -1 : this.#searcher.below(node, scope);
      if (hit === null && inner < 0) continue;
      entries.push({ name: Uint8Array.from(node.name), hit, folder: inner < 0 ? null : node.subtree, scope: inner });
    }
  }
}

const NO_PATH = new Uint8Array(0);

function replay<Hit>({ tree, entries }: Found<Hit>, path: Uint8Array, tell: TellHit<Hit>): void {
  for (const { name, hit, below } of entries) {
    const at = joinPath(path, name);
    if (hit !== null) tell(at, hit, tree);
    if (below !== null) replay(below, at, tell);
  }
}

/** What is known of trees, by scope and by the tree's entry in the blob table. */
class Memory<Hit> {
  readonly #blobs: BlobTable;
  readonly #scopes: { readonly empty: Uint8Array; readonly found: Map<number, Found<Hit>> }[] = [];

  constructor(blobs: BlobTable) {
    this.#blobs = blobs;
  }

  recall(tree: BlobId, scope: number): Result<Hit> {
    const entry = this.#blobs.entry('tree', idBytes(tree));
    const known = this.#scopes[scope];
    if (entry < 0 || known === undefined) return undefined;
    if (((known.empty[entry >> 3] ?? 0) & (1 << (entry & 7))) !== 0) return null;
    return known.found.get(entry);
  }

  keep(tree: BlobId, scope: number, found: Found<Hit> | null): void {
    const entry = this.#blobs.entry('tree', idBytes(tree));
    if (entry < 0) return;
    const fresh = { empty: new Uint8Array(Math.ceil(this.#blobs.entryCount / 8)), found: new Map() };
    const known = this.#scopes[scope] ?? fresh;
    this.#scopes[scope] = known;
    if (found === null) known.empty[entry >> 3]! |= 1 << (entry & 7);
    else known.found.set(entry, found);
  }
}
