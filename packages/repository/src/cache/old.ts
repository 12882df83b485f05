/** Finds caches that nobody uses any more; restic's rule: not used for 30 days. */
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { isObjectName } from '../backends/layout.ts';
import { errnoOf } from '../backends/local-errors.ts';

const OLD_AFTER_MS = 30 * 24 * 3_600_000;

/** One repository's cache below the folder of all caches. */
export interface CacheEntry {
  readonly repositoryId: string;
  readonly path: string;
  readonly usedMs: number;
  readonly old: boolean;
}

/** Returns the caches below `directory`, which need not exist; `nowMs` decides what is old. */
export async function listCaches(directory: string, nowMs: number): Promise<CacheEntry[]> {
  const names = await fs.readdir(directory).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  const entries: CacheEntry[] = [];
  for (const repositoryId of names.filter(isObjectName).sort()) {
    const path = join(directory, repositoryId);
    const stat = await fs.lstat(path);
    if (stat.isDirectory())
      entries.push({ repositoryId, path, usedMs: stat.mtimeMs, old: nowMs - stat.mtimeMs > OLD_AFTER_MS });
  }
  return entries;
}

/** Deletes one cache with everything in it. */
export async function removeCache(entry: CacheEntry): Promise<void> {
  if (!isObjectName(entry.repositoryId) || !entry.path.endsWith(entry.repositoryId)) {
    throw new TypeError(`cache: expected an entry of listCaches(), got ${entry.path}`);
  }
  await fs.rm(entry.path, { recursive: true, force: true });
}
