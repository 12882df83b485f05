/** What the steps of the regions demo share: one cloud seen from two regions, and what is to be compared at the end. */
import type { ManifestEntry } from '@hostark/archive';
import { HostarkError } from '@hostark/protocol';
import type { Session } from '@hostark/remote';
import type { DemoHost } from '../host-step.ts';
import type { DemoState } from '../stage.ts';

/** The region that is going to be lost, and the one where everything comes back. */
export const HOME_REGION = 'us-east-1';
export const REFUGE_REGION = 'eu-west-1';
export const HOST = 'web-1';
export const DATA_DEVICE = '/dev/sdf';

export interface RegionsState {
  readonly home: DemoState;
  readonly refuge: DemoState;
}

/** Folders whose every byte is proved: one on the root volume, one on the data volume. */
export const PLACES = ['root', 'data'] as const;
export type Place = (typeof PLACES)[number];
export type Folders = Readonly<Record<Place, string>>;

export type RunningHost = Omit<DemoHost, 'bytesMoved' | 'data'>;

/** What was on the host before its region was lost. */
export interface RegionsRecord {
  readonly snapshotId: string;
  /** On the host that is lost. */
  readonly folders: Folders;
  readonly manifests: Readonly<Record<Place, readonly ManifestEntry[]>>;
  readonly prefix: string;
  readonly bytesMoved: number;
}

/** Where the folders are on a host: below the login's home, and where the data volume is mounted. */
export async function foldersOf(session: Session, signal: AbortSignal): Promise<Folders> {
  // A host that is a plain folder of this machine has its /mnt beside its /home.
  const script = 'cd && pwd && echo "$HOME" | sed -n "s:/home/[^/]*$::p"';
  const { stdout } = await session.exec(script, { signal });
  const [home, top] = stdout.split('\n');
  if (home === undefined || top === undefined)
    throw new HostarkError('command-failed', 'the host did not say where its home is');
  return { root: `${home}/data`, data: `${top}/mnt/sdf/data` };
}
