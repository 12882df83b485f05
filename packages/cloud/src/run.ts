/** What every run of a plan is given. */
import type { CloudEventSink } from './events.ts';
import type { Ledger } from './ledger.ts';

export interface RunOptions {
  readonly ledger: Ledger;
  readonly onEvent?: CloudEventSink;
  readonly signal?: AbortSignal;
}

/** What every question to the cloud may be given. */
export interface AskOptions {
  readonly onEvent?: CloudEventSink;
  readonly signal?: AbortSignal;
}
