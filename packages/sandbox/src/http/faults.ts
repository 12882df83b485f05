/**
 * Faults on demand: what AWS does on a bad day, switched on for chosen operations. A rule lets `after` matching requests
 * pass, then strikes `times` times.
 */

export type FaultKind = 'error' | 'delay' | 'drop' | 'truncate';

export interface FaultRule {
  /** Service name (`s3`), or `*`. */
  readonly service: string;
  /** Operation name (`PutObject`), or `*`. */
  readonly operation: string;
  /** Matching requests that pass before the first strike. Default 0. */
  readonly after?: number;
  /** Number of strikes; default 1, Infinity for ever. */
  readonly times?: number;
  /**
   * `error`: answers `status` and `code`. `delay`: waits `delayMs`, then serves. `drop`: resets the connection.
   * `truncate`: sends half of the answer's body, then resets.
   */
  readonly kind: FaultKind;
  /** For `error` and `drop`: before the operation takes effect (default), or after it did. */
  readonly when?: 'before' | 'after';
  /** HTTP status for `error`; default 503. */
  readonly status?: number;
  /** Error code for `error`; default `SlowDown` for s3, `RequestLimitExceeded` elsewhere. */
  readonly code?: string;
  readonly message?: string;
  readonly delayMs?: number;
}

export interface FaultSwitch {
  /** Adds a rule; returns its own off switch. */
  add(rule: FaultRule): { remove(): void; readonly struck: number };
  clear(): void;
}

interface Armed {
  readonly rule: FaultRule;
  seen: number;
  struck: number;
}

export class FaultPlan implements FaultSwitch {
  #armed: Armed[] = [];

  add(rule: FaultRule): { remove(): void; readonly struck: number } {
    const armed: Armed = { rule, seen: 0, struck: 0 };
    this.#armed.push(armed);
    return {
      remove: () => {
        this.#armed = this.#armed.filter((other) => other !== armed);
      },
      get struck() {
        return armed.struck;
      },
    };
  }

  clear(): void {
    this.#armed = [];
  }

  /** Rules that strike this request; each call counts as one request. */
  strikes(service: string, operation: string): readonly FaultRule[] {
    const hits: FaultRule[] = [];
    for (const armed of this.#armed) {
      const { rule } = armed;
      if (rule.service !== '*' && rule.service !== service) continue;
      if (rule.operation !== '*' && rule.operation !== operation) continue;
      armed.seen++;
      if (armed.seen <= (rule.after ?? 0) || armed.struck >= (rule.times ?? 1)) continue;
      armed.struck++;
      hits.push(rule);
    }
    return hits;
  }
}
