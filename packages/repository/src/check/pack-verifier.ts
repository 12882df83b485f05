/** Who verifies packs: this thread, or threads that the caller of checkRepository() brings. The verdicts are the same. */
import { forEachConcurrent } from '../concurrent.ts';
import type { Repository } from '../repository.ts';
import { PackCheck } from './pack-check.ts';
import type { PackOrder } from './pack-order.ts';
import type { IndexedFile } from './packs.ts';
import type { PackVerdict } from './verdict.ts';

/** What verifying needs to know. */
export interface PackVerifierSetup {
  /** The repository, with the table that the check has filled in place of its own. */
  readonly source: Pick<Repository, 'backend' | 'platform' | 'sealer' | 'blobs' | 'key'>;
  readonly order: PackOrder;
  readonly signal: AbortSignal | undefined;
}

/** Takes the verdict on a file, by its place in the list that start() was given. */
export type TellVerdict = (file: number, verdict: PackVerdict) => void;

export interface PackVerifier {
  /** Begins with what goes on beside the calling thread, which has other work. Called once. */
  start(files: readonly IndexedFile[], tell: TellVerdict): void;
  /** Resolves when each file has had its verdict, in any order; the calling thread may take part. Rejects when aborted. */
  finish(): Promise<void>;
  /** Stops what still runs and frees what it holds. Also called after finish(). */
  close(): Promise<void>;
}

/** Makes the verifier of one check. */
export type PackVerifiers = (setup: PackVerifierSetup) => PackVerifier;

/** Packs in memory at a time: hides the round trips of S3 within about 64 MiB. */
const PACKS_IN_MEMORY = 4;

/** Verifies on this thread, through the backend. */
export const verifyHere: PackVerifiers = (setup) => {
  const { source, signal } = setup;
  const verify = packVerification(setup);
  let files: readonly IndexedFile[] = [];
  let tell: TellVerdict = () => {};
  return {
    start(all, to) {
      files = all;
      tell = to;
    },
    finish() {
      const limit = Math.min(PACKS_IN_MEMORY, source.backend.connections);
      return forEachConcurrent(files.entries(), limit, async ([at, file]) => tell(at, await verify(file)), signal);
    },
    async close() {},
  };
};

/**
 * Returns the function that loads a pack through the backend and verifies it on this thread. A pack that cannot be loaded
 * is a verdict, too: all its blobs are broken. Rejects only when aborted.
 */
export function packVerification(setup: PackVerifierSetup): (file: IndexedFile) => Promise<PackVerdict> {
  const { source, order, signal } = setup;
  const check = new PackCheck({ ...toolsOf(setup), order });
  return async ({ id, number }) => {
    try {
      const options = signal === undefined ? {} : { signal };
      const bytes = await source.backend.load({ type: 'data', name: id }, undefined, options);
      return check.run(number, {
        length: bytes.length,
        read: (offset, out) => out.set(bytes.subarray(offset, offset + out.length)),
      });
    } catch (error) {
      signal?.throwIfAborted();
      return unreadable(order, number, (error as Error).message);
    }
  };
}

/** Returns the verdict on a pack that cannot be loaded. */
export function unreadable(order: PackOrder, pack: number, problem: string): PackVerdict {
  return { bytesRead: 0, problems: [problem], broken: order.blobsOf(pack).map(({ entry }) => entry) };
}

function toolsOf({ source }: PackVerifierSetup): Pick<Repository, 'platform' | 'sealer' | 'blobs'> {
  return { platform: source.platform, sealer: source.sealer, blobs: source.blobs };
}
