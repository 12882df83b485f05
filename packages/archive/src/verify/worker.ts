/** The entry of a verifying thread: answers each pack with a verdict. */
import { nodePlatform } from '@hostark/kernels';
import { BlobTable, PackCheck, PackOrder } from '@hostark/repository';
import { breathe } from '../pool/cpu-limit.ts';
import { serve } from '../threads/serve.ts';
import { PackQueue, verifyLocalPack } from './local-pack.ts';
import type { LocalPacks, VerifyAnswer, VerifyJob, VerifySetup } from './messages.ts';

/** Loaded before the thread is told its setup. */
const platform = nodePlatform();

serve(({ key, blobs: table, order }: VerifySetup, port) => {
  const answer = (message: VerifyAnswer): void => port.postMessage(message);
  const blobs = BlobTable.attach(table);
  const check = new PackCheck({ platform, sealer: platform.sealer(key), blobs, order: PackOrder.attach(blobs, order) });

  const verifyLocal = (local: LocalPacks): void => {
    const queue = new PackQueue(local);
    for (let file = queue.take(); file !== null; file = queue.take()) {
      answer({ kind: 'verdict', file, verdict: verifyLocalPack(queue, file, check, blobs) });
    }
  };
  return (job: VerifyJob) => {
    try {
      if (job.kind === 'local') return verifyLocal(job.local);
      breathe();
      const { bytes, file, pack } = job;
      const read = (offset: number, out: Uint8Array): void => out.set(bytes.subarray(offset, offset + out.length));
      answer({ kind: 'verdict', file, verdict: check.run(pack, { length: bytes.length, read }) });
    } catch (error) {
      answer({ kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
    }
  };
});
