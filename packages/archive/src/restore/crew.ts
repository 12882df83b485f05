/**
 * The threads of a restore. Jobs go to the least busy thread and wait in its queue; when every queue is full, the calling
 * thread does one itself, so that one core needs no thread of its own (each costs some 30 MB). What is left waits for whoever is
 * done first. The caller bounds how many jobs there are at once.
 */
import type { Worker } from 'node:worker_threads';
import { asError } from '../threads/as-error.ts';
import { endThread } from '../threads/ending.ts';
import { startThread } from '../threads/start.ts';
import type { CrewSetup, RestoreJob, RestoreOutcome } from './job.ts';
import { JobLine } from './job-line.ts';
import type { Turns } from './turns.ts';
import type { WorkerAnswer, WorkerJob } from './worker.ts';

export interface Crew {
  /** Threads that work beside the caller; 0: jobs run on the calling thread. */
  readonly threads: number;
  /** Does a job wherever it is done first. Segment bytes are handed over: they are gone for the caller. Rejects only if a thread dies. */
  run(job: RestoreJob): Promise<RestoreOutcome>;
  /** Does a job on the calling thread. */
  runHere(job: RestoreJob): Promise<RestoreOutcome>;
  /** Ends the threads. Jobs in flight are rejected. */
  close(): Promise<void>;
}

/** Starts `threads` workers, each with a queue of `depth` jobs, the one under way included; 0 runs everything here, in the caller's turns. */
export function startCrew(setup: CrewSetup, turns: Turns, threads: number, depth: number): Crew {
  return threads === 0 ? new InlineCrew(setup, turns) : new WorkerCrew(setup, turns, threads, depth);
}

class InlineCrew implements Crew {
  readonly threads = 0;
  readonly #setup: CrewSetup;
  readonly #turns: Turns;
  #line: JobLine | null = null;

  constructor(setup: CrewSetup, turns: Turns) {
    this.#setup = setup;
    this.#turns = turns;
  }

  run(job: RestoreJob): Promise<RestoreOutcome> {
    return this.runHere(job);
  }

  async runHere(job: RestoreJob): Promise<RestoreOutcome> {
    await this.#turns.take();
    this.#line ??= new JobLine(this.#setup);
    return this.#line.run(job);
  }

  async close(): Promise<void> {
    this.#line?.close();
  }
}

interface Waiting {
  readonly resolve: (outcome: RestoreOutcome) => void;
  readonly reject: (error: Error) => void;
}

/** What the calling thread takes at once: one job that is done, one whose bytes are read. */
export const JOBS_HERE = 2;
/** Short jobs: one under way, and enough that wait to keep a thread busy while answers travel. */
export const JOBS_PER_THREAD = 5;
/** Segments of large blobs, for a thread or the caller: their blobs go many at a time (blobs-abreast.ts), and lanes must not run dry. */
export const LARGE_JOBS = 10;
/** Jobs whose bytes are there, a whole pack or some hundred files each: one under way, and what is done of the others while an answer travels. */
export const LOADED_PER_THREAD = 3;

class WorkerCrew implements Crew {
  readonly threads: number;
  readonly #workers: readonly Thread[];
  readonly #here: InlineCrew;
  readonly #depth: number;
  readonly #queue: Queued[] = [];
  #isBusyHere = false;

  constructor(setup: CrewSetup, turns: Turns, threads: number, depth: number) {
    this.threads = threads;
    this.#workers = Array.from({ length: threads }, () => new Thread(setup));
    this.#here = new InlineCrew(setup, turns);
    this.#depth = depth;
  }

  run(job: RestoreJob): Promise<RestoreOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve, reject });
      this.#giveOut();
    });
  }

  runHere(job: RestoreJob): Promise<RestoreOutcome> {
    return this.#here.runHere(job);
  }

  async close(): Promise<void> {
    for (const { reject } of this.#queue.splice(0)) reject(new Error('the threads of the restore have ended'));
    await Promise.all([this.#here.close(), ...this.#workers.map((worker) => worker.close())]);
  }

  /** Gives jobs to whoever can take one. */
  #giveOut(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      let least = this.#workers[0]!;
      for (const worker of this.#workers) if (worker.busy < least.busy) least = worker;
      const isHere = least.busy >= this.#depth;
      if (isHere && this.#isBusyHere) return;
      this.#queue.shift();
      this.#isBusyHere ||= isHere;
      const done = isHere ? this.runHere(next.job) : least.run(next.job);
      done.then(next.resolve, next.reject).then(() => {
        if (isHere) this.#isBusyHere = false;
        this.#giveOut();
      });
    }
  }
}

interface Queued extends Waiting {
  readonly job: RestoreJob;
}

class Thread {
  readonly #worker: Worker;
  /** Jobs that it has, by their numbers. */
  readonly #waiting = new Map<number, Waiting>();
  #jobs = 0;
  #dead: Error | null = null;

  constructor(setup: CrewSetup) {
    this.#worker = startThread('restore', setup);
    this.#worker.on('message', (answer: WorkerAnswer) => {
      const waiting = this.#waiting.get(answer.number);
      this.#waiting.delete(answer.number);
      if (answer.kind === 'done') waiting?.resolve(answer.outcome);
      else waiting?.reject(answer.error);
    });
    this.#worker.on('error', (error) => this.#fail(asError(error)));
    this.#worker.on('exit', () => this.#fail(new Error('a restore thread ended early')));
  }

  get busy(): number {
    return this.#waiting.size;
  }

  run(job: RestoreJob): Promise<RestoreOutcome> {
    if (this.#dead !== null) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      const number = this.#jobs++;
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, job } satisfies WorkerJob, handedOver(job));
    });
  }

  async close(): Promise<void> {
    await endThread(this.#worker);
  }

  #fail(error: Error): void {
    this.#dead ??= error;
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of left) waiting.reject(error);
  }
}

/** Segment bytes that own their whole memory move without a copy. */
function handedOver(job: RestoreJob): ArrayBuffer[] {
  if (job.kind !== 'segment' || job.source.kind !== 'bytes') return [];
  const { bytes } = job.source;
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength ? [buffer] : [];
}
