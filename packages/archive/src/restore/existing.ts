/** What happens to an item when something is at its place already: restic's overwrite modes, as a pure decision. */
import type { Overwrite } from './options.ts';

/** The facts of what is there that matter. */
export interface Existing {
  readonly isRegular: boolean;
  readonly isDirectory: boolean;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly nlink: bigint;
}

/** The facts of what is to be restored that matter. */
export interface Wanted {
  readonly type: string;
  readonly size: bigint;
  readonly mtime: { readonly ns: bigint };
}

/**
 * `skip`: leave it alone. `keep-content`: right already, metadata only. `compare`: content decides.
 * `replace`: remove it and write anew.
 */
export type Decision = 'skip' | 'keep-content' | 'compare' | 'replace';

/** Decides for what is no directory. */
export function decideExisting(mode: Overwrite, node: Wanted, there: Existing): Decision {
  if (mode === 'never') return 'skip';
  if (mode === 'if-newer' && node.mtime.ns <= there.mtimeNs) return 'skip';
  if (node.type !== 'file' || !there.isRegular) return 'replace';
  if (mode === 'if-changed' && there.size === node.size && there.mtimeNs === node.mtime.ns) return 'keep-content';
  return 'compare';
}
