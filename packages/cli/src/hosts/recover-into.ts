/** Restores a host's backup straight from the bucket into a folder of this machine. */
import { restore } from '@hostark/archive';
import { nodePlatform } from '@hostark/kernels';
import { acquireLock, counting, openRepository } from '@hostark/repository';
import type { CommandContext } from '../context.ts';
import { lockHolder } from '../repository/open.ts';
import { openSnapshot } from '../repository/snapshot-tree.ts';
import { existingAccess, type HostStore } from './access.ts';
import type { Cloud } from './cloud.ts';
import { openHostBackend } from './host-repository.ts';
import type { RecoverReport, RecoverRequest } from './recover.ts';

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
