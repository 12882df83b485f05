/**
 * A record of a directory tree that needs no repository to be checked: one entry per path, every field as plain JSON.
 * Numbers that may exceed 2^53 are decimal strings; bytes are base64.
 */

export const ENTRY_TYPES = ['file', 'dir', 'symlink', 'fifo', 'socket', 'chardev', 'dev'] as const;
export type EntryType = (typeof ENTRY_TYPES)[number];

export interface ManifestEntry {
  /** Path below the root, as bytes in base64, without a leading slash; '' is the root itself. */
  readonly path: string;
  readonly type: EntryType;
  /** The low 12 bits of st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: string;
  /** Bytes; files only. */
  readonly size?: string;
  /** Hex SHA-256 of the content; files only. */
  readonly sha256?: string;
  /** Raw bytes in base64; symlinks only. */
  readonly linkTarget?: string;
  /** st_rdev; devices only. */
  readonly rdev?: string;
  /** Path (as above) of the first name of the same inode; only where another name came before. */
  readonly hardLinkOf?: string;
  /** Sorted by name; names and values in base64. Absent when there are none. */
  readonly xattrs?: readonly { readonly name: string; readonly value: string }[];
}
