/** What a native form must do before it is trusted with backups: show the right answer once. */

/** Any bytes will do: what counts is that both ways give the same. */
export const PROBE: Uint8Array = Uint8Array.from({ length: 77 }, (_, i) => i + 1);

/** A library of another build may lack what it is asked for, or give something else. */
export function agrees(native: () => Uint8Array, expected: Uint8Array): boolean {
  try {
    return Buffer.compare(native(), expected) === 0;
  } catch {
    return false;
  }
}
