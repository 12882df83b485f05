/** The entry of a verifying thread: answers each pack with a verdict. */
import { nodePlatform } from '@hostark/kernels';
import { BlobTable, PackCheck, PackOrder } from '@hostark/repository';
import { breathe } from '../pool/cpu-limit.ts';
import { asError } from '../threads/as-error.ts';
import { serve } from '../threads/serve.ts';
import { LocalPacks } from './local-packs.ts';
import type { PackList, VerifyAnswer, VerifyJob, VerifySetup } from './messages.ts';
import { PackQueue } from './pack-queue.ts';

/** Loaded before the thread is told its setup. */
const platform = nodePlatform();

serve(({ key, blobs: table, order }: VerifySetup, port) => {
  const answer = (message: VerifyAnswer): void => port.postMessage(message);
  const blobs = BlobTable.attach(table);
  const tools = { platform, sealer: platform.sealer(key), blobs, order: PackOrder.attach(blobs, order) };
  let alone: PackCheck | null = null;

  const verifyLocal = (list: PackList): void => {
    const packs = new LocalPacks(new PackQueue(list), tools, key);
    try {
      for (let ended = packs.step(); ended !== null; ended = packs.step()) {
        for (const outcome of ended) answer({ kind: 'verdict', ...outcome });
      }
    } finally {
      packs.close();
    }
  };
  return (job: VerifyJob) => {
    try {
      if (job.kind === 'local') return verifyLocal(job.list);
      breathe();
      const { bytes, file, pack } = job;
      const read = (offset: number, out: Uint8Array): void => out.set(bytes.subarray(offset, offset + out.length));
      alone ??= new PackCheck(tools);
      answer({ kind: 'verdict', file, verdict: alone.run(pack, { length: bytes.length, read }) });
    } catch (error) {
      answer({ kind: 'failed', error: asError(error) });
    }
  };
});
