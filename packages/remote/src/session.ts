/** A place where commands run: a host over SSH, or this machine. */

/** `string` is sent as UTF-8. An iterable is pulled as fast as the other side reads; its end closes stdin. */
export type Stdin = Uint8Array | string | AsyncIterable<Uint8Array>;

export interface ExecOptions {
  /** Default: empty, closed at once. */
  readonly stdin?: Stdin;
  /** Called in order; a returned promise holds the stream back. `chunk` is valid only until it resolves. Default: collected. */
  readonly onStdout?: (chunk: Uint8Array) => void | Promise<void>;
  readonly onStderr?: (chunk: Uint8Array) => void | Promise<void>;
  /**
   * Asks the command to end (TERM), closes its streams and rejects with 'interrupted'. OpenSSH passes TERM on for
   * ordinary users but not for root: a command that must end then reads stdin and stops at its end.
   */
  readonly signal?: AbortSignal;
}

/** How a command ended: with a code, or by a signal. A code other than 0 is not an error here. */
export interface ExecResult {
  readonly code: number | null;
  /** Without 'SIG': 'TERM', 'KILL'. */
  readonly signal: string | null;
  /** Collected output where no callback was given; at most 1 MiB of each is kept (the end of it). */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Session {
  /** Printable: 'ssh user@address:port' or 'this machine'. */
  readonly description: string;
  /** Runs a command line with the login user's `sh`. Throws 'host-unreachable' when the connection is lost. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  close(): Promise<void>;
}
