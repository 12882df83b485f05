/** Threads for `checkRepository({ verifiers })`: packs in a folder are read by the threads, others by the calling thread. */
import { availableParallelism } from 'node:os';
import { type IndexedFile, type PackVerifier, type PackVerifiers, verifyHere } from '@hostark/repository';
import { threadsWithin } from '../pool/cpu-limit.ts';
import { startAhead } from '../threads/start.ts';
import { askForFirstPacks } from './first-packs.ts';
import { LocalVerifier } from './verify-local.ts';
import { RemoteVerifier } from './verify-remote.ts';

/** More threads than this wait for the disk, not for the processor. */
const MAX_THREADS = 4;
/** A thread takes 50 ms to start and 10 MB: it must have this much to read. */
const BYTES_PER_THREAD: number = 32 << 20;

export interface ThreadOptions {
  /** Threads beside the calling one; 0 uses none. Default: by processors and by the bytes to read. */
  readonly threads?: number;
}

/** Returns the verifiers that use threads. Verdicts are the same as without. */
export function verifyOnThreads(options: ThreadOptions = {}): PackVerifiers {
  return (setup) => {
    let chosen: PackVerifier | null = null;
    const choose = (files: readonly IndexedFile[]): PackVerifier => {
      const threads = options.threads ?? defaultThreads(files);
      const directory = setup.source.backend.traits?.localDirectory;
      if (directory !== undefined) return new LocalVerifier(setup, directory, threads);
      return threads === 0 ? verifyHere(setup) : new RemoteVerifier(setup, threads);
    };
    return {
      start(files, tell) {
        chosen = choose(files);
        chosen.start(files, tell);
      },
      finish: async () => chosen?.finish(),
      close: async () => chosen?.close(),
    };
  };
}

/**
 * Begins with what a check that reads everything will need, while the repository is opened: the first thread (how many are worth
 * it shows only then), and the first packs of a folder, null for another place. To be closed in any case, after the check.
 */
export function beginVerifying(directory: string | null): { close(): Promise<void> } {
  if (directory !== null) askForFirstPacks(directory);
  return startAhead('verify', threadsWithin(Math.min(1, availableParallelism() - 1)));
}

function defaultThreads(files: readonly IndexedFile[]): number {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return threadsWithin(Math.min(MAX_THREADS, availableParallelism() - 1, Math.floor(bytes / BYTES_PER_THREAD)));
}
