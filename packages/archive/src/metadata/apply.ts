/**
 * Puts metadata on a path, in the order that makes it stick (restic §18): owner (the kernel clears setuid and
 * capabilities), extended attributes (ACLs are among them), times, and the mode last (it may forbid what came before).
 */
import type { Posix } from '@hostark/kernels';
import type { Metadata, XattrValue } from './metadata.ts';

/** The system calls that are needed here. */
export type MetadataCalls = Pick<Posix, 'lchown' | 'listXattrs' | 'setXattr' | 'removeXattr' | 'setTimes' | 'chmod'>;

export interface ApplyOptions {
  /** Whether we are root. Others cannot give files away: what they are refused is left as it is, silently. */
  readonly privileged: boolean;
  /** The owner the path is known to have already; spares a call. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Which attributes are restored and, where surplus, removed. Default all. */
  readonly selectXattr?: ((name: Uint8Array) => boolean) | undefined;
}

/**
 * Applies `metadata` to `path`, which is never followed when it is a symbolic link. Every step is tried; the first
 * error that counts is thrown at the end.
 */
export function applyMetadata(calls: MetadataCalls, path: Uint8Array, metadata: Metadata, options: ApplyOptions): void {
  const failure = new FirstFailure(options.privileged);
  const { uid, gid } = metadata;
  if (options.owner?.uid !== uid || options.owner.gid !== gid) failure.attempt(() => calls.lchown(path, uid, gid));
  failure.attempt(() => applyXattrs(calls, path, metadata.xattrs, options));
  failure.attempt(() => calls.setTimes(path, metadata.atimeNs, metadata.mtimeNs, true));
  if (!metadata.isSymlink) failure.attempt(() => calls.chmod(path, metadata.permissions));
  failure.throwIfAny();
}

/** Runs steps, keeps the first error. */
class FirstFailure {
  readonly #privileged: boolean;
  #error: unknown = null;

  constructor(privileged: boolean) {
    this.#privileged = privileged;
  }

  attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!this.#privileged && isRefusal(error)) return;
      this.#error ??= error;
    }
  }

  throwIfAny(): void {
    if (this.#error !== null) throw this.#error;
  }
}

/** Sets what is wanted and removes the rest. A file system without attributes is fine when none are wanted. */
function applyXattrs(
  calls: MetadataCalls,
  path: Uint8Array,
  wanted: readonly XattrValue[],
  { selectXattr, privileged }: ApplyOptions,
): void {
  const failure = new FirstFailure(privileged);
  const selected = selectXattr === undefined ? wanted : wanted.filter(({ name }) => selectXattr(name));
  const present = calls.listXattrs(path, true);
  for (const { name, value } of selected) {
    if (present.some((it) => sameBytes(it.name, name) && sameBytes(it.value, value))) continue;
    failure.attempt(() => calls.setXattr(path, name, value, true));
  }
  for (const { name } of present) {
    if (selected.some((it) => sameBytes(it.name, name)) || selectXattr?.(name) === false || isKernelOwned(name))
      continue;
    failure.attempt(() => calls.removeXattr(path, name, true));
  }
  failure.throwIfAny();
}

/** Labels that a security module puts on every file by its policy: not ours to remove when the source had none. */
function isKernelOwned(name: Uint8Array): boolean {
  return Buffer.from(name).toString('latin1') === 'security.selinux';
}

function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === 'EPERM' || code === 'EACCES';
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
