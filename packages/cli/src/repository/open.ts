/** Opens the repository that a command's flags name: backend, password, lock, index; and closes all of it. */
import { hostname, userInfo } from 'node:os';
import { nodePlatform } from '@hostark/kernels';
import { type HostarkError, isHostarkError } from '@hostark/protocol';
import {
  acquireLock,
  type CachingBackend,
  type Lock,
  type LockOptions,
  type OpenBackendOptions,
  openBackend,
  openRepository,
  type Repository,
} from '@hostark/repository';
import type { CommandContext } from '../context.ts';
import { cacheDirectory } from '../terminal/io.ts';
import { Attempts } from './attempts.ts';
import { readPassword } from './password.ts';
import { durationMs, environment, type GlobalFlags, repositoryLocation, wholeNumber } from './settings.ts';

/** How a command uses the repository. */
export interface Usage {
  /** 'shared' for readers and backups, 'exclusive' for check. Readers may be told --no-lock. */
  readonly lock: 'none' | 'shared' | 'exclusive';
  /** Whether --no-lock is honoured. */
  readonly mayGoUnlocked?: boolean;
  /** The work only reads, and tells nothing before `confirmed`: it begins while the lock settles. */
  readonly beginsEarly?: boolean;
  readonly create?: boolean;
  readonly useCache?: boolean;
}

/** An open, locked repository. `signal` aborts on Ctrl-C and when the lock is lost. */
export interface OpenedRepository {
  readonly repository: Repository;
  readonly signal: AbortSignal;
  /** Resolves once the lock is held for certain; what was read is worth nothing before. Rejects if it is not to be had. */
  readonly confirmed: Promise<void>;
}

/** Runs `work` on the open repository; the lock is released and connections are closed whatever happens. */
export async function withRepository<T>(
  context: CommandContext,
  flags: GlobalFlags,
  usage: Usage,
  work: (opened: OpenedRepository) => Promise<T>,
): Promise<T> {
  const { io } = context;
  const backend = await openBackendOf(context, flags, usage);
  try {
    const password = await readPassword(flags, io);
    const keyHint = flags.keyHint ?? environment(io, 'KEY_HINT');
    const repository = await openRepository(backend, {
      password,
      platform: nodePlatform(),
      ...(keyHint === undefined ? {} : { keyHint }),
    });
    backend.useRepository(repository.config.id);
    return await withLock(context, flags, usage, repository, work);
  } finally {
    await backend.close();
  }
}

async function withLock<T>(
  context: CommandContext,
  flags: GlobalFlags,
  usage: Usage,
  repository: Repository,
  work: (opened: OpenedRepository) => Promise<T>,
): Promise<T> {
  if (usage.lock === 'none' || (usage.mayGoUnlocked && flags.lock === false))
    return work({ repository, signal: context.signal, confirmed: Promise.resolve() });
  const retryMs = flags.retryLock === undefined ? 0 : durationMs(flags.retryLock, '--retry-lock');
  const attempts = new Attempts((signal, confirmed) =>
    work({ repository, signal: AbortSignal.any([context.signal, signal]), confirmed }),
  );
  const lock: Lock = await acquireLock(repository, {
    ...lockHolder(),
    exclusive: usage.lock === 'exclusive',
    retryMs,
    signal: context.signal,
    ...(usage.beginsEarly ? { onWritten: () => attempts.begin() } : {}),
    onWait: (conflict: HostarkError, delayMs: number) => {
      attempts.giveUp(conflict);
      context.out.say(`${conflict.message}; trying again in ${Math.ceil(delayMs / 1000)} s`);
    },
  }).catch(async (error: unknown) => {
    await attempts.drop(error);
    throw error;
  });
  try {
    return await attempts.settle(lock.lost);
  } catch (error) {
    // What failed because the lock was lost is told as that.
    if (lock.lost.aborted && !isHostarkError(error, 'lock-lost')) throw lock.lost.reason;
    throw error;
  } finally {
    await lock.release();
  }
}

/** Who holds the locks of this process. */
export function lockHolder(): Pick<LockOptions, 'host' | 'user' | 'pid' | 'uid' | 'gid'> {
  const { uid, gid } = userInfo();
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

/** Opens the backend of the flags with retries, limits and cache. */
export async function openBackendOf(
  { io, out }: CommandContext,
  flags: GlobalFlags,
  usage: Pick<Usage, 'create' | 'useCache'>,
): Promise<CachingBackend> {
  const location = await repositoryLocation(flags, io);
  const options = backendOptions(flags.option ?? []);
  const region = options.get('s3.region') ?? io.env.AWS_REGION ?? io.env.AWS_DEFAULT_REGION;
  const storageClass = options.get('s3.storage-class');
  const connections = options.get('s3.connections') ?? options.get('local.connections');
  const lookup = options.get('s3.bucket-lookup');
  const cached = usage.useCache !== false && flags.cache !== false;
  return openBackend(location, {
    create: usage.create ?? false,
    ...(connections === undefined
      ? {}
      : { connections: wholeNumber(connections, '-o connections', { min: 1, max: 256 }) }),
    ...(cached ? { cacheDirectory: flags.cacheDir ?? cacheDirectory(io) } : {}),
    ...rateOptions(flags),
    onCacheProblem: (error: unknown) =>
      out.say(`the cache is not used: ${error instanceof Error ? error.message : error}`),
    s3: {
      ...(region ? { region } : {}),
      ...(storageClass === undefined ? {} : { storageClass }),
      ...(lookup === 'auto' || lookup === 'dns' || lookup === 'path' ? { bucketLookup: lookup } : {}),
    },
  });
}

function rateOptions(flags: GlobalFlags): Pick<OpenBackendOptions, 'rates'> {
  const rate = (text: string | undefined, flag: string): number | undefined =>
    text === undefined ? undefined : wholeNumber(text, flag, { min: 1, max: 1e9 }) * 1024;
  const uploadBps = rate(flags.limitUpload, '--limit-upload');
  const downloadBps = rate(flags.limitDownload, '--limit-download');
  if (uploadBps === undefined && downloadBps === undefined) return {};
  return {
    rates: { ...(uploadBps === undefined ? {} : { uploadBps }), ...(downloadBps === undefined ? {} : { downloadBps }) },
  };
}

function backendOptions(pairs: readonly string[]): Map<string, string> {
  return new Map(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair, 'true'] : [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
