/**
 * What is left out of a backup, asked by the walk for one directory at a time: patterns by name, then the rules that need
 * a stat or a look for tag files (restic internal/archiver/exclude.go). Targets named by the user are never asked about.
 */
import { closeSync, readSync } from 'node:fs';
import type { Posix, Stat } from '@hostark/kernels';
import { nodeTypeOf } from '@hostark/repository';
import type { Scope, Selector } from '../select/selector.ts';
import {
  isForeign,
  isHiddenByTag,
  isTooLarge,
  judgeTagFile,
  type TagFile,
  type TagFileFound,
} from '../select/stat-rules.ts';
import { joinPath } from './paths.ts';

export interface ExclusionRules {
  readonly selector: Selector;
  readonly tagFiles: readonly TagFile[];
  /** Bytes, or null for no limit. */
  readonly largerThan: number | null;
  readonly oneFileSystem: boolean;
}

/** The rules as they stand for the entries of one directory. Immutable. */
export interface FolderRules {
  readonly scope: Scope;
  /** The file system that the nearest target is on. Null without `oneFileSystem`. */
  readonly allowedDevice: bigint | null;
  /** The directory itself is on that file system. */
  readonly onAllowedDevice: boolean;
}

/** Answers for all directories of one backup. `warn` gets what the user should know of tag files that do not count. */
export class Exclusion {
  readonly #rules: ExclusionRules;
  readonly #posix: Posix;
  readonly #warn: (directory: Uint8Array, message: string) => void;

  constructor(rules: ExclusionRules, system: Posix, warn: (directory: Uint8Array, message: string) => void) {
    this.#rules = rules;
    this.#posix = system;
    this.#warn = warn;
  }

  /** Some entries may be left out for their names, or for tag files. */
  get judgesNames(): boolean {
    return !this.#rules.selector.isEmpty || this.#rules.tagFiles.length > 0;
  }

  /** Some entries may be left out for what their stats say. */
  get judgesStats(): boolean {
    return this.#rules.largerThan !== null || this.#rules.oneFileSystem;
  }

  /** The rules below a target (absolute path). */
  atTarget(path: Uint8Array, stat: Stat): FolderRules {
    const allowedDevice = this.#rules.oneFileSystem ? stat.dev : null;
    return { scope: this.#rules.selector.scope(path), allowedDevice, onAllowedDevice: true };
  }

  /** The rules below a directory of a directory. */
  below(rules: FolderRules, name: Uint8Array, stat: Stat): FolderRules {
    const scope = this.#rules.selector.isEmpty ? rules.scope : rules.scope.below(name);
    const onAllowedDevice = rules.allowedDevice === null || stat.dev === rules.allowedDevice;
    return { scope, allowedDevice: rules.allowedDevice, onAllowedDevice };
  }

  /** Returns the names that patterns and tag files leave. `names` are those of the directory `path`. */
  keepNames(path: Uint8Array, names: readonly Uint8Array[], rules: FolderRules): readonly Uint8Array[] {
    let kept = names;
    if (!this.#rules.selector.isEmpty) kept = kept.filter((name) => !rules.scope.rejects(name));
    for (const tag of this.#rules.tagFiles) {
      if (names.some((name) => !isHiddenByTag(tag, name)) && this.#isTagged(path, tag)) {
        kept = kept.filter((name) => !isHiddenByTag(tag, name));
      }
    }
    return kept;
  }

  /** Returns true if an entry is left out for what its stat says. */
  rejectsStat(stat: Stat, rules: FolderRules): boolean {
    const { largerThan } = this.#rules;
    if (largerThan === null && rules.allowedDevice === null) return false;
    const isDirectory = nodeTypeOf(stat.mode) === 'dir';
    if (largerThan !== null && isTooLarge({ isDirectory, size: stat.size }, largerThan)) return true;
    const { allowedDevice, onAllowedDevice: parentAllowed } = rules;
    return allowedDevice !== null && isForeign({ isDirectory, device: stat.dev, allowedDevice, parentAllowed });
  }

  /** For entries that stand for a bare target (`.`): name rules with the entry's own directory. */
  rejectsEntry(directory: Uint8Array, name: Uint8Array): boolean {
    if (this.#rules.selector.rejectsPath(joinPath(directory, name))) return true;
    return this.#rules.tagFiles.some((tag) => isHiddenByTag(tag, name) && this.#isTagged(directory, tag));
  }

  #isTagged(directory: Uint8Array, tag: TagFile): boolean {
    const { tagged, warning } = judgeTagFile(tag, this.#readTag(joinPath(directory, tag.name), tag.header.length));
    if (warning !== null) this.#warn(directory, warning);
    return tagged;
  }

  #readTag(path: Uint8Array, headerBytes: number): TagFileFound {
    try {
      this.#posix.lstat(path);
      const start = Buffer.alloc(headerBytes);
      if (headerBytes === 0) return { kind: 'present', start };
      const fd = this.#posix.openForRead(path);
      try {
        return { kind: 'present', start: start.subarray(0, readSync(fd, start, 0, headerBytes, 0)) };
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return { kind: 'absent' };
      return { kind: 'unreadable', reason: error instanceof Error ? error.message : String(error) };
    }
  }
}
