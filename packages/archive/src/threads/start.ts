/**
 * Starting threads, also ahead of time: a thread takes some 50 ms to load what it needs, and a command that knows it will
 * want one can have it load while the key is derived. What a thread must know comes as its first message, see serve.ts.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { endThread } from './ending.ts';
import { workerUrl } from './worker-url.ts';

export type ThreadKind = 'backup' | 'restore' | 'verify';

/**
 * Threads keep their bytes outside the heap: a small nursery suffices, and keeps them out of 48 MB each. Files are opened by
 * system calls of our own, which Node's count of a thread's descriptors does not know; it would warn at each close.
 */
const OPTIONS: Readonly<Record<ThreadKind, WorkerOptions & { readonly bundle: Parameters<typeof workerUrl>[0] }>> = {
  backup: {
    bundle: 'worker.cjs',
    trackUnmanagedFds: false,
    resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 512, stackSizeMb: 2 },
  },
  restore: { bundle: 'restore-worker.cjs', trackUnmanagedFds: false, resourceLimits: { maxYoungGenerationSizeMb: 6 } },
  verify: { bundle: 'verify-worker.cjs', resourceLimits: { maxYoungGenerationSizeMb: 2 } },
};

/** Started ahead and not taken yet. */
const spare: { readonly kind: ThreadKind; readonly worker: Worker }[] = [];

/** Starts threads that startThread() will take. To be closed in any case: that ends those that nobody took. */
export function startAhead(kind: ThreadKind, count: number): { close(): Promise<void> } {
  const started = Array.from({ length: count }, () => ({ kind, worker: newWorker(kind) }));
  // One that cannot load is told of when another is started in its place and fails likewise.
  for (const { worker } of started) worker.on('error', () => {});
  spare.push(...started);
  return {
    async close() {
      const left = started.filter((one) => removeSpare(one));
      await Promise.all(left.map(({ worker }) => endThread(worker)));
    },
  };
}

/** Returns a thread that is told `setup`. To be ended by endThread(). */
export function startThread(kind: ThreadKind, setup: object): Worker {
  const ahead = spare.find((one) => one.kind === kind && one.worker.threadId !== -1);
  if (ahead !== undefined) removeSpare(ahead);
  const worker = ahead?.worker ?? newWorker(kind);
  worker.postMessage(setup);
  return worker;
}

function newWorker(kind: ThreadKind): Worker {
  const { bundle, ...options } = OPTIONS[kind];
  return new Worker(workerUrl(bundle), options);
}

/** Returns whether it was still there. */
function removeSpare(one: (typeof spare)[number]): boolean {
  const at = spare.indexOf(one);
  if (at >= 0) spare.splice(at, 1);
  return at >= 0;
}
