/** A host's backups as this machine sees them: found in the bucket, and restored straight into a folder here. */
import { restore } from '@hostark/archive';
import { nodePlatform } from '@hostark/kernels';
import { acquireLock, counting, openRepository, type StoredSnapshot } from '@hostark/repository';
import type { CommandContext } from '../context.ts';
import { lockHolder } from '../repository/maker.ts';
import { openSnapshot } from '../repository/snapshot-tree.ts';
import { existingAccess, type HostStore } from './access.ts';
import type { Cloud } from './cloud.ts';
import { openHostBackend } from './host-repository.ts';
import type { RecoverReport, RecoverRequest } from './recover.ts';

export interface FoundBackup {
  readonly snapshot: StoredSnapshot;
  /** Names the same for ever: the full id, and the part of the tree that was asked for. */
  readonly spec: string;
}

/** Looks a snapshot up. Throws 'wrong-password', 'no-repository', 'snapshot-not-found', 'path-not-found'. */
export async function findBackup(cloud: Cloud, store: HostStore, spec: string): Promise<FoundBackup> {
  const access = await existingAccess(cloud, store);
  const backend = await openHostBackend(cloud, access);
  try {
    const repository = await openRepository(backend, { password: access.password, platform: nodePlatform() });
    const { snapshot } = await openSnapshot(repository, spec, {}, cloud.signal);
    const [name = ''] = spec.split(':', 1);
    return { snapshot, spec: `${snapshot.id}${spec.slice(name.length)}` };
  } finally {
    await backend.close();
  }
}

export async function recoverInto(
  { out }: CommandContext,
  cloud: Cloud,
  store: HostStore,
  request: RecoverRequest,
): Promise<RecoverReport> {
  const access = await existingAccess(cloud, store);
  const backend = counting(await openHostBackend(cloud, access));
  try {
    const repository = await openRepository(backend, { password: access.password, platform: nodePlatform() });
    const lock = await acquireLock(repository, { ...lockHolder(), exclusive: false, signal: cloud.signal });
    try {
      const { tree } = await openSnapshot(repository, request.snapshot, {}, cloud.signal);
      const result = await restore(repository, tree, request.target, {
        include: request.includes ?? [],
        overwrite: request.overwrite ?? 'always',
        verify: true,
        signal: AbortSignal.any([cloud.signal, lock.lost]),
        onEvent: (event) => out.event(event),
      });
      return {
        filesRestored: result.filesRestored,
        bytesRestored: result.bytesRestored,
        errorCount: result.errorCount,
        requests: Object.fromEntries(
          Object.entries(backend.counts).map(([operation, { requests }]) => [operation, requests]),
        ),
        bytesDownloaded: backend.counts.load.bytes,
      };
    } finally {
      await lock.release();
    }
  } finally {
    await backend.close();
  }
}
