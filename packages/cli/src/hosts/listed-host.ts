/** What `host list` and `host show` tell of a host besides what the cloud says of its instance. */
import type { Host, HostRecord } from '@hostark/cloud';
import { type HostPrice, hostPrice, hostVolumes } from '@hostark/cloud';
import { storeOf } from './access.ts';
import type { Cloud } from './cloud.ts';
import { type LastBackup, lastBackup, reasonForNoLook } from './last-backup.ts';
import { publicFacts } from './public-facts.ts';

/** How many repositories are opened at once: each costs a password derivation of some tenths of a second. */
const LOOKS_AT_ONCE = 4;

export interface ListedHost extends Omit<Host, 'privateKeyFile'> {
  /** 'foreign': another state directory launched or adopted it. */
  readonly standing: 'launched' | 'adopted' | 'foreign';
  /** Null: not looked for, none, or not readable; `backupNote` then says which. */
  readonly lastBackup: LastBackup | null;
  readonly backupNote: string | null;
  readonly price: HostPrice;
}

/** A host that this machine remembers and the cloud does not have (any more). */
export interface VanishedHost {
  readonly name: string;
  readonly standing: 'vanished';
  readonly state: 'vanished' | Exclude<HostRecord['state'], 'ready'>;
  readonly instanceId: string | null;
  readonly region: string;
  readonly bucket: string | null;
  readonly prefix: string | null;
  readonly origin: HostRecord['origin'];
}

/** Adds standing, price and, with `backups`, the newest backup to each. */
export async function describeHosts(cloud: Cloud, hosts: readonly Host[], backups: boolean): Promise<ListedHost[]> {
  const volumes = await hostVolumes(cloud.clients, hosts, { signal: cloud.signal });
  const described: ListedHost[] = [];
  for (let at = 0; at < hosts.length; at += LOOKS_AT_ONCE) {
    const some = hosts.slice(at, at + LOOKS_AT_ONCE);
    described.push(
      ...(await Promise.all(
        some.map((host) => describeHost(cloud, host, volumes.get(host.instanceId) ?? [], backups)),
      )),
    );
  }
  return described;
}

async function describeHost(
  cloud: Cloud,
  host: Host,
  volumes: readonly { readonly sizeGiB: number; readonly type: string }[],
  backups: boolean,
): Promise<ListedHost> {
  const { region, instanceType, spot } = host;
  const found = backups ? await newestBackup(cloud, host) : { lastBackup: null, backupNote: 'not looked for' };
  return {
    ...publicFacts(host),
    standing: host.known ? host.origin : 'foreign',
    ...found,
    price: hostPrice({ region, instanceType, volumes, addresses: host.publicAddress ? 1 : 0, spot }),
  };
}

async function newestBackup(cloud: Cloud, host: Host): Promise<Pick<ListedHost, 'lastBackup' | 'backupNote'>> {
  if (host.bucket === null) return { lastBackup: null, backupNote: 'no bucket' };
  try {
    const found = await lastBackup(cloud, storeOf(host));
    return { lastBackup: found, backupNote: found === null ? 'none' : null };
  } catch (error) {
    const reason = reasonForNoLook(error);
    if (reason === null) throw error;
    return { lastBackup: null, backupNote: reason };
  }
}

/** What the record of a host that is not there says. */
export function vanishedHost({ name, state, instanceId, region, bucket, prefix, origin }: HostRecord): VanishedHost {
  const now = state === 'ready' ? 'vanished' : state;
  return { name, standing: 'vanished', state: now, instanceId, region, bucket, prefix, origin };
}

/** `$19.63`, `$4.45 and more` when a part is not known, `not known` when none is. */
export function monthlyText({ monthly, complete, parts }: HostPrice): string {
  if (complete) return `$${monthly.toFixed(2)}`;
  return parts.some((part) => part.monthly !== null) ? `$${monthly.toFixed(2)} and more` : 'not known';
}
