/** Loads what will be needed next while the reader is busy with what came before; results keep their order. */

/** Yields `load(item)` for each item in order, with up to `depth` loads running ahead. The first error ends it. */
export async function* readAhead<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  depth: number,
  load: (item: T) => Promise<R> | R,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const loading = Promise.resolve(load(item));
      loading.catch(() => {}); // thrown when its turn comes, not as "unhandled" before
      waiting.push(loading);
      if (waiting.length >= depth) yield await waiting.shift()!;
    }
    while (waiting.length > 0) yield await waiting.shift()!;
  } finally {
    await Promise.allSettled(waiting);
  }
}
