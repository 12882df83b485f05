/** Verifies packs that come through the backend: this thread loads them, a few at a time, and hands them to the others. */
import {
  type IndexedFile,
  type PackVerdict,
  type PackVerifier,
  type PackVerifierSetup,
  packVerification,
  type TellVerdict,
} from '@hostark/repository';
import { forEachLimited } from '../restore/limited.ts';
import { VerifyThread } from './thread.ts';

/** Packs loaded and not verified yet hold at most this much memory, or one pack. */
const IN_FLIGHT_BYTES: number = 64 << 20;

interface Crew {
  readonly thread: VerifyThread;
  readonly waiting: Map<number, (verdict: PackVerdict) => void>;
}

export class RemoteVerifier implements PackVerifier {
  readonly #setup: PackVerifierSetup;
  readonly #wanted: number;
  readonly #crew: Crew[] = [];
  readonly #stop = new AbortController();
  #reading: Promise<void> = Promise.resolve();

  /** `threads` is at least 1. */
  constructor(setup: PackVerifierSetup, threads: number) {
    this.#setup = setup;
    this.#wanted = threads;
  }

  start(files: readonly IndexedFile[], tell: TellVerdict): void {
    const { source, order } = this.#setup;
    const shared = { key: source.key, blobs: source.blobs.share(), order: order.share() };
    for (let i = 0; i < Math.min(this.#wanted, files.length); i++) {
      const waiting: Crew['waiting'] = new Map();
      const verdict = (file: number, found: PackVerdict | null): void => {
        if (found !== null) waiting.get(file)?.(found);
        waiting.delete(file);
      };
      const thread = new VerifyThread(shared, { verdict, failed: (error) => this.#stop.abort(error) });
      this.#crew.push({ thread, waiting });
    }
    this.#reading = this.#readAll(files, tell);
    this.#reading.catch(() => {}); // finish() tells it
  }

  finish(): Promise<void> {
    return this.#reading;
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the check has ended'));
    await this.#reading.catch(() => {});
    await Promise.all(this.#crew.splice(0).map(({ thread }) => thread.close()));
  }

  async #readAll(files: readonly IndexedFile[], tell: TellVerdict): Promise<void> {
    const signals = [this.#stop.signal, ...(this.#setup.signal === undefined ? [] : [this.#setup.signal])];
    const signal = AbortSignal.any(signals);
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => {});
    // Only what cannot be loaded at all is left to this thread: then there is nothing to verify, just to tell.
    const tellTrouble = packVerification({ ...this.#setup, signal });
    const largest = files.reduce((most, { size }) => Math.max(most, size), 1);
    const { connections } = this.#setup.source.backend;
    const limit = Math.max(1, Math.min(connections, Math.floor(IN_FLIGHT_BYTES / largest)));
    const read = async (at: number): Promise<void> => {
      signal.throwIfAborted();
      const file = files[at]!;
      const bytes = await this.#setup.source.backend
        .load({ type: 'data', name: file.id }, undefined, { signal })
        .catch(() => null);
      signal.throwIfAborted();
      tell(at, bytes === null ? await tellTrouble(file) : await Promise.race([this.#verify(at, file, bytes), aborted]));
    };
    await forEachLimited([...files.keys()], limit, read);
  }

  #verify(file: number, { number }: IndexedFile, bytes: Uint8Array): Promise<PackVerdict> {
    let least = this.#crew[0]!;
    for (const other of this.#crew) if (other.waiting.size < least.waiting.size) least = other;
    return new Promise((resolve) => {
      least.waiting.set(file, resolve);
      least.thread.post({ kind: 'bytes', file, pack: number, bytes });
    });
  }
}
