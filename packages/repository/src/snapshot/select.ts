/** Choosing snapshots: filters, the newest, a parent, prefixes. Pure; semantics are restic's (`snapshot_find.go`). */
import { HostarkError } from '@hostark/protocol';
import type { Instant } from '../encoding/time.ts';
import type { SnapshotId } from '../ids.ts';
import type { Snapshot, StoredSnapshot } from './snapshot.ts';

/** Which snapshots to take; absent or empty parts take all. */
export interface SnapshotFilter {
  /** Any of these hosts. */
  readonly hosts?: readonly string[] | undefined;
  /** Any of these lists, of which a snapshot must have all tags; [''] takes snapshots without tags. */
  readonly tags?: readonly (readonly string[])[] | undefined;
  /** All of these paths. */
  readonly paths?: readonly string[] | undefined;
}

/** Returns whether a snapshot passes a filter. */
export function matchesFilter(snapshot: Snapshot, filter: SnapshotFilter): boolean {
  const { hosts = [], tags = [], paths = [] } = filter;
  const hasTags = (list: readonly string[]): boolean =>
    list.length === 1 && list[0] === '' ? snapshot.tags.length === 0 : list.every((tag) => snapshot.tags.includes(tag));
  return (
    (hosts.length === 0 || hosts.includes(snapshot.hostname)) &&
    (tags.length === 0 || tags.some(hasTags)) &&
    paths.every((path) => snapshot.paths.includes(path))
  );
}

/** Returns the newest snapshot, at `until` or before if given; of equal times the first one; null for none. */
export function newest<T extends Snapshot>(snapshots: Iterable<T>, until?: Instant): T | null {
  let best: T | null = null;
  for (const snapshot of snapshots) {
    if (until !== undefined && snapshot.time.ns > until.ns) continue;
    if (best === null || snapshot.time.ns > best.time.ns) best = snapshot;
  }
  return best;
}

/** What a new backup looks like, for finding its parent. `tags` only when snapshots are grouped by tags. */
export interface ParentQuery {
  readonly host: string;
  readonly paths: readonly string[];
  readonly tags?: readonly string[] | undefined;
  readonly time: Instant;
}

/** Returns the snapshot that a new backup compares with: newest of the same host that has all its paths, not newer than it. */
export function selectParent(snapshots: Iterable<StoredSnapshot>, query: ParentQuery): StoredSnapshot | null {
  const tags = query.tags === undefined || query.tags.length === 0 ? [] : [query.tags];
  const filter = { hosts: [query.host], paths: query.paths, tags };
  return newest(
    [...snapshots].filter((snapshot) => matchesFilter(snapshot, filter)),
    query.time,
  );
}

/** Returns the one id that begins with `prefix`. Throws 'snapshot-not-found' or 'snapshot-ambiguous'. */
export function idByPrefix(ids: Iterable<SnapshotId>, prefix: string): SnapshotId {
  const found = /^[0-9a-f]+$/.test(prefix) ? [...ids].filter((id) => id.startsWith(prefix)) : [];
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw snapshotNotFound(`no snapshot has an id that begins with ${JSON.stringify(prefix)}`);
  throw new HostarkError('snapshot-ambiguous', `${found.length} snapshots have ids that begin with ${prefix}`, {
    hint: `give more digits: ${found
      .slice(0, 4)
      .map((id) => id.slice(0, 16))
      .join(', ')}`,
    context: { prefix, matches: found.length },
  });
}

/** Returns the error for a snapshot that is not there. */
export function snapshotNotFound(message: string): HostarkError {
  return new HostarkError('snapshot-not-found', message, { hint: 'list them with `hostark snapshots`' });
}

/** Splits `id:sub/folder` or `latest:sub/folder` at the first colon. */
export function splitSpec(spec: string): { readonly name: string; readonly path: string } {
  const colon = spec.indexOf(':');
  return colon < 0 ? { name: spec, path: '' } : { name: spec.slice(0, colon), path: spec.slice(colon + 1) };
}
