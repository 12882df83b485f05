/**
 * Wildcard patterns of policies: `*` is any run of characters, `?` exactly one, everything else is itself. A pattern is
 * a list of code units, so that text put in for a policy variable can never act as a wildcard.
 */

const ANY = -1;
const ONE = -2;

/** Code units, with negative numbers for the wildcards. */
export type Glob = readonly number[];

/** Every character stands for itself, wildcards too. */
export function literal(text: string): number[] {
  const units: number[] = [];
  for (let i = 0; i < text.length; i++) units.push(text.charCodeAt(i));
  return units;
}

/** `*` and `?` are wildcards. */
export function glob(text: string): number[] {
  return literal(text).map((unit) => (unit === 0x2a ? ANY : unit === 0x3f ? ONE : unit));
}

/** Whether the whole text matches. Linear but for backtracking to the last `*`, so no pattern is exponential. */
export function globMatches(pattern: Glob, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    const unit = pattern[p];
    if (unit === ANY) {
      star = p++;
      resume = t;
    } else if (unit === ONE || unit === text.charCodeAt(t)) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === ANY) p++;
  return p === pattern.length;
}
