/** The entry of a restore thread: one job per message, one answer per job, in order. */
import { nodePlatform } from '@hostark/kernels';
import { serve } from '../threads/serve.ts';
import { type CrewSetup, jobRunner, type RestoreJob, type RestoreOutcome } from './job.ts';

/** What a thread answers. An error here is ours, not the repository's: those are outcomes. */
export type WorkerAnswer =
  | { readonly kind: 'done'; readonly outcome: RestoreOutcome }
  | { readonly kind: 'failed'; readonly error: Error };

/** Loaded before the thread is told its setup. */
const platform = nodePlatform();

serve((setup: CrewSetup, port) => {
  const run = jobRunner(setup, platform);
  return (job: RestoreJob) => {
    try {
      port.postMessage({ kind: 'done', outcome: run(job) } satisfies WorkerAnswer);
    } catch (error) {
      const shown = error instanceof Error ? error : new Error(String(error));
      port.postMessage({ kind: 'failed', error: shown } satisfies WorkerAnswer);
    }
  };
});
