/** Bounded concurrency over a list or a listing. */

/**
 * Runs `work` for every item, at most `limit` at a time. The first error stops taking items and is thrown once the running
 * ones have ended. An aborted signal counts as an error. Order of completion is open.
 */
export async function forEachConcurrent<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let failed = false;
  let failure: unknown;
  const running = new Set<Promise<void>>();
  const fail = (error: unknown): void => {
    if (!failed) failure = error;
    failed = true;
  };
  try {
    for await (const item of items) {
      signal?.throwIfAborted();
      if (failed) break;
      const task: Promise<void> = work(item)
        .catch(fail)
        .finally(() => running.delete(task));
      running.add(task);
      if (running.size >= limit) await Promise.race(running);
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (failed) throw failure;
}
