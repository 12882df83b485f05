/**
 * `hostark agent`: one job from the first line of stdin, messages on stdout, then the end. Stdin stays open as long as
 * the caller is there: its end asks the agent to stop, so a lost connection leaves nothing running.
 */
import { createInterface } from 'node:readline';
import {
  type AgentJob,
  type AgentMessage,
  exitCodeOf,
  HostarkError,
  parseAgentJob,
  toWireError,
} from '@hostark/protocol';
import { runBackupJob } from '../agent/backup-job.ts';
import type { JobContext } from '../agent/job-context.ts';
import { runManifestJob } from '../agent/manifest-job.ts';
import { runRestoreJob } from '../agent/restore-job.ts';
import { type SpotWatch, watchSpot } from '../agent/spot-watch.ts';
import { underMaxCpu } from '../repository/max-cpu.ts';
import type { CommandCode } from '../tree/command.ts';
import { VERSION } from '../version.ts';

export const agent: CommandCode<object> = async (context) => {
  const { io } = context;
  const callerGone = new AbortController();
  let deaf = false;
  io.stdout.once('close', () => {
    deaf = true;
  });
  const send = (message: AgentMessage): Promise<void> =>
    new Promise((resolve) => {
      if (deaf || io.stdout.write(`${JSON.stringify(message)}\n`)) resolve();
      else {
        io.stdout.once('drain', resolve);
        io.stdout.once('close', resolve); // the caller is gone: what is left to do is done unheard
      }
    });
  let spot: SpotWatch | null = null;
  await send({ type: 'hello', version: VERSION, pid: process.pid });
  try {
    const job = await readJob(io.stdin, callerGone);
    if (job.kind === 'backup') spot = watchSpot(io.env);
    const signal = AbortSignal.any([context.signal, callerGone.signal, ...(spot === null ? [] : [spot.signal])]);
    const result = await runJob(job, {
      context,
      signal,
      send,
      onEvent: (event) => void send({ type: 'event', event }),
    });
    await send({ type: 'result', result });
    return 0;
  } catch (thrown) {
    // Whatever an interruption made fail, the interruption is what happened.
    const error: unknown = spot?.signal.aborted ? spot.signal.reason : thrown;
    await send({ type: 'failed', error: toWireError(error) });
    return exitCodeOf(error);
  } finally {
    spot?.stop();
    io.stdin.destroy();
  }
};

/** Reads the first line; later ends of the stream abort. The line holds a password: it goes into no error. */
function readJob(stdin: NodeJS.ReadableStream, callerGone: AbortController): Promise<AgentJob> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY });
    lines.once('line', (line) => {
      try {
        resolve(parseAgentJob(line));
      } catch {
        reject(new HostarkError('usage', 'expected a job on the first line of standard input, got something else'));
      }
    });
    lines.once('close', () => {
      const gone = new HostarkError('interrupted', 'the caller hung up');
      callerGone.abort(gone);
      reject(gone);
    });
  });
}

function runJob(job: AgentJob, context: JobContext): Promise<Record<string, unknown>> {
  switch (job.kind) {
    case 'backup':
      return underMaxCpu(job.maxCpu, () => runBackupJob(job, context));
    case 'restore':
      return underMaxCpu(job.maxCpu, () => runRestoreJob(job, context));
    case 'manifest':
      return runManifestJob(job, context);
  }
}
