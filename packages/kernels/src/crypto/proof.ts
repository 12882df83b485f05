/** What a native form must do before it is trusted with backups: show the right answer once. */
import type { SealingKey } from './sealer.ts';

/** Any bytes will do: what counts is that both ways give the same. */
export const PROBE: Uint8Array = Uint8Array.from({ length: 77 }, (_, i) => i + 1);

/** The same for keys. */
export const PROBE_KEY: SealingKey = {
  encrypt: PROBE.subarray(0, 32),
  macK: PROBE.subarray(32, 48),
  macR: PROBE.subarray(48, 64),
};

/** A library of another build may lack what it is asked for, or give something else. */
export function agrees(native: () => Uint8Array, expected: Uint8Array): boolean {
  try {
    return Buffer.compare(native(), expected) === 0;
  } catch {
    return false;
  }
}
