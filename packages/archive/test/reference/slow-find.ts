/** The obvious search: every snapshot is walked whole, every path is matched whole. */
import type { BlobSource, StoredSnapshot } from '@hostark/repository';
import { walkTree } from '@hostark/repository';
import { slowMatch } from './slow-filter.ts';

/** Returns `snapshot path` of each match, in order. */
export async function slowFind(
  repository: BlobSource,
  snapshots: readonly StoredSnapshot[],
  patterns: readonly string[],
  times: { readonly oldest?: bigint; readonly newest?: bigint } = {},
): Promise<string[]> {
  const found: string[] = [];
  for (const snapshot of snapshots) {
    await walkTree(repository, snapshot.tree, ({ path, node }) => {
      const text = Buffer.from(path).toString();
      const { ns } = node.mtime;
      const isInTime = ns >= (times.oldest ?? ns) && ns <= (times.newest ?? ns);
      if (isInTime && patterns.some((pattern) => slowMatch(pattern, text))) found.push(`${snapshot.id} ${text}`);
      return undefined;
    });
  }
  return found;
}
