/**
 * Verifies the packs of a folder on several threads, each of which reads and takes the next pack by itself. The calling
 * thread joins them once it has nothing else to do.
 */
import { setImmediate as turn } from 'node:timers/promises';
import {
  type IndexedFile,
  type PackVerdict,
  type PackVerifier,
  type PackVerifierSetup,
  packVerification,
  type TellVerdict,
} from '@hostark/repository';
import { LocalPacks } from './local-packs.ts';
import type { PackList } from './messages.ts';
import { PackQueue } from './pack-queue.ts';
import { VerifyThread } from './thread.ts';

export class LocalVerifier implements PackVerifier {
  readonly #setup: PackVerifierSetup;
  readonly #directory: string;
  readonly #wanted: number;
  readonly #threads: VerifyThread[] = [];
  readonly #done: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #queue: PackQueue | null = null;
  #files: readonly IndexedFile[] = [];
  #tell: TellVerdict = () => {};
  #left = 0;
  /** Reads through the backend what a thread could not read. */
  #again: ((file: IndexedFile) => Promise<PackVerdict>) | null = null;

  constructor(setup: PackVerifierSetup, directory: string, threads: number) {
    this.#setup = setup;
    this.#directory = directory;
    this.#wanted = threads;
    this.#done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#done.catch(() => {}); // finish() tells it
  }

  start(files: readonly IndexedFile[], tell: TellVerdict): void {
    this.#files = files;
    this.#tell = tell;
    this.#left = files.length;
    if (files.length === 0) this.#resolve();
    const threads = Math.min(this.#wanted, files.length);
    const packs = files.map(({ number }) => number);
    const list: PackList = PackQueue.share(this.#directory, packs, threads + 1);
    this.#queue = new PackQueue(list);
    const { source, order } = this.#setup;
    const shared = { key: source.key, blobs: source.blobs.share(), order: order.share() };
    const listener = {
      verdict: (file: number, verdict: PackVerdict | null) => this.#take(file, verdict),
      failed: this.#reject,
    };
    for (let i = 0; i < threads; i++) {
      const thread = new VerifyThread(shared, listener);
      thread.post({ kind: 'local', list });
      this.#threads.push(thread);
    }
  }

  async finish(): Promise<void> {
    const { source, order, signal } = this.#setup;
    const queue = this.#queue!;
    const stop = (): void => {
      queue.stop();
      this.#reject(signal?.reason);
    };
    signal?.addEventListener('abort', stop);
    const { platform, sealer, blobs, key } = source;
    const packs = new LocalPacks(queue, { platform, sealer, blobs, order }, key);
    try {
      signal?.throwIfAborted();
      for (let ended = packs.step(); ended !== null; ended = packs.step()) {
        for (const { file, verdict } of ended) this.#take(file, verdict);
        await turn(); // lets verdicts and signals through
        signal?.throwIfAborted();
      }
      await this.#done;
    } finally {
      packs.close();
      signal?.removeEventListener('abort', stop);
    }
  }

  async close(): Promise<void> {
    this.#queue?.stop();
    await Promise.all(this.#threads.splice(0).map((thread) => thread.close()));
  }

  #take(file: number, verdict: PackVerdict | null): void {
    if (verdict === null) {
      this.#again ??= packVerification(this.#setup);
      this.#again(this.#files[file]!).then((second) => this.#take(file, second), this.#reject);
      return;
    }
    this.#tell(file, verdict);
    if (--this.#left === 0) this.#resolve();
  }
}
