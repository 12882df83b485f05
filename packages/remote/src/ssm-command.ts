/** One command over Systems Manager, from sending it to its end. For short scripts: their output is cut at 24,000 characters. */
import { HostarkError, type SsmCalls, type SsmInvocation, type SsmStatus } from '@hostark/protocol';
import { interrupted, lastLines, unreachable } from './errors.ts';
import { pause } from './run-parts.ts';

/** GetCommandInvocation cuts there. */
export const SSM_STDOUT_LIMIT = 24_000;

/** A host that is up fetches a command within seconds; one that does not in this time is not there. */
const DELIVERY_SECONDS = 120;
const FIRST_POLL_MS = 100;
const LAST_POLL_MS = 2_000;
/** How long a command that was sent may be unknown to GetCommandInvocation. */
const SHOWS_WITHIN_MS = 60_000;

const ENDED: ReadonlySet<SsmStatus> = new Set(['Success', 'Failed', 'TimedOut', 'Cancelled']);

export function hasEnded({ status }: SsmInvocation): boolean {
  return ENDED.has(status);
}

export interface SsmTarget {
  readonly calls: SsmCalls;
  readonly instanceId: string;
}

/** Sends a command. Throws 'host-unreachable' when the instance takes none. */
export async function sendScript(
  { calls, instanceId }: SsmTarget,
  script: string,
  options: { readonly runSeconds: number; readonly comment: string; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const { runSeconds, comment, signal } = options;
  const id = await calls.send(instanceId, { script, comment, deliverySeconds: DELIVERY_SECONDS, runSeconds }, signal);
  if (id !== null) return id;
  throw unreachable(`ssm ${instanceId}: the instance takes no commands`, { hint: OFFLINE_HINT });
}

export const OFFLINE_HINT =
  'its SSM agent must run, reach Systems Manager, and have a role that allows it: hostark host adopt NAME --ssm, or AmazonSSMManagedInstanceCore';

/** Runs a script to its end; a code other than 0 is no error here. Cancels it on abort. Throws 'host-unreachable', 'interrupted'. */
export async function runScript(
  target: SsmTarget,
  script: string,
  options: { readonly runSeconds: number; readonly comment: string; readonly signal?: AbortSignal | undefined },
): Promise<SsmInvocation> {
  const id = await sendScript(target, script, options);
  const never = new AbortController().signal;
  const signal = options.signal ?? never;
  const sentAt = performance.now();
  for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(pauseMs * 1.5, LAST_POLL_MS)) {
    await pause(pauseMs, signal);
    if (signal.aborted) {
      await target.calls.cancel(target.instanceId, id).catch(() => {});
      throw interrupted(`ssm ${target.instanceId}`, signal);
    }
    const invocation = await target.calls.invocation(target.instanceId, id, signal);
    if (invocation === null) {
      if (performance.now() - sentAt < SHOWS_WITHIN_MS) continue;
      throw unreachable(`ssm ${target.instanceId}: command ${id} was sent and is not known`, { hint: OFFLINE_HINT });
    }
    if (hasEnded(invocation)) return delivered(target, invocation);
  }
}

/** Throws when the command never ran, or was ended by somebody else. */
export function delivered({ instanceId }: SsmTarget, invocation: SsmInvocation): SsmInvocation {
  const { status, details } = invocation;
  if (status === 'TimedOut' && details !== 'ExecutionTimedOut')
    throw unreachable(`ssm ${instanceId}: the instance did not fetch the command (${details})`, { hint: OFFLINE_HINT });
  if (status === 'TimedOut' || status === 'Cancelled') {
    throw new HostarkError('agent-failed', `ssm ${instanceId}: the command was ended: ${details}`, {
      hint: 'somebody cancelled it in Systems Manager, or it ran too long; run it again',
      context: { status, stderr: lastLines(invocation.stderr, 3) },
      retry: 'later',
    });
  }
  return invocation;
}
