/** The newest backup of a host, read from the repository in its bucket: cloud packages do not know repositories. */
import { HostarkError, isHostarkError } from '@hostark/protocol';
import { checkRepository, newest, type Repository } from '@hostark/repository';
import { type SessionOptions, withSession } from '../repository/session.ts';
import { existingAccess, type HostStore } from './access.ts';
import type { Cloud } from './cloud.ts';
import { openHostBackend } from './host-repository.ts';

export interface LastBackup {
  readonly snapshotId: string;
  /** ISO 8601, by the host's clock. */
  readonly time: string;
  /** Bytes of the files that it holds; null when whoever wrote it did not say. */
  readonly bytes: number | null;
  readonly paths: readonly string[];
}

/** Returns null when the repository holds none of this host. Throws 'wrong-password', 'no-repository'. */
export function lastBackup(cloud: Cloud, store: HostStore): Promise<LastBackup | null> {
  return withHostRepository(cloud, store, 'none', (repository) => newestOf(repository, store.host));
}

/**
 * Returns the newest backup and whether it can be brought back: its snapshot and every folder in it open, every piece of
 * every file is listed in an index, every pack that is needed is in the bucket with its whole size. Contents are not read.
 */
export function verifiedBackup(
  cloud: Cloud,
  store: HostStore,
): Promise<{ readonly backup: LastBackup | null; readonly errors: readonly string[] }> {
  return withHostRepository(cloud, store, 'shared', async (repository, signal) => {
    const backup = await newestOf(repository, store.host);
    if (backup === null) return { backup, errors: [] };
    const report = await checkRepository(repository, { filter: { hosts: [store.host] }, signal });
    const errors = report.findings.filter(({ severity }) => severity === 'error').map(({ message }) => message);
    return { backup, errors: report.errors > 0 && errors.length === 0 ? [`${report.errors} errors`] : errors };
  });
}

/** Why there is no look at the backups, in a word for a table; null for a failure that is not about this one repository. */
export function reasonForNoLook(error: unknown): string | null {
  if (isHostarkError(error, 'wrong-password')) return 'no password here';
  if (isHostarkError(error, 'no-repository')) return 'none';
  if (!(error instanceof HostarkError) || ['interrupted', 'cloud-auth'].includes(error.code)) return null;
  return `not readable: ${error.code}`;
}

async function newestOf(repository: Repository, host: string): Promise<LastBackup | null> {
  const snapshot = newest(await repository.snapshots().list({ hosts: [host] }));
  if (snapshot === null) return null;
  return {
    snapshotId: snapshot.id,
    time: new Date(Number(snapshot.time.ns / 1_000_000n)).toISOString(),
    bytes: snapshot.summary?.totalBytesProcessed ?? null,
    paths: snapshot.paths,
  };
}

async function withHostRepository<T>(
  cloud: Cloud,
  store: HostStore,
  lock: SessionOptions['lock'],
  work: (repository: Repository, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const access = await existingAccess(cloud, store);
  const backend = await openHostBackend(cloud, access);
  const { value } = await withSession(backend, { password: access.password, lock, signal: cloud.signal }, work);
  return value;
}
