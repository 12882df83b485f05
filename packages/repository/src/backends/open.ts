/**
 * From what a user writes to a backend that is ready for work: a folder or an S3 location, with retries, a bound on
 * parallel requests, rate limits and a cache, in the order in which they must be stacked.
 */
import type { Backend, FileType } from '../backend.ts';
import { type CachingBackend, caching } from '../cache/caching.ts';
import { keyMemory } from '../cache/key-memory.ts';
import { anticipating } from './anticipating.ts';
import { limited } from './limited.ts';
import { initLocalDirectory, localBackend } from './local.ts';
import { parseLocation } from './place.ts';
import { type RateLimits, rateLimited } from './rate-limited.ts';
import { type RetryOptions, retrying } from './retrying.ts';
import type { S3Options } from './s3/backend.ts';

export interface OpenBackendOptions {
  /** Prepares the place for a new repository: folders, or the bucket. 'repository-exists' if a folder has a config. */
  readonly create?: boolean;
  /** A repository is about to be opened here, and perhaps locked: what that reads is asked for at once, where it is far away. */
  readonly opens?: 'unlocked' | 'locked';
  /** What will be listed once it is open, in this order. */
  readonly lists?: readonly FileType[];
  /** Refuses every change with 'backend-denied'. */
  readonly readOnly?: boolean;
  /** Requests at the same time. @default 16 for S3, 2 for a folder */
  readonly connections?: number;
  /** `false` fails at the first error. */
  readonly retry?: RetryOptions | false;
  readonly rates?: RateLimits;
  /** Folder of caches. Not used for a folder on this machine: a copy of it would be no nearer. */
  readonly cacheDirectory?: string;
  /** Told when the cache cannot be used; the work goes on without. */
  readonly onCacheProblem?: (error: unknown) => void;
  readonly s3?: Omit<S3Options, 'connections' | 'readOnly'>;
}

/** Opens a place. Without `create` and `opens` nothing is touched until the first use. */
export async function openBackend(location: string, options: OpenBackendOptions = {}): Promise<CachingBackend> {
  const place = parseLocation(location);
  const base = place.kind === 'local' ? await openLocal(place.path, options) : await openS3(place.location, options);
  let backend = base;
  const { rates } = options;
  if (rates?.uploadBps !== undefined || rates?.downloadBps !== undefined) backend = rateLimited(backend, rates);
  backend = limited(backend);
  const { cacheDirectory, opens, lists = [] } = options;
  const isCached = place.kind === 's3' && cacheDirectory !== undefined;
  const keys = isCached ? keyMemory(cacheDirectory, place.printed) : null;
  // Inside the retries: what fails before anybody asked is tried again when somebody does.
  if (place.kind === 's3' && opens !== undefined)
    backend = anticipating(backend, { locks: opens === 'locked', lists, key: keys?.recall()?.id });
  // Outside the limit: who waits for the next try holds no connection.
  if (options.retry !== false) backend = retrying(backend, options.retry);
  if (keys === null || cacheDirectory === undefined) return withoutCache(backend);
  const onProblem = options.onCacheProblem;
  return caching(backend, { directory: cacheDirectory, keys, ...(onProblem === undefined ? {} : { onProblem }) });
}

async function openLocal(path: string, options: OpenBackendOptions): Promise<Backend> {
  if (options.create) await initLocalDirectory(path);
  return localBackend(path, { connections: options.connections ?? 2, readOnly: options.readOnly ?? false });
}

async function openS3(location: string, options: OpenBackendOptions): Promise<Backend> {
  // Loaded when it is needed: a folder needs no HTTP, TLS or signing.
  const { s3Backend } = await import('./s3/backend.ts');
  const backend = s3Backend(location, {
    ...options.s3,
    readOnly: options.readOnly ?? false,
    ...(options.connections === undefined ? {} : { connections: options.connections }),
  });
  if (options.create) await backend.createBucket();
  return backend;
}

/** The same face as with a cache, so that callers need not ask. */
function withoutCache(backend: Backend): CachingBackend {
  return Object.assign(backend, { useRepository(): void {} });
}
