/**
 * Eventual consistency, switched on for tests: what was just made stays unseen for some calls or some time, as AWS
 * does with new instances, instance profiles and roles. Off by default.
 */
import type { IdentityStore } from '../auth/identities.ts';

/**
 * What can lag. Not found at first: 'instance', 'security-group', 'snapshot', 'profile' (by EC2 alone; IAM itself
 * shows it at once), 'agent' (an SSM agent that reports in late), 'command' (sent to it, not yet to be asked for).
 * Found, but not ready at first: 'console' (empty), 'volume' ('creating'), 'attachment' ('attaching'),
 * 'snapshot-progress' ('pending').
 */
export type LaggingKind =
  | 'instance'
  | 'security-group'
  | 'snapshot'
  | 'profile'
  | 'console'
  | 'agent'
  | 'command'
  | 'volume'
  | 'attachment'
  | 'snapshot-progress';

export interface Lag {
  /** Looks that find nothing before the first that finds it. Default 0. */
  readonly calls?: number;
  /** Milliseconds, by the sandbox's clock, during which it is not found. Default 0. */
  readonly ms?: number;
}

export interface ConsistencySwitch {
  /** Makes everything of that kind that is made from now on appear late; `{}` switches it off. */
  delay(kind: LaggingKind, lag: Lag): void;
}

export class Consistency implements ConsistencySwitch {
  readonly #lags = new Map<LaggingKind, Lag>();
  readonly #looks = new Map<string, number>();
  readonly #seen = new Set<string>();

  delay(kind: LaggingKind, lag: Lag): void {
    this.#lags.set(kind, lag);
    this.#looks.clear();
  }

  /** Whether a look at this moment finds what was made (or changed) at `madeAt`. Counts the look. */
  settled(kind: LaggingKind, id: string, madeAt: number, now: number): boolean {
    const key = `${kind} ${id} ${madeAt}`;
    if (this.#seen.has(key)) return true; // what was seen once does not vanish again
    const { calls = 0, ms = 0 } = this.#lags.get(kind) ?? {};
    const looks = this.#looks.get(key) ?? 0;
    if (now >= madeAt + ms && looks >= calls) {
      this.#seen.add(key);
      this.#looks.delete(key);
      return true;
    }
    this.#looks.set(key, looks + 1);
    return false;
  }
}

const SWITCHES = new WeakMap<IdentityStore, Consistency>();

/** The switch of the sandbox that has this identity store. */
export function consistencyOf(identities: IdentityStore): Consistency {
  const found = SWITCHES.get(identities) ?? new Consistency();
  SWITCHES.set(identities, found);
  return found;
}
