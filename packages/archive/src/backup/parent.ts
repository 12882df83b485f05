/** Which snapshot a backup compares with (restic's findParentSnapshot). */
import { type Instant, matchesFilter, newest, type Repository, type StoredSnapshot } from '@hostark/repository';
import type { BackupOptions } from './options.ts';

/** Returns the parent, or null for none. A snapshot that cannot be read fails the search, as restic has it. */
export async function chooseParent(
  repository: Repository,
  options: Pick<BackupOptions, 'parent' | 'force' | 'groupBy' | 'host' | 'tags'>,
  paths: readonly string[],
  time: Instant,
): Promise<StoredSnapshot | null> {
  const { parent = 'auto', force = false, groupBy = { host: true, paths: true, tags: false } } = options;
  if (force || parent === null) return null;
  const snapshots = repository.snapshots();
  if (parent !== 'auto') return await snapshots.load(parent);
  const tags = options.tags ?? [];
  const filter = {
    hosts: groupBy.host ? [options.host] : [],
    paths: groupBy.paths ? paths : [],
    tags: groupBy.tags ? [tags.length === 0 ? [''] : tags] : [],
  };
  const candidates = await snapshots.list();
  return newest(
    candidates.filter((snapshot) => matchesFilter(snapshot, filter)),
    time,
  );
}
