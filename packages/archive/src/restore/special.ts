/** Items without content: symbolic links, fifos, devices; and further names of files that have several. */
import type { TreeNode } from '@hostark/repository';
import { statModeOf } from '@hostark/repository';
import { applyMetadata } from '../metadata/apply.ts';
import { metadataOf } from '../metadata/metadata.ts';
import type { RestoreContext } from './context.ts';

/** Nobody else uses it until its own mode is set. */
const PRIVATE_MODE = 0o600;

/** Makes a symbolic link, fifo or device with its metadata. Nothing may be at `path`. Throws the system's error. */
export function makeSpecial(context: RestoreContext, path: Uint8Array, node: TreeNode): void {
  const { system } = context;
  switch (node.type) {
    case 'symlink':
      system.symlink(node.linkTarget ?? new Uint8Array(), path);
      break;
    case 'fifo':
      system.mkfifo(path, PRIVATE_MODE);
      break;
    case 'dev':
    case 'chardev':
      system.mknod(path, (statModeOf(node.type, 0) | PRIVATE_MODE) >>> 0, node.device);
      break;
    default:
      throw new Error(`items of type ${JSON.stringify(node.type)} cannot be restored`);
  }
  applyMetadata(system, path, metadataOf(node, context.names, context.selectXattr), {
    privileged: context.actor.privileged,
    selectXattr: context.selectXattr,
  });
}

/** Remembers the first name of each inode that has several. */
export class LinkHeads {
  readonly #heads = new Map<string, LinkHead>();

  /**
   * Returns the first name's record, or null if this node is the first (then it is remembered under `head`) or has one
   * name only. Nodes of one inode whose content differs are not the same file: the second is restored on its own.
   */
  find(node: TreeNode, head: () => LinkHead): LinkHead | null {
    if (node.links < 2n || (node.inode === 0n && node.deviceId === 0n)) return null;
    const key = `${node.deviceId}:${node.inode}`;
    const known = this.#heads.get(key);
    if (known === undefined) {
      this.#heads.set(key, head());
      return null;
    }
    return known.content === contentKey(node) ? known : null;
  }
}

export interface LinkHead {
  readonly path: Uint8Array;
  readonly item: () => string;
  /** Tells one content from another; see contentKey(). */
  readonly content: string;
  /** Whether the first name could not be restored. */
  readonly failed: () => boolean;
}

/** Size, number of blobs, first and last blob: enough to notice an inode that was used again while the backup ran. */
export function contentKey(node: TreeNode): string {
  const { size, content } = node;
  return `${size}:${content?.length}:${content?.[0]}:${content?.at(-1)}`;
}
