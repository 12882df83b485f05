/** Whether a host may be destroyed: its newest backup is young enough, and was found whole just now. */
import { type DestroyPlan, type Host, listHosts } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { durationMs } from '../repository/settings.ts';
import { formatBytes } from '../terminal/format.ts';
import { type HostStore, storeOf } from './access.ts';
import type { Cloud } from './cloud.ts';
import { type LastBackup, reasonForNoLook, verifiedBackup } from './last-backup.ts';

/** Clocks of hosts are off by seconds; a backup dated further ahead says nothing about its age. */
const CLOCK_SLACK_MS = 300_000;

export interface BackupStanding {
  /** Null when the host can be destroyed without losing more than what is younger than the allowed age. */
  readonly objection: string | null;
  readonly backup: LastBackup | null;
}

/** Parses `--max-age`: Go's notation, and whole days (`7d`). Throws 'usage'. */
export function maxAgeMs(text: string): number {
  const days = /^(\d+)d$/.exec(text)?.[1];
  const ms = days === undefined ? durationMs(text, '--max-age') : Number(days) * 86_400_000;
  if (ms > 0) return ms;
  throw new HostarkError('usage', `--max-age: expected more than nothing, got ${JSON.stringify(text)}`, {
    hint: 'for example 24h or 7d; --without-backup asks for no backup at all',
  });
}

/**
 * Looks at the backups of a host whose instance the plan ends. A plan without one, or with one that an earlier run was
 * ending when it was killed, has no data to lose.
 */
export async function backupStanding(cloud: Cloud, plan: DestroyPlan, maxAge: number): Promise<BackupStanding> {
  const [instance, second] = plan.removals.filter(({ kind, ending }) => kind === 'instance' && ending !== true);
  if (instance === undefined) return { objection: null, backup: null };
  if (second !== undefined)
    return {
      objection: `host ${plan.name}: there are two of this name, ${instance.id} and ${second.id}`,
      backup: null,
    };
  const hosts = await listHosts(cloud.clients, cloud.ledger, { signal: cloud.signal });
  const host = hosts.find(({ instanceId }) => instanceId === instance.id);
  const store = host === undefined ? null : storeIfAny(host);
  if (store === null)
    return { objection: `host ${plan.name} is tied to no bucket: there is no backup of it`, backup: null };
  return standing(cloud, store, maxAge);
}

async function standing(cloud: Cloud, store: HostStore, maxAge: number): Promise<BackupStanding> {
  const where = `${store.bucket}/${store.prefix}`;
  let found: Awaited<ReturnType<typeof verifiedBackup>>;
  try {
    found = await verifiedBackup(cloud, store);
  } catch (error) {
    const reason = reasonForNoLook(error);
    if (reason === null) throw error;
    const none =
      reason === 'none'
        ? `there is no backup in ${where}`
        : `if ${where} holds backups of it, they cannot be looked at: ${reason}`;
    return { objection: `host ${store.host}: ${none}`, backup: null };
  }
  const { backup, errors } = found;
  if (backup === null) return { objection: `host ${store.host}: ${where} holds no backup of it`, backup };
  return { objection: objectionTo(store.host, backup, errors, maxAge), backup };
}

function objectionTo(host: string, backup: LastBackup, errors: readonly string[], maxAge: number): string | null {
  const id = backup.snapshotId.slice(0, 8);
  if (errors.length > 0) return `host ${host}: its newest backup ${id} is not whole: ${errors[0]}`;
  const age = Date.now() - Date.parse(backup.time);
  if (age < -CLOCK_SLACK_MS) return `host ${host}: its newest backup ${id} is dated in the future, ${backup.time}`;
  if (age > maxAge)
    return `host ${host}: its newest backup ${id} is ${ageText(age)} old, expected at most ${ageText(maxAge)}`;
  return null;
}

/** `50 s`, `40 min`, `26 h`, `9 days`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** One line about a backup, for people. */
export function backupLine({ snapshotId, time, bytes }: LastBackup): string {
  const size = bytes === null ? '' : `, ${formatBytes(bytes)}`;
  return `${snapshotId.slice(0, 8)} of ${time.slice(0, 16).replace('T', ' ')} UTC (${ageText(Date.now() - Date.parse(time))} ago)${size}`;
}

function storeIfAny(host: Host): HostStore | null {
  return host.bucket === null ? null : storeOf(host);
}
