/** Items without content: symbolic links, fifos, devices. */
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
