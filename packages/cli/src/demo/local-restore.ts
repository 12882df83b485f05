/** Checks and restores from the downloaded repository: a folder and a password, nothing else. */
import { restore } from '@hostark/archive';
import { nodePlatform } from '@hostark/kernels';
import { type EventSink, HostarkError } from '@hostark/protocol';
import { checkRepository, localBackend, openRepository, type Repository } from '@hostark/repository';

export interface LocalRepository {
  readonly repository: string;
  readonly password: string;
  readonly signal: AbortSignal;
  readonly onEvent: EventSink;
}

async function open({ repository, password }: LocalRepository): Promise<Repository> {
  return openRepository(localBackend(repository, { readOnly: true }), { password, platform: nodePlatform() });
}

/** Reads and verifies everything. Throws 'verification-failed' naming the first damaged object. */
export async function checkLocally(local: LocalRepository): Promise<{ packs: number; blobs: number }> {
  const opened = await open(local);
  const report = await checkRepository(opened, { readData: { kind: 'all' }, signal: local.signal });
  const [first] = report.findings.filter((finding) => finding.severity === 'error');
  if (first !== undefined)
    throw new HostarkError('verification-failed', `${first.object} ${first.id}: ${first.message}`);
  return { packs: report.packsRead, blobs: report.blobs };
}

/** Restores what is at or below `path` (absolute, as on the host) to `target`. */
export async function restoreLocally(
  local: LocalRepository,
  snapshotId: string,
  target: string,
  path: string,
): Promise<void> {
  const opened = await open(local);
  await opened.loadIndex({ signal: local.signal });
  const { tree } = await opened.snapshots().resolve(snapshotId);
  const result = await restore(opened, tree, target, {
    include: [path],
    verify: true,
    signal: local.signal,
    onEvent: local.onEvent,
  });
  if (result.errorCount > 0)
    throw new HostarkError('restore-incomplete', `${result.errorCount} items of ${path} could not be restored`);
}
