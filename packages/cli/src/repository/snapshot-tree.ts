/** From a snapshot spec to a loaded index and a tree, in the order that a prune beside us cannot hurt. */
import { isObjectName, type Repository, type ResolvedSnapshot, type SnapshotFilter } from '@hostark/repository';

/** Returns what openSnapshot() lists for these specs, in its order: full ids need no look at the snapshots. */
export function listsFor(...specs: readonly string[]): readonly ('snapshots' | 'index')[] {
  return specs.every((spec) => isObjectName(spec.split(':', 1)[0]!)) ? ['index'] : ['snapshots', 'index'];
}

/**
 * Finds the snapshot first, loads the index, then resolves a subfolder. Throws 'snapshot-not-found',
 * 'snapshot-ambiguous' or 'path-not-found'.
 */
export async function openSnapshot(
  repository: Repository,
  spec: string,
  filter: SnapshotFilter = {},
  signal?: AbortSignal,
): Promise<ResolvedSnapshot> {
  const store = repository.snapshots();
  const name = spec.split(':', 1)[0]!;
  const { id } = await store.find(name, filter);
  await repository.loadIndex(signal === undefined ? {} : { signal });
  return store.resolve(`${id}${spec.slice(name.length)}`);
}
