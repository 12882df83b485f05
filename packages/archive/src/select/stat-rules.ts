/**
 * The exclusion rules that need more than a name: size, file system, tag files (restic's archiver/exclude.go).
 * Each is a pure decision; the walk supplies what it has read anyway.
 */
import { HostarkError } from '@hostark/protocol';

/** `--exclude-larger-than`: everything but directories counts with its lstat size, in bytes. */
export function isTooLarge(item: { readonly isDirectory: boolean; readonly size: bigint }, limit: number): boolean {
  return !item.isDirectory && item.size > BigInt(limit);
}

/**
 * `--one-file-system`: `allowedDevice` is the device of the nearest target at or above the item.
 * A mount point (a directory whose parent is on an allowed device) is kept; its children fail this test themselves.
 */
export function isForeign(item: {
  readonly isDirectory: boolean;
  readonly device: bigint;
  readonly allowedDevice: bigint;
  /** The parent directory is on the device that is allowed there. */
  readonly parentAllowed: boolean;
}): boolean {
  if (item.device === item.allowedDevice) return false;
  return !(item.isDirectory && item.parentAllowed);
}

/** `--exclude-if-present name[:header]`: a directory with such a file keeps its node and the tag file, nothing else. */
export interface TagFile {
  readonly name: Uint8Array;
  /** The file must begin with these bytes; empty: its presence is enough. */
  readonly header: Uint8Array;
}

/** `--exclude-caches` (https://bford.info/cachedir/). */
export const CACHE_TAG: TagFile = parseTagFile('CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55');

/** Parses `name[:header]`. Throws HostarkError 'usage' if the name is empty. */
export function parseTagFile(spec: string): TagFile {
  const colon = spec.indexOf(':');
  const name = colon < 0 ? spec : spec.slice(0, colon);
  if (name === '' || name.includes('/')) {
    throw new HostarkError('usage', `expected a file name, optionally with :header, found ${JSON.stringify(spec)}`, {
      hint: 'for example --exclude-if-present .nobackup',
    });
  }
  return { name: Buffer.from(name), header: Buffer.from(colon < 0 ? '' : spec.slice(colon + 1)) };
}

/** What was found of a tag file in a directory. `start` holds its first bytes, as many as the header has, if there are. */
export type TagFileFound =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present'; readonly start: Uint8Array }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Returns whether the directory is tagged, and a warning where a tag file is there but does not count. */
export function judgeTagFile(tag: TagFile, found: TagFileFound): { tagged: boolean; warning: string | null } {
  if (found.kind === 'absent') return { tagged: false, warning: null };
  const name = Buffer.from(tag.name).toString();
  if (found.kind === 'unreadable') return { tagged: false, warning: `cannot read tag file ${name}: ${found.reason}` };
  const header = Buffer.from(tag.header);
  if (header.equals(found.start.subarray(0, header.length))) return { tagged: true, warning: null };
  const what = found.start.length < header.length ? 'too short' : 'different';
  return { tagged: false, warning: `tag file ${name} does not count: its header is ${what}` };
}

/** Returns true if the entry `name` of a tagged directory is left out. */
export function isHiddenByTag(tag: TagFile, name: Uint8Array): boolean {
  return !Buffer.from(tag.name).equals(name);
}
