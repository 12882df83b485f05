/**
 * What a session over Systems Manager asks of the cloud: Run Command, and a bucket that carries what Systems Manager
 * cannot. One side speaks it (remote), the other answers (cloud), and neither knows the other.
 */
/** SSM's words (GetCommandInvocation, "Status"). */
export type SsmStatus =
  | 'Pending'
  | 'InProgress'
  | 'Delayed'
  | 'Cancelling'
  | 'Success'
  | 'Failed'
  | 'TimedOut'
  | 'Cancelled';

export interface SsmInvocation {
  readonly status: SsmStatus;
  /** More exact than the status: 'DeliveryTimedOut', 'ExecutionTimedOut', 'Undeliverable' … */
  readonly details: string;
  /** -1 while it has not ended. */
  readonly responseCode: number;
  /** At most 24,000 characters, and 8,000 of stderr; empty while it has not ended. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface SsmCommand {
  /** Lines for `sh`, run as root. Visible to everybody who may read the account's commands: never a secret. */
  readonly script: string;
  /** At most 100 characters. */
  readonly comment: string;
  /** At least 30: how long the instance may take to fetch it. */
  readonly deliverySeconds: number;
  /** At most 172,800. */
  readonly runSeconds: number;
}

export interface SsmCalls {
  /** Whether the instance's SSM agent reports in; false, too, for an instance that Systems Manager does not know. */
  online(instanceId: string, signal?: AbortSignal): Promise<boolean>;
  /** Returns the command's id. Null when the instance cannot take commands now. */
  send(instanceId: string, command: SsmCommand, signal?: AbortSignal): Promise<string | null>;
  /** Returns null while Systems Manager does not show it yet. */
  invocation(instanceId: string, commandId: string, signal?: AbortSignal): Promise<SsmInvocation | null>;
  /** Nothing happens when it has ended. */
  cancel(instanceId: string, commandId: string): Promise<void>;
}

/** The objects of one run. Names are relative to its place in the bucket. */
export interface RunObjects {
  /** Creates an object. Success, too, when it is there already: only a repeated attempt of ours can have put it there. */
  put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Refuses an object that no run of ours writes, by its size: the other side may be anybody who has taken it over. */
  get(name: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** Names that start with `prefix` and sort after `after` (bytewise), in order; at least one when there is one. */
  list(prefix: string, after: string, signal?: AbortSignal): Promise<readonly string[]>;
}

/** The bucket that carries what Systems Manager cannot: the agent's archive, and the parts of a run. */
export interface SsmStore {
  readonly bucket: string;
  readonly region: string;
  /** Endpoint when it is not AWS's own, else null. */
  readonly endpoint: string | null;
  /** The host's place in the bucket, with a slash at the end. */
  readonly prefix: string;
  /** Creates `agents/<sha256>.tar.gz` from a file unless it is there. `onProgress` is told of bytes sent. */
  keepAgent(sha256: string, file: string, signal?: AbortSignal): Promise<{ readonly sent: boolean }>;
  /** A URL that reads that object for so many seconds. Whoever has it can read it: not for logs. */
  agentUrl(sha256: string, seconds: number): Promise<string>;
  /** The objects of one run, below `<prefix>runs/<run>/`. */
  run(run: string): RunObjects;
  /** Removes the objects of a run, their versions included where that is allowed. Never throws. */
  forget(run: string): Promise<void>;
  /** Names of runs whose objects are there. */
  runs(signal?: AbortSignal): Promise<readonly string[]>;
}
