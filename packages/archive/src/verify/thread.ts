/** One verifying thread, seen from the thread that started it. */
import type { Worker } from 'node:worker_threads';
import type { PackVerdict } from '@hostark/repository';
import { asError } from '../threads/as-error.ts';
import { endThread } from '../threads/ending.ts';
import { startThread } from '../threads/start.ts';
import type { VerifyAnswer, VerifyJob, VerifySetup } from './messages.ts';

export interface ThreadListener {
  verdict(file: number, verdict: PackVerdict | null): void;
  /** The thread died or failed; told at most once. */
  failed(error: Error): void;
}

export class VerifyThread {
  readonly #worker: Worker;
  #closing = false;

  constructor(setup: VerifySetup, listener: ThreadListener) {
    let failed = false;
    const fail = (error: Error): void => {
      if (!failed && !this.#closing) listener.failed(error);
      failed = true;
    };
    this.#worker = startThread('verify', setup);
    this.#worker.on('message', (answer: VerifyAnswer) => {
      if (answer.kind === 'verdict') listener.verdict(answer.file, answer.verdict);
      else fail(answer.error);
    });
    this.#worker.on('error', (error) => fail(asError(error)));
    this.#worker.on('exit', () => fail(new Error('a verifying thread ended early')));
  }

  /** Gives it a job. Loaded bytes that own their whole memory move without a copy. */
  post(job: VerifyJob): void {
    const buffer = job.kind === 'bytes' ? job.bytes.buffer : null;
    const isWhole = buffer instanceof ArrayBuffer && job.kind === 'bytes' && job.bytes.byteLength === buffer.byteLength;
    this.#worker.postMessage(job, isWhole ? [buffer] : []);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await endThread(this.#worker);
  }
}
