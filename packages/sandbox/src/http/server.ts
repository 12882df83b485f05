/** Placeholder face; the server follows. */

/** One line of the request log. */
export interface RequestLogEntry {
  /** Milliseconds since the epoch at arrival. */
  readonly time: number;
  readonly requestId: string;
  readonly service: string;
  readonly operation: string;
  readonly method: string;
  /** 0 when the connection was dropped. */
  readonly status: number;
  /** AWS error code, when it is an error. */
  readonly error?: string;
  /** ARN of the caller, or `anonymous`. */
  readonly principal: string;
  readonly resource?: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
}
