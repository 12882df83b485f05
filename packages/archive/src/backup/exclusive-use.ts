/**
 * One backup at a time per open repository, and none after a run that left claims behind: the blob table then says of
 * blobs that they are stored, or about to be, that never will be, and a snapshot that trusted it would have holes.
 */
import { HostarkError } from '@hostark/protocol';
import type { Repository } from '@hostark/repository';

const busy: WeakSet<Repository> = new WeakSet();
const spent: WeakSet<Repository> = new WeakSet();

/** Runs `work`, which says by its result whether every blob it claimed is stored. If it throws, some may not be. */
export async function withExclusiveUse<T>(
  repository: Repository,
  work: () => Promise<{ readonly result: T; readonly allStored: boolean }>,
): Promise<T> {
  if (busy.has(repository)) {
    throw new TypeError('backup: this open repository is in use by another backup; open it again for a second one');
  }
  if (spent.has(repository)) {
    throw new HostarkError(
      'internal',
      'this open repository was used by a backup that did not end well, or a dry run',
      {
        hint: 'open the repository again before the next backup',
      },
    );
  }
  busy.add(repository);
  spent.add(repository);
  try {
    const { result, allStored } = await work();
    if (allStored) spent.delete(repository);
    return result;
  } finally {
    busy.delete(repository);
  }
}
