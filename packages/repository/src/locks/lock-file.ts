/**
 * The content of a lock: who works on a repository, since when, and whether alone. JSON, sealed like every small object.
 * Format: restic's `internal/restic/lock.go`; `uid` and `gid` are left out when they are 0, as restic does.
 */
import { HostarkError, isHostarkError } from '@hostark/protocol';
import type { Backend } from '../backend.ts';

/** What locks need of a repository: sealed reading and writing of small objects, and a little of its backend. */
export interface LockRepository {
  readonly backend: Pick<Backend, 'list' | 'remove' | 'traits'>;
  /** Returns the opened content. Throws 'object-missing' when it is gone, anything else when it cannot be read. */
  loadUnpacked(type: 'locks', id: string): Promise<Uint8Array>;
  /** Seals, stores durably and returns the new id. */
  saveUnpacked(type: 'locks', plain: Uint8Array): Promise<string>;
}

/** One lock as written. */
export interface LockInfo {
  /** Milliseconds since 1970: creation or last refresh. */
  readonly timeMs: number;
  readonly exclusive: boolean;
  readonly host: string;
  readonly user: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Returns the JSON of a lock, fields in restic's order. */
export function encodeLock(lock: LockInfo): Uint8Array {
  const json = {
    time: new Date(lock.timeMs).toISOString(),
    exclusive: lock.exclusive,
    hostname: lock.host,
    username: lock.user,
    pid: lock.pid,
    ...(lock.uid === 0 ? {} : { uid: lock.uid }),
    ...(lock.gid === 0 ? {} : { gid: lock.gid }),
  };
  return new TextEncoder().encode(JSON.stringify(json));
}

/** Parses a lock, ours or restic's. Unknown fields are ignored. Throws 'object-damaged' on anything that is not one. */
export function decodeLock(bytes: Uint8Array): LockInfo {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new HostarkError('object-damaged', 'a lock is not JSON', { cause });
  }
  if (typeof json !== 'object' || json === null)
    throw new HostarkError('object-damaged', 'a lock is not a JSON object');
  const fields = json as Readonly<Record<string, unknown>>;
  const timeMs = Date.parse(text(fields.time));
  if (Number.isNaN(timeMs)) {
    throw new HostarkError('object-damaged', `a lock has no valid time: ${JSON.stringify(fields.time)}`);
  }
  return {
    timeMs,
    exclusive: fields.exclusive === true,
    host: text(fields.hostname),
    user: text(fields.username),
    pid: number(fields.pid),
    uid: number(fields.uid),
    gid: number(fields.gid),
  };
}

/** Returns a lock, or null when it is gone meanwhile. Throws when it is there and cannot be read. */
export async function readLock(repo: LockRepository, id: string): Promise<LockInfo | null> {
  let plain: Uint8Array;
  try {
    plain = await repo.loadUnpacked('locks', id);
  } catch (error) {
    if (isHostarkError(error, 'object-missing')) return null;
    throw error;
  }
  return decodeLock(plain);
}

/** Yields the ids of all locks but empty ones: an upload that broke off may leave a file of 0 bytes, which means nothing. */
export async function* lockIds(repo: LockRepository): AsyncGenerator<string> {
  for await (const { name, size } of repo.backend.list('locks')) if (size > 0) yield name;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
