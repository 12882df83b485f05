/**
 * The pool: engines that run jobs, in worker threads or (size 0) on the calling thread, behind one small face.
 */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { IDENTITY_WORDS, identitySize } from '@hostark/kernels';
import { endThread } from '../threads/ending.ts';
import { startThread } from '../threads/start.ts';
import { threadsWithin } from './cpu-limit.ts';
import { Engine } from './engine.ts';
import type { EngineSetup, FilesResult, PoolJob } from './jobs.ts';
import type { Slab, SlabExchange } from './slabs.ts';
import type { FromWorker, ToWorker } from './thread-messages.ts';

/** Jobs at a worker: the one it does and the one that it finds next without asking. */
const JOBS_PER_WORKER = 2;

/** Milliseconds of work that pay for the start of another thread. */
const WORK_FOR_ANOTHER = 40;
/** Small files cost 50 to 100 µs each, bytes 3 (as they are) to 15 (compressed) ns. */
const FILES_PER_MS = 15;
const BYTES_PER_MS = 100_000;

export interface Pool {
  /** Whether a worker has nothing to do. */
  readonly hasIdle: boolean;
  /** Runs a job on the first worker that is free. Rejects only with what ends the backup. */
  run(job: PoolJob): Promise<FilesResult>;
  /** Has every engine hand over its open pack, after the jobs it has. */
  flush(): Promise<readonly FilesResult[]>;
  /** Ends the threads. Jobs under way reject. */
  close(): Promise<void>;
}

/** Returns how many workers a backup uses unless told otherwise: one per core. */
export function defaultWorkers(): number {
  return threadsWithin(Math.max(1, availableParallelism()));
}

/** Returns a pool of at most `workers` engines, each of which exchanges slabs with an exchange of its own from `exchange`. */
export function startPool(workers: number, setup: EngineSetup, exchange: () => SlabExchange): Pool {
  return workers === 0 ? new InlinePool(setup, exchange()) : new ThreadPool(workers, setup, exchange);
}

/** One engine on the calling thread, one job after the other. */
class InlinePool implements Pool {
  readonly #engine: Engine;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(setup: EngineSetup, slabs: SlabExchange) {
    this.#engine = new Engine(setup, slabs);
  }

  get hasIdle(): boolean {
    return this.#waiting === 0;
  }

  run(job: PoolJob): Promise<FilesResult> {
    this.#waiting++;
    const done = this.#last.then(() => this.#engine.run(job));
    this.#last = done.catch(() => {}).finally(() => this.#waiting--);
    return done;
  }

  async flush(): Promise<readonly FilesResult[]> {
    return [await this.run({ kind: 'flush' })];
  }

  async close(): Promise<void> {
    await this.#last;
  }
}

interface QueuedJob {
  readonly job: PoolJob;
  readonly resolve: (result: FilesResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Threads are started as work comes: a run that finds nothing to read starts none, and one that finds little does it on one
 * before another would have started.
 */
class ThreadPool implements Pool {
  readonly #workers: number;
  readonly #start: () => Thread;
  readonly #threads: Thread[] = [];
  readonly #queue: QueuedJob[] = [];

  constructor(workers: number, setup: EngineSetup, exchange: () => SlabExchange) {
    this.#workers = workers;
    this.#start = () => new Thread(setup, exchange(), () => this.#dispatch());
  }

  get hasIdle(): boolean {
    return this.#threads.length < this.#workers || this.#threads.some((thread) => thread.load === 0);
  }

  run(job: PoolJob): Promise<FilesResult> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve, reject });
      this.#dispatch();
    });
  }

  flush(): Promise<readonly FilesResult[]> {
    return Promise.all(
      this.#threads.map(
        (thread) =>
          new Promise<FilesResult>((resolve, reject) => thread.post({ job: { kind: 'flush' }, resolve, reject })),
      ),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const free = this.#leastLoaded();
      if (free.load >= JOBS_PER_WORKER) return;
      free.post(this.#queue.shift()!);
    }
  }

  #leastLoaded(): Thread {
    let least: Thread | null = null;
    for (const thread of this.#threads) if (least === null || thread.load < least.load) least = thread;
    if (least !== null && (least.load === 0 || !this.#needsAnother())) return least;
    const started = this.#start();
    this.#threads.push(started);
    return started;
  }

  /** Whether what is not done yet keeps the threads that there are busy for long. */
  #needsAnother(): boolean {
    const { length } = this.#threads;
    if (length === this.#workers) return false;
    const undone = [...this.#threads.flatMap((thread) => thread.jobs), ...this.#queue];
    return undone.reduce((sum, { job }) => sum + guessedCost(job), 0) >= WORK_FOR_ANOTHER * length;
  }
}

/** Returns about how many milliseconds a thread is busy with a job: some for each file, some for each MiB that it reads. */
function guessedCost(job: PoolJob): number {
  if (job.kind === 'flush') return 0;
  if (job.kind === 'part') return job.partBytes / BYTES_PER_MS;
  const files = job.pathEnds.length;
  let bytes = 0;
  for (let i = 0; i < files; i++) bytes += identitySize(job.identities, i * IDENTITY_WORDS);
  return files / FILES_PER_MS + bytes / BYTES_PER_MS;
}

/** One worker thread and the jobs it has. */
class Thread {
  readonly #worker: Worker;
  readonly #slabs: SlabExchange;
  readonly #lent: Map<number, Slab> = new Map();
  readonly #jobs: QueuedJob[] = [];
  readonly #freed: () => void;
  #failure: { readonly error: unknown } | null = null;

  constructor(setup: EngineSetup, slabs: SlabExchange, freed: () => void) {
    this.#slabs = slabs;
    this.#freed = freed;
    this.#worker = startThread('backup', setup);
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('messageerror', (error) => this.#fail(error));
    this.#worker.on('exit', (code) => this.#fail(new Error(`a worker thread ended with code ${code}`)));
  }

  get load(): number {
    return this.#jobs.length;
  }

  /** What it does and what it finds next. */
  get jobs(): readonly QueuedJob[] {
    return this.#jobs;
  }

  post(queued: QueuedJob): void {
    if (this.#failure !== null) {
      queued.reject(this.#failure.error);
      return;
    }
    this.#jobs.push(queued);
    this.#send({ kind: 'job', job: queued.job });
  }

  async close(): Promise<void> {
    this.#failure ??= { error: new Error('the pool is closed') };
    await endThread(this.#worker);
    this.#rejectJobs();
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'done') {
      this.#jobs.shift()?.resolve(message.result);
      this.#freed();
    } else if (message.kind === 'failed') {
      this.#jobs.shift()?.reject(message.error);
      this.#freed();
    } else if (message.kind === 'pack') this.#slabs.give(this.#returned(message.index), message.pack);
    else if (message.kind === 'piece') this.#slabs.piece?.(this.#returned(message.index), message.length);
    else void this.#lend();
  }

  #returned(index: number): Slab {
    const slab = this.#lent.get(index)!;
    this.#lent.delete(index);
    return slab;
  }

  async #lend(): Promise<void> {
    try {
      const slab = await this.#slabs.take();
      this.#lent.set(slab.index, slab);
      this.#send({ kind: 'slab', index: slab.index, memory: slab.memory });
    } catch {
      this.#send({ kind: 'slab', index: -1, memory: null });
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#rejectJobs();
  }

  #rejectJobs(): void {
    for (const queued of this.#jobs.splice(0)) queued.reject(this.#failure?.error);
  }
}
