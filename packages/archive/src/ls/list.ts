/** Listing a snapshot: which nodes, in stored order (restic's `ls`). */
import { type BlobId, type BlobSource, type TreeNode, TreeReader, walkTree } from '@hostark/repository';

export interface ListOptions {
  /** Absolute paths in the tree; only what is at them, directly in them or, with `recursive`, below them. Default: all. */
  readonly paths?: readonly (string | Uint8Array)[] | undefined;
  readonly recursive?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Calls `visit` for each node; `path` is absolute in the tree, as bytes. The index must be loaded. */
export async function listTree(
  repository: BlobSource,
  tree: BlobId,
  visit: (path: Uint8Array, node: TreeNode) => void,
  options: ListOptions = {},
): Promise<void> {
  const { recursive = false, signal } = options;
  const wanted = options.paths?.map((path) => clean(path)) ?? [];
  const enter = ({ path, node }: { path: Uint8Array; node: TreeNode }): 'skip' | undefined => {
    const at = Buffer.from(path.buffer, path.byteOffset, path.length);
    if (wanted.length === 0) {
      visit(path, node);
      return undefined;
    }
    const within = wanted.some((prefix) => startsWithPath(at, prefix));
    if (within) visit(path, node);
    if (within && recursive) return undefined;
    return wanted.some((prefix) => startsWithPath(prefix, at)) ? undefined : 'skip';
  };
  await walkTree(repository, tree, enter, {
    reader: new TreeReader(repository),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Returns true if `path` is `prefix` or below it. */
function startsWithPath(path: Buffer, prefix: Buffer): boolean {
  if (path.length < prefix.length || path.compare(prefix, 0, prefix.length, 0, prefix.length) !== 0) return false;
  return path.length === prefix.length || path[prefix.length] === 0x2f || prefix.length === 1;
}

/** Without a trailing slash, with a leading one; the root stays `/`. */
function clean(path: string | Uint8Array): Buffer {
  const parts = Buffer.from(path).toString('latin1').split('/');
  return Buffer.from(`/${parts.filter((part) => part !== '').join('/')}`, 'latin1');
}
