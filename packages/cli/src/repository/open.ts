/** Opens the repository that a command's flags name: backend, password, lock, index; and closes all of it. */
import { expectKey, nodePlatform } from '@hostark/kernels';
import type { HostarkError } from '@hostark/protocol';
import { type CachingBackend, type OpenBackendOptions, openBackend, openRepository } from '@hostark/repository';
import type { CommandContext } from '../context.ts';
import { cacheDirectory } from '../terminal/io.ts';
import { keepYoungGenerationSmall } from '../terminal/memory.ts';
import { type OpenedRepository, withLock } from './locked.ts';
import { readPassword } from './password.ts';
import { durationMs, environment, type GlobalFlags, repositoryLocation, wholeNumber } from './settings.ts';

/** How a command uses the repository. */
export interface Usage {
  /** 'shared' for readers and backups, 'exclusive' for check. Readers may be told --no-lock. */
  readonly lock: 'none' | 'shared' | 'exclusive';
  /** Whether --no-lock is honoured. */
  readonly mayGoUnlocked?: boolean;
  /** See withLock(). */
  readonly beginsEarly?: boolean;
  /** What the work will list first, in this order: asked for while the key is derived. */
  readonly lists?: OpenBackendOptions['lists'];
  readonly create?: boolean;
  readonly useCache?: boolean;
}

/** Runs `work` on the open repository; the lock is released and connections are closed whatever happens. */
export async function withRepository<T>(
  context: CommandContext,
  flags: GlobalFlags,
  usage: Usage,
  work: (opened: OpenedRepository) => Promise<T>,
): Promise<T> {
  const { io } = context;
  const locks = usage.lock !== 'none' && !(usage.mayGoUnlocked && flags.lock === false);
  // Lists from before a lock are for work that looks at them again when it is certain.
  const lists = locks && usage.beginsEarly !== true ? [] : (usage.lists ?? []);
  const backend = await openBackendOf(context, flags, { ...usage, lists, opens: locks ? 'locked' : 'unlocked' });
  try {
    const password = await readPassword(flags, io);
    const keyHint = flags.keyHint ?? environment(io, 'KEY_HINT');
    if (context.begunKey) expectKey(context.begunKey);
    const repository = await openRepository(backend, {
      password,
      platform: nodePlatform(),
      keys: backend.keys,
      ...(keyHint === undefined ? {} : { keyHint }),
    });
    keepYoungGenerationSmall();
    backend.useRepository(repository.config.id);
    if (!locks) return await work({ repository, signal: context.signal, confirmed: Promise.resolve() });
    const retryMs = flags.retryLock === undefined ? 0 : durationMs(flags.retryLock, '--retry-lock');
    const onWait = (conflict: HostarkError, delayMs: number): void =>
      context.out.say(`${conflict.message}; trying again in ${Math.ceil(delayMs / 1000)} s`);
    const { signal } = context;
    const { beginsEarly = false } = usage;
    return await withLock(
      repository,
      { exclusive: usage.lock === 'exclusive', retryMs, beginsEarly, lists, signal, onWait },
      work,
    );
  } finally {
    await backend.close();
  }
}

/** Opens the backend of the flags with retries, limits and cache. */
export async function openBackendOf(
  { io, out }: CommandContext,
  flags: GlobalFlags,
  usage: Pick<Usage, 'create' | 'useCache' | 'lists'> & Pick<OpenBackendOptions, 'opens'>,
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
    ...(usage.opens === undefined ? {} : { opens: usage.opens }),
    ...(usage.lists === undefined ? {} : { lists: usage.lists }),
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
