/** What every run of a plan and every question to the cloud is given. */
import type { CloudEventSink } from './events.ts';
import type { Ledger } from './ledger.ts';

export interface RunOptions {
  readonly ledger: Ledger;
  readonly onEvent?: CloudEventSink;
  readonly signal?: AbortSignal;
}

export interface AskOptions {
  readonly onEvent?: CloudEventSink;
  readonly signal?: AbortSignal;
}

/** The SDK's options of one call. */
export function callOptions(options: AskOptions): { abortSignal?: AbortSignal } {
  return options.signal === undefined ? {} : { abortSignal: options.signal };
}
