/**
 * Freezes file systems of a host while something is read behind their back (EBS snapshots, a backup), and thaws them at
 * once. One shell on the host holds the freeze and thaws when its stdin says so or ends: so it does when the session
 * dies. A watchdog beside it thaws when that shell dies or the time is over. What the host needs to live is never
 * frozen: a file system that holds `/`, programs, logs, temporary files or the login's home is refused.
 */
import { HostarkError } from '@hostark/protocol';
import { BECOME_ROOT, quote, type Session } from '@hostark/remote';
import { FREEZE_SCRIPT, VOLUME_MOUNTS_SCRIPT } from './freeze-script.ts';

/** EBS answers CreateSnapshots in seconds; a database waits this long without harm. */
export const FREEZE_SECONDS = 30;

export interface FreezeOptions {
  /** After so many seconds the host thaws by itself. Default FREEZE_SECONDS. */
  readonly seconds?: number;
  readonly signal?: AbortSignal;
}

export interface Frozen<T> {
  readonly value: T;
  /** False when the host had thawed, or may have, before the work was done: then what was read may be torn. */
  readonly held: boolean;
  readonly milliseconds: number;
}

/**
 * Freezes the file systems mounted at `mounts` (absolute, each a mount point), runs `work`, thaws. Works on any session:
 * a host over SSH, or this machine. Throws 'usage' for a mount point that is none or must not be frozen and
 * 'command-failed' when the host cannot freeze; `work` has not run then. What `work` throws comes after the thaw.
 */
export async function whileFrozen<T>(
  session: Pick<Session, 'exec'>,
  mounts: readonly string[],
  work: () => Promise<T>,
  options: FreezeOptions = {},
): Promise<Frozen<T>> {
  const thaw = deferred<void>();
  const frozen = deferred<true>();
  let told = '';
  async function* stdin(): AsyncGenerator<Uint8Array> {
    await thaw.promise;
    yield Buffer.from('thaw\n');
  }
  const words = [String(options.seconds ?? FREEZE_SECONDS), ...mounts].map(quote).join(' ');
  const ended = session.exec(`${BECOME_ROOT}\nexec $as_root sh -c ${quote(FREEZE_SCRIPT)} freeze ${words}`, {
    stdin: stdin(),
    onStdout: (chunk) => {
      told += Buffer.from(chunk).toString();
      if (told.includes('frozen\n')) frozen.resolve(true);
    },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const startedAt = performance.now();
  const early = await Promise.race([frozen.promise, ended]).catch((error: unknown) => {
    thaw.resolve();
    throw error;
  });
  if (early !== true) {
    thaw.resolve();
    throw refusal(early.code, early.stderr.trim());
  }
  ended.catch(() => {}); // a session that dies now is told below, after the work
  let value: T;
  try {
    value = await work();
  } finally {
    thaw.resolve();
    await ended.catch(() => {});
  }
  const milliseconds = performance.now() - startedAt;
  const outcome = await ended.catch(() => null);
  if (outcome !== null && outcome.code !== 0) throw refusal(outcome.code, outcome.stderr.trim());
  return { value, held: told.endsWith('thawed\n'), milliseconds };
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function refusal(code: number | null, complaint: string): HostarkError {
  if (code === 3)
    return new HostarkError('usage', `cannot freeze: ${complaint}`, { hint: 'name the mount point of a data volume' });
  return new HostarkError(
    'command-failed',
    `the host could not freeze or thaw: ${complaint || `its shell ended with ${code}`}`,
    {
      hint: 'it needs fsfreeze (util-linux), root, and file systems that can be frozen: ext4, xfs, btrfs',
    },
  );
}

/** A volume as EC2 attached it: its id and device name. */
export interface AttachedVolume {
  readonly volumeId: string;
  readonly device: string;
}

/** Where the host has mounted file systems of these volumes, through partitions, LVM and RAID. In the order mounted. */
export async function mountsOfVolumes(
  session: Pick<Session, 'exec'>,
  volumes: readonly AttachedVolume[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly string[]> {
  const words = volumes
    .flatMap(({ volumeId, device }) => [volumeId, device])
    .map(quote)
    .join(' ');
  const { code, stdout, stderr } = await session.exec(`sh -c ${quote(VOLUME_MOUNTS_SCRIPT)} mounts ${words}`, options);
  if (code !== 0) throw new HostarkError('command-failed', `the host did not list its mounts: ${stderr.trim()}`);
  return [...new Set(stdout.split('\n').filter((line) => line.startsWith('/')))];
}
