/**
 * Folders below the target. They are made when the first item in them needs them, private until their metadata is set,
 * and never taken for granted: what is there already must be a real folder, not a link to one.
 */
import { mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import type { Stat } from '@hostark/kernels';
import type { TreeNode } from '@hostark/repository';
import { joinPath, pathBytes } from '../walk/paths.ts';
import type { RestoreContext } from './context.ts';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** Nobody else looks in until the folder has its own mode. */
const PRIVATE_MODE = 0o700;

export class TargetFolder {
  /** On the disk. */
  readonly path: Uint8Array;
  /** In the snapshot, as bytes: '/', '/a', '/a/b'. */
  readonly location: Uint8Array;
  readonly parent: TargetFolder | null;
  /** What the snapshot says of it; null for the target itself. */
  readonly node: TreeNode | null;
  /** Something in it, or itself, is restored: its metadata is set when it is left. */
  touched = false;
  #state: 'unknown' | 'fresh' | 'present' | 'failed' = 'unknown';

  constructor(path: Uint8Array, location: Uint8Array, parent: TargetFolder | null, node: TreeNode | null) {
    this.path = path;
    this.location = location;
    this.parent = parent;
    this.node = node;
  }

  /** The target itself; settle() must say what it is before anything is made in it. */
  static root(path: Uint8Array): TargetFolder {
    return new TargetFolder(path, Buffer.from('/'), null, null);
  }

  /** Says of the target whether it exists (it will not in a dry run). */
  settle(exists: boolean): void {
    this.#state = exists ? 'present' : 'fresh';
  }

  child(node: TreeNode): TargetFolder {
    return new TargetFolder(joinPath(this.path, node.name), joinPath(this.location, node.name), this, node);
  }

  /** Made by this restore: nothing can be in the way in it. Meaningful after ensure(). */
  get isFresh(): boolean {
    return this.#state === 'fresh';
  }

  /** It, or one above it, could not be made. */
  get hasFailed(): boolean {
    return this.#state === 'failed';
  }

  /**
   * Makes the folder, and those above it, if they are not there. In a dry run only looks. Throws the system's error, once;
   * returns false where it, or one above it, could not be made before.
   */
  ensure(context: RestoreContext): boolean {
    for (let at: TargetFolder | null = this; at !== null && !at.touched; at = at.parent) at.touched = true;
    if (this.#state !== 'unknown') return this.#state !== 'failed';
    this.#state = 'failed';
    if (this.parent?.ensure(context) === false) return false;
    this.#state = this.#make(context);
    return true;
  }

  #make(context: RestoreContext): 'fresh' | 'present' {
    if (context.dryRun) return this.parent?.isFresh !== true && isFolder(this.#look(context)) ? 'present' : 'fresh';
    try {
      mkdirSync(pathBytes(this.path), { mode: PRIVATE_MODE });
      return 'fresh';
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EEXIST') throw error;
    }
    if (isFolder(this.#look(context))) return 'present';
    unlinkSync(pathBytes(this.path));
    mkdirSync(pathBytes(this.path), { mode: PRIVATE_MODE });
    return 'fresh';
  }

  #look(context: RestoreContext): Stat | null {
    try {
      return context.system.lstat(this.path);
    } catch {
      return null;
    }
  }
}

function isFolder(stat: Stat | null): stat is Stat {
  return stat !== null && (stat.mode & S_IFMT) === S_IFDIR;
}

/**
 * Removes what is at `path` so that something else can be put there. A folder with content goes only if `recursive`;
 * else the system's ENOTEMPTY is thrown. Nothing there is fine. Never follows links.
 */
export function clearPath(path: Uint8Array, isDirectory: boolean, recursive: boolean): void {
  if (!isDirectory) unlinkSync(pathBytes(path));
  else if (recursive) removeTree(path, () => {});
  else rmdirSync(pathBytes(path));
}

/** Removes a folder and everything below it; calls `removed` for each path, children first. Never follows links. */
export function removeTree(path: Uint8Array, removed: (path: Uint8Array) => void): void {
  for (const entry of readdirSync(pathBytes(path), { encoding: 'buffer', withFileTypes: true })) {
    const below = joinPath(path, entry.name as unknown as Uint8Array);
    if (entry.isDirectory()) removeTree(below, removed);
    else {
      unlinkSync(pathBytes(below));
      removed(below);
    }
  }
  rmdirSync(pathBytes(path));
  removed(path);
}
