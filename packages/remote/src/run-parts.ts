/**
 * Streams of frames through a bucket: each direction is a row of numbered objects below the run's place, `in/` for the
 * host and `out/` for the operator. A part is created once; a reader takes parts in order and misses none.
 */
import { HostarkError, type RunObjects } from '@hostark/protocol';
import { decodeFrames, encodeFrames, type Frame, frameBytes } from './relay-frames.ts';
import type { SealedChannel } from './sealed-channel.ts';

export type Direction = 'in' | 'out';

/** Small enough to be sealed in one go, large enough that a stream of many MB is few requests. */
const PART_BYTES = 4_194_304;
/** Frames that wait are held back here; who writes waits. */
const QUEUE_BYTES = 16_777_216;

/** Ten digits: bytewise order is numeric order for 10^10 parts. */
function nameOf(direction: Direction, number: number): string {
  return `${direction}/${String(number).padStart(10, '0')}`;
}

export interface PartWriter {
  /** Queues a frame; resolves when the queue has room for more. Throws what a put has thrown. */
  write(frame: Frame): Promise<void>;
  /** Resolves when all that was written is in the bucket. Throws what a put has thrown. */
  flush(): Promise<void>;
  /** Milliseconds (performance.now) of the last write. */
  readonly lastWriteAt: number;
}

export interface PartWriterOptions {
  readonly objects: RunObjects;
  readonly channel: SealedChannel;
  readonly direction: Direction;
  /** Collects for this long after a part, so that a chatty stream is few requests. */
  readonly collectMs: number;
  /** Gives up what is not in the bucket yet. */
  readonly signal?: AbortSignal;
}

/** Writes parts one after the other; after a failed put every call throws that failure. */
export function partWriter(options: PartWriterOptions): PartWriter {
  const { objects, channel, direction, collectMs, signal } = options;
  let queue: Frame[] = [];
  let queuedBytes = 0;
  let number = 0;
  let lastWriteAt = performance.now();
  let lastPutAt = -Infinity;
  let failure: { readonly error: unknown } | null = null;
  let running: Promise<void> | null = null;
  let hurry = false;
  let wake: () => void = () => {};
  const room: (() => void)[] = [];
  const settleRoom = (): void => {
    for (const resolve of room.splice(0)) resolve();
  };
  const take = (): Frame[] => {
    let bytes = 0;
    let count = 0;
    while (count < queue.length && (count === 0 || bytes + frameBytes(queue[count]!) <= PART_BYTES))
      bytes += frameBytes(queue[count++]!);
    const taken = queue.slice(0, count);
    queue = queue.slice(count);
    queuedBytes -= bytes;
    return taken;
  };
  const run = async (): Promise<void> => {
    while (queue.length > 0 && failure === null) {
      const pauseMs = lastPutAt + collectMs - performance.now();
      if (pauseMs > 0 && !hurry && queuedBytes < PART_BYTES) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pauseMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      lastPutAt = performance.now();
      const part = number++;
      try {
        const sealed = channel.seal(part, encodeFrames(take()));
        await patiently(() => objects.put(nameOf(direction, part), sealed, signal), signal);
      } catch (error) {
        failure = { error };
      }
      settleRoom();
    }
    running = null;
  };
  const check = (): void => {
    if (failure !== null) throw failure.error;
  };
  return {
    get lastWriteAt() {
      return lastWriteAt;
    },
    async write(frame) {
      check();
      lastWriteAt = performance.now();
      queue.push(frame);
      queuedBytes += frameBytes(frame);
      running ??= run();
      while (queuedBytes > QUEUE_BYTES && failure === null) await new Promise<void>((resolve) => room.push(resolve));
      check();
    },
    async flush() {
      hurry = true;
      wake();
      while (running !== null) await running;
      hurry = false;
      check();
    },
  };
}

export interface PartReaderOptions {
  readonly objects: RunObjects;
  readonly channel: SealedChannel;
  readonly direction: Direction;
  /** Longest pause between two looks, when nothing comes. */
  readonly maxPauseMs: number;
  readonly signal: AbortSignal;
  /** The next part to read; moved on by the reader. Default: the first. */
  readonly cursor?: { next: number };
}

const FIRST_PAUSE_MS = 50;

/**
 * Yields the frames of each part, one part in memory at a time, and an empty array after each look that found nothing
 * new. Ends when the signal fires. Throws what the bucket throws, and 'agent-failed' for parts that the other side did
 * not seal.
 */
export async function* readParts(options: PartReaderOptions): AsyncGenerator<readonly Frame[]> {
  const { objects, channel, direction, signal, cursor = { next: 0 } } = options;
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    const first = cursor.next;
    const after = first === 0 ? '' : nameOf(direction, first - 1);
    // Parts are created in order, so a gap means that the list is behind: the rest is taken at the next look.
    for (const name of await patiently(() => objects.list(`${direction}/`, after, signal), signal)) {
      if (signal.aborted || name !== nameOf(direction, cursor.next)) break;
      const sealed = await patiently(() => objects.get(name, signal), signal);
      yield decodeFrames(channel.open(cursor.next++, sealed));
    }
    if (cursor.next > first) pauseMs = FIRST_PAUSE_MS;
    else {
      yield [];
      await pause(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 1.5, options.maxPauseMs);
    }
  }
}

/** How long a bucket may fail, beyond the attempts of its client: a session of hours outlives a bad minute. */
const PATIENCE_MS = 180_000;
const never = new AbortController().signal;

/** Repeats a call while it fails in a way that may pass (`retry: 'later'`). The last failure is thrown in the end. */
export async function patiently<T>(call: () => Promise<T>, signal: AbortSignal = never): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let pauseMs = 250; ; pauseMs = Math.min(pauseMs * 2, 5_000)) {
    try {
      return await call();
    } catch (error) {
      const passing = error instanceof HostarkError && error.retry === 'later';
      if (!passing || signal.aborted || performance.now() + pauseMs > deadline) throw error;
      await pause(pauseMs, signal);
    }
  }
}

/** Sleeps; resolves early when the signal fires. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
