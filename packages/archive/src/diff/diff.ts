/**
 * What differs between two trees (restic's `diff`): entries added, removed, modified, and the blobs that only one of them
 * needs. Subtrees of the same id are passed over; they are read only where the blobs of the two sides differ, to tell
 * which of those are shared after all.
 */
import {
  type BlobId,
  type BlobKind,
  type BlobSource,
  blobIdFrom,
  compareBytes,
  forEachUsedBlob,
  joinPath,
  sameAttributes,
  sameContent,
  sameNode,
  type TreeNode,
  TreeReader,
} from '@hostark/repository';
import { AFTER, BEFORE, type BlobCount, BlobUses, SHARED, type Side } from './blob-use.ts';

/** An entry that differs. All of it may be kept. */
export interface TreeChange {
  /** Absolute in the trees, without a slash at the end. */
  readonly path: Uint8Array;
  /** null for an entry that was added. */
  readonly before: TreeNode | null;
  /** null for an entry that was removed. */
  readonly after: TreeNode | null;
  /**
   * `+` added, `-` removed; else one or more of `T` another type, `M` other content, `?` other content under the same
   * attributes (bit rot?), `U` other attributes.
   */
  readonly modifier: string;
}

/** What one side has and the other does not. */
export interface DiffCount extends BlobCount {
  readonly files: number;
  readonly dirs: number;
  /** Neither files nor directories. */
  readonly others: number;
}

export interface DiffResult {
  /** Files with other content. */
  readonly changedFiles: number;
  readonly added: DiffCount;
  readonly removed: DiffCount;
  /** Kind and id of blobs that no index file lists; their sizes are missing from the counts. */
  readonly unlistedBlobs: readonly string[];
  readonly treesUnread: number;
}

export interface DiffOptions {
  /** Also tells entries of which only attributes differ. */
  readonly metadata?: boolean | undefined;
  /** Told of trees that cannot be read: what they hold is missing from the result. `path` is null for a tree of both sides. */
  readonly onUnread?: ((path: Uint8Array | null, tree: BlobId, error: unknown) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compares two trees and calls `visit` for each difference, in the order of names, a folder before its content. The index
 * must be loaded. Throws what reading a root throws.
 */
export async function diffTrees(
  repository: BlobSource,
  before: BlobId,
  after: BlobId,
  visit: (change: TreeChange) => void,
  options: DiffOptions = {},
): Promise<DiffResult> {
  return new Comparison(repository, visit, options).run(before, after);
}

type Tally = { files: number; dirs: number; others: number };

class Comparison {
  readonly #repository: BlobSource;
  readonly #visit: (change: TreeChange) => void;
  readonly #options: DiffOptions;
  readonly #reader: TreeReader;
  readonly #uses: BlobUses;
  readonly #tallies = { added: { files: 0, dirs: 0, others: 0 }, removed: { files: 0, dirs: 0, others: 0 } };
  /** Subtrees that are the same on both sides. */
  readonly #shared: Set<BlobId> = new Set();
  #changedFiles = 0;
  #treesUnread = 0;

  constructor(repository: BlobSource, visit: (change: TreeChange) => void, options: DiffOptions) {
    this.#repository = repository;
    this.#visit = visit;
    this.#options = options;
    this.#reader = new TreeReader(repository);
    this.#uses = new BlobUses(repository.blobs);
  }

  async run(before: BlobId, after: BlobId): Promise<DiffResult> {
    this.#uses.add('tree', before, BEFORE);
    this.#uses.add('tree', after, AFTER);
    if (before !== after) await this.#compare(before, after, ROOT);
    if (this.#uses.differ) await this.#useShared();
    const { added, removed } = this.#tallies;
    return {
      changedFiles: this.#changedFiles,
      added: { ...added, ...this.#uses.count(AFTER) },
      removed: { ...removed, ...this.#uses.count(BEFORE) },
      unlistedBlobs: this.#uses.unlisted,
      treesUnread: this.#treesUnread,
    };
  }

  async #compare(before: BlobId, after: BlobId, path: Uint8Array): Promise<void> {
    const olds = await this.#load(before);
    const news = await this.#load(after);
    for (let o = 0, n = 0; o < olds.length || n < news.length; ) {
      const order = o === olds.length ? 1 : n === news.length ? -1 : compareBytes(olds[o]!.name, news[n]!.name);
      if (order < 0) await this.#oneSided(olds[o++]!, path, '-');
      else if (order > 0) await this.#oneSided(news[n++]!, path, '+');
      else await this.#pair(olds[o++]!, news[n++]!, path);
    }
  }

  async #pair(before: TreeNode, after: TreeNode, parent: Uint8Array): Promise<void> {
    this.#use(before, BEFORE);
    this.#use(after, AFTER);
    const path = joinPath(parent, after.name);
    const modifier = this.#modifier(before, after);
    if (modifier !== '') this.#visit({ path, before, after, modifier });
    if (before.subtree === null || after.subtree === null) return;
    if (before.subtree === after.subtree) this.#shared.add(after.subtree);
    else await this.#below(path, after.subtree, () => this.#compare(before.subtree!, after.subtree!, path));
  }

  #modifier(before: TreeNode, after: TreeNode): string {
    const type = before.type === after.type ? '' : 'T';
    if (before.type === 'file' && after.type === 'file' && !sameContent(before.content, after.content)) {
      this.#changedFiles++;
      return sameAttributes(before, after) ? 'M?' : 'M';
    }
    return this.#options.metadata && !sameNode(before, after) ? `${type}U` : type;
  }

  /** An entry, with all that is below it, that one side alone has. */
  async #oneSided(node: TreeNode, parent: Uint8Array, modifier: '+' | '-'): Promise<void> {
    const isNew = modifier === '+';
    const path = joinPath(parent, node.name);
    this.#visit({ path, before: isNew ? null : node, after: isNew ? node : null, modifier });
    count(isNew ? this.#tallies.added : this.#tallies.removed, node);
    this.#use(node, isNew ? AFTER : BEFORE);
    const { subtree } = node;
    if (subtree === null) return;
    await this.#below(path, subtree, async () => {
      for (const child of await this.#load(subtree)) await this.#oneSided(child, path, modifier);
    });
  }

  /** Compares what is below a folder; what cannot be read is told and left out. */
  async #below(path: Uint8Array, tree: BlobId, compare: () => Promise<void>): Promise<void> {
    try {
      await compare();
    } catch (error) {
      this.#unread(path, tree, error);
    }
  }

  /** Notes the blobs of subtrees that both sides have. */
  async #useShared(): Promise<void> {
    const { signal } = this.#options;
    const uses = this.#uses;
    const note = (kind: BlobKind, id: Uint8Array): void => {
      if (!uses.addRaw(kind, id, SHARED)) uses.add(kind, blobIdFrom(id), SHARED);
    };
    await forEachUsedBlob(this.#repository, this.#shared, note, {
      reader: this.#reader,
      onError: (tree, error) => this.#unread(null, tree, error),
      signal,
    });
  }

  #use({ type, content, subtree }: TreeNode, side: Side): void {
    if (type === 'file' && content !== null) for (const id of content) this.#uses.add('data', id, side);
    if (subtree !== null) this.#uses.add('tree', subtree, side);
  }

  #load(tree: BlobId): Promise<TreeNode[]> {
    this.#options.signal?.throwIfAborted();
    return this.#reader.load(tree, this.#options.signal);
  }

  #unread(path: Uint8Array | null, tree: BlobId, error: unknown): void {
    this.#options.signal?.throwIfAborted();
    this.#treesUnread++;
    this.#options.onUnread?.(path, tree, error);
  }
}

const ROOT = new Uint8Array(0);

function count(tally: Tally, { type }: TreeNode): void {
  if (type === 'file') tally.files++;
  else if (type === 'dir') tally.dirs++;
  else tally.others++;
}
