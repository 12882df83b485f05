/** scrypt (RFC 7914, section 6) around what mixes its lanes. */
import { pbkdf2Sync } from 'node:crypto';

/** Does scryptROMix (section 5). */
export interface LaneMixer {
  /** How many lanes it takes at a time. */
  readonly lanes: number;
  /** Mixes up to `lanes` states in place, in steps: where it yields, others may have their turn. One call at a time. */
  mix(states: readonly Uint8Array[]): Generator<void, void>;
  /** Gives the memory back, and with it what it holds. Nothing can be mixed after that. */
  forget(): void;
}

/** Derives a key of `length` bytes in the mixer's steps, and has it forget. `r` is the one that the mixer was made for. */
export function* keyThrough(
  mixer: LaneMixer,
  password: Uint8Array,
  salt: Uint8Array,
  r: number,
  p: number,
  length: number,
): Generator<void, Uint8Array> {
  const laneBytes = 128 * r;
  const states = pbkdf2Sync(password, salt, 1, p * laneBytes, 'sha256');
  const lane = (i: number): Uint8Array => states.subarray(i * laneBytes, (i + 1) * laneBytes);
  try {
    for (let i = 0; i < p; i += mixer.lanes) {
      const end = Math.min(p, i + mixer.lanes);
      yield* mixer.mix(Array.from({ length: end - i }, (_, at) => lane(i + at)));
    }
  } finally {
    mixer.forget();
  }
  return pbkdf2Sync(password, states, 1, length, 'sha256');
}

/** Takes all steps at once and returns what comes of them. */
export function toEnd<T>(steps: Generator<void, T>): T {
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}
