/** Which folders are kept by this machine's own kernel, so that no other one can know more of them. */
import { statfsSync } from 'node:fs';

/** `f_type` of file systems on disks and in memory of this machine (linux/magic.h). */
const OWN_KINDS: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0x01021994, // tmpfs
]);

/**
 * Returns whether every change to a folder goes through this machine's kernel, in one order that all see: not so on
 * network shares, clusters and what programs mount. Others may share this folder over a network: they list anew after a
 * change of their own. False for what is not known, or not there.
 */
export function isOnThisMachine(folder: string): boolean {
  try {
    return OWN_KINDS.has(statfsSync(folder).type);
  } catch {
    return false;
  }
}
