/** What the agent gives to a job. */
import type { AgentMessage, OperationEvent } from '@hostark/protocol';
import type { CommandContext } from '../context.ts';

/** What a job may do besides answering: tell, and be stopped. */
export interface JobContext {
  readonly context: CommandContext;
  readonly signal: AbortSignal;
  readonly onEvent: (event: OperationEvent) => void;
  /** Sends one message; resolves when the stream takes more. */
  readonly send: (message: AgentMessage) => Promise<void>;
}
