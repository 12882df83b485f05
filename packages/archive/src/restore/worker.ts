/** The entry of a restore thread: one job per message, one answer per job, in order. */
import { nodePlatform } from '@hostark/kernels';
import { serve } from '../threads/serve.ts';
import type { CrewSetup, RestoreJob, RestoreOutcome } from './job.ts';
import { JobLine } from './job-line.ts';

/** What a thread answers. An error here is ours, not the repository's: those are outcomes. */
export type WorkerAnswer =
  | { readonly kind: 'done'; readonly outcome: RestoreOutcome }
  | { readonly kind: 'failed'; readonly error: Error };

/** Loaded before the thread is told its setup. */
const platform = nodePlatform();

serve((setup: CrewSetup, port) => {
  const line = new JobLine(setup, platform);
  const answer = (message: WorkerAnswer): void => port.postMessage(message);
  return (job: RestoreJob) => {
    line.run(job).then(
      (outcome) => answer({ kind: 'done', outcome }),
      (error: unknown) => answer({ kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) }),
    );
  };
});
