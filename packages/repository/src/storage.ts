/** What this package offers about storage: places, decorators, cache and locks. */

export { type Clock, systemClock } from './backends/clock.ts';
export {
  type CountingBackend,
  counting,
  OPERATIONS,
  type Operation,
  type OperationCount,
  type OperationCounts,
} from './backends/counting.ts';
export { dryRun } from './backends/dry-run.ts';
export { type HeldBackBackend, heldBack } from './backends/held-back.ts';
export { beginLikelyKey, type LikelyRepository } from './backends/key-ahead.ts';
export { isObjectName, objectPath, printHandle } from './backends/layout.ts';
export { limited } from './backends/limited.ts';
export { initLocalDirectory, type LocalOptions, localBackend } from './backends/local.ts';
export { type MemoryBackend, memoryBackend } from './backends/memory.ts';
export { type OpenBackendOptions, openBackend } from './backends/open.ts';
export { type Place, parseLocation } from './backends/place.ts';
export { type RateLimits, rateLimited } from './backends/rate-limited.ts';
export { type Retry, type RetryOptions, retrying } from './backends/retrying.ts';
// The S3 backend itself is loaded by openBackend(), and only for a repository in S3.
export type { S3Backend, S3Options } from './backends/s3/backend.ts';
export type { S3Access } from './backends/s3/connection.ts';
export { isS3Location, parseS3Location, printS3Location, type S3Location } from './backends/s3/location.ts';
export type { S3Credentials } from './backends/s3/sign.ts';
export { type CacheOptions, type CachingBackend, caching } from './cache/caching.ts';
export { type CacheEntry, listCaches, removeCache } from './cache/old.ts';
export { acquireLock, type Lock, type LockOptions } from './locks/lock.ts';
export { decodeLock, encodeLock, type LockInfo, type LockRepository, readLock } from './locks/lock-file.ts';
export { isProcessAlive, isStale, type StaleRule } from './locks/stale.ts';
export { type RemovedLock, type UnlockOptions, unlock } from './locks/unlock.ts';
