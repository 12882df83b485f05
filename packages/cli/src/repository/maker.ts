/** Who this process is: as the holder of locks and as the maker of snapshots. */
import { hostname, userInfo } from 'node:os';
import type { LockOptions } from '@hostark/repository';
import { VERSION } from '../version.ts';

/** Who holds the locks of this process. */
export function lockHolder(): Pick<LockOptions, 'host' | 'user' | 'pid' | 'uid' | 'gid'> {
  const { uid, gid } = numbers();
  return { host: hostname(), user: userName(), pid: process.pid, uid, gid };
}

/** The login name, or the number where the system knows no name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}

/** What a snapshot says of its maker. */
export interface Maker {
  readonly host: string;
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
  readonly tags: string[];
  readonly programVersion: string;
}

/** Returns this process as a maker of snapshots; empty tags, left by stray commas, do not count. */
export function maker(host: string, tags: readonly string[]): Maker {
  return {
    host,
    user: userName(),
    ...numbers(),
    tags: tags.filter((tag) => tag !== ''),
    programVersion: `hostark ${VERSION}`,
  };
}

function numbers(): { uid: number; gid: number } {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}
