/** The entry of a restore thread: one job per message, one answer per job, which tells the job's number: jobs may overtake each other. */
import { nodePlatform } from '@hostark/kernels';
import { asError } from '../threads/as-error.ts';
import { serve } from '../threads/serve.ts';
import type { CrewSetup, RestoreJob, RestoreOutcome } from './job.ts';
import { JobLine } from './job-line.ts';

/** What a thread is asked. */
export interface WorkerJob {
  readonly number: number;
  readonly job: RestoreJob;
}

/** What a thread answers. An error here is ours, not the repository's: those are outcomes. */
export type WorkerAnswer =
  | { readonly kind: 'done'; readonly number: number; readonly outcome: RestoreOutcome }
  | { readonly kind: 'failed'; readonly number: number; readonly error: Error };

/** Loaded before the thread is told its setup. */
const platform = nodePlatform();

serve((setup: CrewSetup, port) => {
  const line = new JobLine(setup, platform);
  port.once('close', () => line.close());
  const answer = (message: WorkerAnswer): void => port.postMessage(message);
  return ({ number, job }: WorkerJob) => {
    line.run(job).then(
      (outcome) => answer({ kind: 'done', number, outcome }),
      (error: unknown) => answer({ kind: 'failed', number, error: asError(error) }),
    );
  };
});
