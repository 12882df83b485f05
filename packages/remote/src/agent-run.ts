/** Runs a job with the agent: job JSON in on stdin, one JSON message per line out. */
import type { AgentJob, AgentMessage, OperationEvent } from '@hostark/protocol';
import type { Session } from './session.ts';

export interface AgentRunOptions {
  readonly onEvent?: (event: OperationEvent) => void;
  /** Chunks of the manifest, in order, when the job asks for one. */
  readonly onManifest?: (entries: readonly unknown[]) => void;
  /** Every message, the ones above included. */
  readonly onMessage?: (message: AgentMessage) => void;
  /** Asks the agent to stop (its stdin ends), then ends it after `graceMs`. */
  readonly signal?: AbortSignal;
  /** Default 10,000. */
  readonly graceMs?: number;
  /** CPU and disk niceness on the host; default true. */
  readonly nice?: boolean;
  /** The command that starts it; default `<agentPath>/bin/node <agentPath>/main.js agent`. */
  readonly command?: string;
}

export interface AgentOutcome {
  readonly result: Readonly<Record<string, unknown>>;
  readonly version: string | null;
}

/**
 * Throws the agent's own error when it reported one, 'host-unreachable' when the connection was lost (the snapshot is
 * then either complete or absent), 'agent-failed' when it ended without a result, 'interrupted' on abort.
 */
export function runAgent(
  session: Session,
  agentPath: string,
  job: AgentJob,
  options: AgentRunOptions = {},
): Promise<AgentOutcome> {
  throw new Error(`not implemented: ${session.description} ${agentPath} ${job.kind} ${options.nice}`);
}
