/** scrypt (RFC 7914, section 6) around what mixes its lanes. */
import { pbkdf2Sync } from 'node:crypto';

/** Does scryptROMix (section 5). */
export interface LaneMixer {
  /** How many lanes it takes at a time. */
  readonly lanes: number;
  /** Mixes up to `lanes` states in place; meanwhile others have their turn on this thread. One call at a time. */
  mix(states: readonly Uint8Array[]): Promise<void>;
  /** Gives the memory back, and with it what it holds. Nothing can be mixed after that. */
  forget(): void;
}

/** Derives a key of `length` bytes through the mixer, and has it forget. `r` is the one that the mixer was made for. */
export async function keyThrough(
  mixer: LaneMixer,
  password: Uint8Array,
  salt: Uint8Array,
  r: number,
  p: number,
  length: number,
): Promise<Uint8Array> {
  const laneBytes = 128 * r;
  const states = pbkdf2Sync(password, salt, 1, p * laneBytes, 'sha256');
  const lane = (i: number): Uint8Array => states.subarray(i * laneBytes, (i + 1) * laneBytes);
  try {
    for (let i = 0; i < p; i += mixer.lanes) {
      const end = Math.min(p, i + mixer.lanes);
      await mixer.mix(Array.from({ length: end - i }, (_, at) => lane(i + at)));
    }
  } finally {
    mixer.forget();
  }
  return pbkdf2Sync(password, states, 1, length, 'sha256');
}
