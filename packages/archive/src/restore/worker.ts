/** The entry of a restore thread: one job per message, one answer per job, in order. */
import { parentPort, workerData } from 'node:worker_threads';
import { onMessage } from '../threads/ending.ts';
import { type CrewSetup, jobRunner, type RestoreJob, type RestoreOutcome } from './job.ts';

/** What a thread answers. An error here is ours, not the repository's: those are outcomes. */
export type WorkerAnswer =
  | { readonly kind: 'done'; readonly outcome: RestoreOutcome }
  | { readonly kind: 'failed'; readonly error: Error };

if (parentPort !== null) {
  const port = parentPort;
  const run = jobRunner(workerData as CrewSetup);
  onMessage(port, (job: RestoreJob) => {
    try {
      port.postMessage({ kind: 'done', outcome: run(job) } satisfies WorkerAnswer);
    } catch (error) {
      const shown = error instanceof Error ? error : new Error(String(error));
      port.postMessage({ kind: 'failed', error: shown } satisfies WorkerAnswer);
    }
  });
}
