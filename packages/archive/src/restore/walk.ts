/**
 * Goes through the snapshot's trees in order and gathers every selected node into windows. Reads the repository alone: what
 * is gathered is restored by the windows, some of them at once. Items that cannot be restored are reported and passed over.
 */
import { type BlobId, CURSOR, idBytes, NodeCursor, parseTree, type TreeNode } from '@hostark/repository';
import { type Metadata, metadataOf } from '../metadata/metadata.ts';
import type { FilterScope } from '../select/filter.ts';
import { joinPath, printablePath } from '../walk/paths.ts';
import type { RestoreContext } from './context.ts';
import { LinkHeads } from './links.ts';
import { NameCheck } from './name-check.ts';
import type { RowFacts } from './rows.ts';
import { type RunningWindow, runWindow } from './run.ts';
import { refuseName } from './safe-name.ts';
import type { TargetFolder } from './target-folder.ts';
import { Window } from './window.ts';

/** Windows at once: enough that requests to S3 never pause between two. */
const MAX_RUNNING = 3;

/** How many files a window has; each has twice of what the one before it had, up to the most. */
export interface WindowSizes {
  readonly first: number;
  readonly most: number;
}

/** A subfolder that is to be visited once the rest of its folder is gathered. */
interface Below {
  readonly folder: TargetFolder;
  readonly scope: FilterScope;
}

export class RestoreWalk {
  readonly #context: RestoreContext;
  readonly #most: number;
  #capacity: number;
  readonly #links = new LinkHeads();
  readonly #cursor = new NodeCursor();
  readonly #id = new Uint8Array(32);
  #window: Window;
  /** Under way, oldest first: each ends after the one before it. */
  readonly #running: RunningWindow[] = [];
  /** Off once a tree or a name could not be trusted: then what looks surplus may be what could not be read. */
  readonly #trust: { mayDelete: boolean };

  constructor(context: RestoreContext, { first, most }: WindowSizes) {
    this.#context = context;
    this.#most = most;
    this.#capacity = first;
    this.#window = new Window(first);
    this.#trust = { mayDelete: context.delete };
  }

  /** Restores `tree` into `folder`, all of it. */
  async run(tree: BlobId, folder: TargetFolder, scope: FilterScope): Promise<void> {
    try {
      await this.#folder(tree, { folder, scope });
      this.#context.tally.walked = true;
      await this.#flush();
    } finally {
      // Threads must be idle before the caller closes what they use, also when the walk failed.
      await Promise.allSettled(this.#running.map(({ done }) => done));
    }
    await Promise.all(this.#running.map(({ done }) => done));
  }

  async #folder(tree: BlobId, at: Below): Promise<void> {
    const context = this.#context;
    context.signal?.throwIfAborted();
    if (context.turns.isDue) await context.turns.give();
    const below: Below[] = [];
    let expected: ReadonlySet<string> | null = null;
    let bytes: Uint8Array | null = null;
    try {
      bytes = await context.loadTree(tree);
    } catch (error) {
      context.signal?.throwIfAborted();
      context.tally.failed(printablePath(at.folder.location), 'tree', error);
    }
    if (bytes !== null) {
      const names = new NameCheck(bytes, context.delete);
      const complete = await this.#gather(tree, bytes, at, names, below);
      // A tree that could not be read names nothing: all that is there would look surplus.
      if (complete && context.delete) expected = names.all;
    }
    for (const each of below) await this.#visit(each);
    this.#window.left.push({ folder: at.folder, expected, scope: at.scope });
  }

  async #visit(below: Below): Promise<void> {
    const { folder, scope } = below;
    const { subtree } = folder.node!;
    if (subtree !== null) return this.#folder(subtree, { folder, scope });
    this.#context.tally.failed(printablePath(folder.location), 'tree', 'the snapshot lists no tree for this folder');
    this.#window.left.push({ folder, expected: null, scope });
  }

  /**
   * Goes through one tree: the quick way as far as that goes, the rest node by node. Returns false, and reports, if not all of
   * it could be read.
   */
  async #gather(tree: BlobId, bytes: Uint8Array, at: Below, names: NameCheck, below: Below[]): Promise<boolean> {
    const cursor = this.#cursor;
    let seen = 0;
    if (this.#context.names === null) {
      cursor.open(bytes);
      for (let step = cursor.next(); step !== CURSOR.strange; step = cursor.next(), seen++) {
        if (step === CURSOR.end) return true;
        if (step === CURSOR.file && !cursor.linked) this.#quickFile(at, names);
        else this.#node(cursor.node(), at, names, below);
        if (this.#window.isFull) await this.#flush();
      }
    }
    let nodes: readonly TreeNode[];
    try {
      nodes = parseTree(tree, bytes);
    } catch (error) {
      this.#context.tally.failed(printablePath(at.folder.location), 'tree', error);
      return false;
    }
    for (let i = seen; i < nodes.length; i++) {
      this.#node(nodes[i]!, at, names, below);
      if (this.#window.isFull) await this.#flush();
    }
    return true;
  }

  /** The cursor's file. */
  #quickFile({ folder, scope }: Below, names: NameCheck): void {
    const cursor = this.#cursor;
    const { bytes, nameFrom, nameTo } = cursor;
    if (!names.isNext(bytes, nameFrom, nameTo)) {
      const name = bytes.subarray(nameFrom, nameTo);
      if (!this.#takesName(name, folder, names)) return;
    }
    if (!this.#context.takesAll && !scope.decide(bytes.slice(nameFrom, nameTo)).selected) return;
    const window = this.#window;
    const row = window.addFile(folder, cursor, bytes, nameFrom, nameTo);
    for (let i = 0; i < cursor.blobs; i++) {
      if (cursor.blobId(i, this.#id)) window.addBlob(this.#context, this.#id);
      else window.breakRow(row, 'the snapshot lists what is no name of a blob');
    }
    if (cursor.blobs === 0 && cursor.size > 0) window.breakRow(row, noBlobs(cursor.size));
  }

  #node(node: TreeNode, { folder, scope }: Below, names: NameCheck, below: Below[]): void {
    const context = this.#context;
    if (!names.isNext(node.name, 0, node.name.length) && !this.#takesName(node.name, folder, names)) return;
    if (node.type === 'socket') return; // cannot be restored, and means nothing without its server (restic §18)
    const { selected, descend } = scope.decide(node.name);
    if (node.type === 'dir') {
      const child = folder.child(node);
      if (selected) {
        this.#window.addFolder(child);
        context.tally.found(0);
      }
      if (descend) below.push({ folder: child, scope: scope.below(node.name) });
      else if (selected) this.#window.left.push({ folder: child, expected: null, scope: null });
    } else if (selected) {
      if (node.type === 'file') this.#slowFile(node, folder);
      else this.#window.addSpecial(folder, node);
    }
  }

  #slowFile(node: TreeNode, folder: TargetFolder): void {
    const context = this.#context;
    const window = this.#window;
    const metadata = metadataOf(node, context.names, context.selectXattr);
    const row = window.addFile(folder, factsOf(node, metadata), node.name, 0, node.name.length);
    window.addDetails(row, node, metadata.xattrs);
    for (const id of node.content ?? []) window.addBlob(context, idBytes(id));
    if ((node.content ?? []).length === 0 && node.size > 0n) window.breakRow(row, noBlobs(node.size));
  }

  /** Returns whether a name that does not come after all others is one all the same; reports it if not. */
  #takesName(name: Uint8Array, folder: TargetFolder, names: NameCheck): boolean {
    const refusal = names.add(name) ? refuseName(name) : 'expected every name once, found it again';
    if (refusal === null) return true;
    this.#trust.mayDelete = false;
    this.#context.tally.failed(printablePath(joinPath(folder.location, name)), 'name', refusal);
    return false;
  }

  /** Starts the window, once there are not too many under way, and begins a new one. */
  async #flush(): Promise<void> {
    const window = this.#window;
    this.#capacity = Math.min(2 * this.#capacity, this.#most);
    this.#window = new Window(this.#capacity);
    if (this.#running.length === MAX_RUNNING) await this.#running.shift()!.done;
    const before = this.#running.at(-1) ?? null;
    this.#running.push(runWindow(this.#context, window, { links: this.#links, trust: this.#trust }, before));
  }
}

function noBlobs(size: number | bigint): string {
  return `expected ${size} bytes, but the snapshot lists no blobs for them`;
}

const NS_PER_S = 1_000_000_000n;

function factsOf({ mode }: TreeNode, { uid, gid, mtimeNs, atimeNs }: Metadata): RowFacts {
  const [mtimeS, mtimeRest] = splitTime(mtimeNs);
  const [atimeS, atimeRest] = splitTime(atimeNs);
  return { mode, uid, gid, mtimeS, mtimeNs: mtimeRest, atimeS, atimeNs: atimeRest };
}

/** Whole seconds, rounded down, and the nanoseconds forward from there. */
function splitTime(ns: bigint): readonly [number, number] {
  const rest = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S;
  return [Number((ns - rest) / NS_PER_S), Number(rest)];
}
