/**
 * Where objects lie below the root of a repository: restic's default layout, the only one that still exists.
 * Packs are spread over 256 folders by the first two digits of their name; everything else is flat.
 */
import type { FileType, Handle } from '../backend.ts';

const OBJECT_NAME = /^[0-9a-f]{64}$/;

/** Returns true if `name` is the full name of an object: 64 lowercase hex digits. */
export function isObjectName(name: string): boolean {
  return OBJECT_NAME.test(name);
}

/** Throws a TypeError unless `handle` names an object; so no name can lead out of the repository. */
export function checkHandle(handle: Handle): void {
  if (handle.type === 'config' ? handle.name === '' : isObjectName(handle.name)) return;
  throw new TypeError(
    `${handle.type}: expected ${handle.type === 'config' ? 'no name' : '64 hex digits'}, got ${JSON.stringify(handle.name)}`,
  );
}

/** Returns the path of an object below the repository's root, with forward slashes. */
export function objectPath(handle: Handle): string {
  checkHandle(handle);
  if (handle.type === 'config') return 'config';
  if (handle.type === 'data') return `data/${handle.name.slice(0, 2)}/${handle.name}`;
  return `${handle.type}/${handle.name}`;
}

/** Returns the 256 folders that packs are spread over, '00' to 'ff'. */
export function shardNames(): string[] {
  return Array.from({ length: 256 }, (_, shard) => shard.toString(16).padStart(2, '0'));
}

/** The types that are listed as folders: all but the config. */
export const LISTED_TYPES: readonly FileType[] = ['keys', 'locks', 'snapshots', 'index', 'data'];

/** Returns `type/name` as messages print it. */
export function printHandle(handle: Handle): string {
  return handle.type === 'config' ? 'config' : `${handle.type}/${handle.name}`;
}
