/** The entry of a verifying thread: answers each pack with a verdict. */
import { parentPort, workerData } from 'node:worker_threads';
import { nodePlatform } from '@hostark/kernels';
import { BlobTable, PackCheck, PackOrder } from '@hostark/repository';
import { breathe } from '../pool/cpu-limit.ts';
import { onMessage } from '../threads/ending.ts';
import { PackQueue, verifyLocalPack } from './local-pack.ts';
import type { LocalPacks, VerifyAnswer, VerifyJob, VerifySetup } from './messages.ts';

if (parentPort !== null) {
  const port = parentPort;
  const answer = (message: VerifyAnswer): void => port.postMessage(message);
  const { key, blobs: table, order } = workerData as VerifySetup;
  const blobs = BlobTable.attach(table);
  const platform = nodePlatform();
  const check = new PackCheck({ platform, sealer: platform.sealer(key), blobs, order: PackOrder.attach(blobs, order) });

  const verifyLocal = (local: LocalPacks): void => {
    const queue = new PackQueue(local);
    for (let file = queue.take(); file !== null; file = queue.take()) {
      const pack = queue.packAt(file);
      answer({ kind: 'verdict', file, verdict: verifyLocalPack(check, local.directory, pack, blobs.packId(pack)) });
    }
  };
  onMessage(port, (job: VerifyJob) => {
    try {
      if (job.kind === 'local') return verifyLocal(job.local);
      breathe();
      const { bytes, file, pack } = job;
      const read = (offset: number, out: Uint8Array): void => out.set(bytes.subarray(offset, offset + out.length));
      answer({ kind: 'verdict', file, verdict: check.run(pack, { length: bytes.length, read }) });
    } catch (error) {
      answer({ kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
    }
  });
}
