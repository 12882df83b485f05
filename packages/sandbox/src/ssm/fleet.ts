/**
 * The instances as Systems Manager meets them. EC2 offers its own through `fleetOf`, so that neither service imports
 * the other's records; one fleet for each sandbox.
 */
import type { ChildProcess } from 'node:child_process';
import type { IdentityStore } from '../auth/identities.ts';

/** An instance that exists, with what an SSM agent on it would tell. */
export interface FleetInstance {
  readonly id: string;
  readonly region: string;
  readonly running: boolean;
  readonly imageId: string;
  readonly hostname: string;
  readonly privateIp: string;
  readonly tags: Readonly<Record<string, string>>;
  /** ARN of the instance profile that it has, or null. */
  readonly profileArn: string | null;
  /** Milliseconds since the epoch of the later of launch and association. */
  readonly since: number;
  /** Starts a shell command inside as root, as leader of a process group; null when the machine does not run. */
  spawn(command: string): ChildProcess | null;
}

export interface Fleet {
  instances(region: string): readonly FleetInstance[];
}

const FLEETS = new WeakMap<IdentityStore, Fleet>();

/** Called by EC2, once. */
export function offerFleet(identities: IdentityStore, fleet: Fleet): void {
  FLEETS.set(identities, fleet);
}

/** The instances of this sandbox; none before EC2 has started. */
export function fleetOf(identities: IdentityStore): Fleet {
  return FLEETS.get(identities) ?? { instances: () => [] };
}
