/** A host's backups as this machine sees them: found in the bucket, and restored straight into a folder here. */
import { restore } from '@hostark/archive';
import type { RepositoryAccess } from '@hostark/protocol';
import type { StoredSnapshot } from '@hostark/repository';
import type { CommandContext } from '../context.ts';
import { underMaxCpu } from '../repository/max-cpu.ts';
import { withSession } from '../repository/session.ts';
import { openSnapshot } from '../repository/snapshot-tree.ts';
import { optimizeReluctantly } from '../terminal/memory.ts';
import type { Cloud } from './cloud.ts';
import { openHostBackend } from './host-repository.ts';
import type { RecoverReport, RecoverRequest } from './recover.ts';

export interface FoundBackup {
  readonly snapshot: StoredSnapshot;
  /** Names the same for ever: the full id, and the part of the tree that was asked for. */
  readonly spec: string;
}

/** Looks a snapshot up. Throws 'wrong-password', 'no-repository', 'snapshot-not-found', 'path-not-found'. */
export async function findBackup(cloud: Cloud, access: RepositoryAccess, spec: string): Promise<FoundBackup> {
  const options = { password: access.password, lock: 'none', signal: cloud.signal } as const;
  const { value } = await withSession(await openHostBackend(cloud, access), options, async (repository, signal) => {
    const { snapshot } = await openSnapshot(repository, spec, {}, signal);
    const [name = ''] = spec.split(':', 1);
    return { snapshot, spec: `${snapshot.id}${spec.slice(name.length)}` };
  });
  return value;
}

/** Restores into a folder of this machine; every written file is read back and compared. */
export async function recoverInto(
  { out }: CommandContext,
  cloud: Cloud,
  access: RepositoryAccess,
  request: RecoverRequest,
): Promise<RecoverReport> {
  const { snapshot, target, includes = [], excludes = [], rates, maxCpu, ...how } = request;
  const options = { password: access.password, lock: how.dryRun ? 'none' : 'shared', signal: cloud.signal } as const;
  const backend = await openHostBackend(cloud, access, rates);
  const { value: result, traffic } = await underMaxCpu(maxCpu, () =>
    withSession(backend, options, async (repository, signal) => {
      optimizeReluctantly();
      const { tree } = await openSnapshot(repository, snapshot, {}, signal);
      return restore(repository, tree, target, {
        ...how,
        include: includes,
        exclude: excludes,
        overwrite: how.overwrite ?? 'always',
        verify: how.dryRun !== true,
        signal,
        onEvent: (event) => out.event(event),
      });
    }),
  );
  const { durationMs: _, dryRun: __, ...counts } = result;
  return { ...counts, ...traffic };
}
