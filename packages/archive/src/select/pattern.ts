/**
 * One restic pattern (internal/filter): components, `**`, anchoring, `!`; a match also covers everything below.
 * A pattern runs as a small automaton over path components, so that a walk pays for each component once:
 * a state is the sorted list of positions reached; position `parts.length` means "matched, here or above".
 */
import type { ByteString } from './bytes.ts';
import { type ComponentMatcher, compileGlob } from './glob.ts';

/** Any number of components, also none: `**`. */
const ANY_DEPTH = null;

/** Positions reached; never mutated. Empty: nothing below can match either. */
export type PatternState = readonly number[];

export interface Pattern {
  readonly original: string;
  readonly negated: boolean;
  /** Starts at the root of the path; otherwise it may start at any component. */
  readonly anchored: boolean;
  readonly parts: readonly (ComponentMatcher | typeof ANY_DEPTH)[];
  /** `endsAfter[p]`: once part p has matched, nothing but `**` is left. */
  readonly endsAfter: readonly boolean[];
  readonly start: PatternState;
}

/** Parses `text` (not empty), or returns null if a component is malformed. */
export function parsePattern(text: ByteString, original: string): Pattern | null {
  const negated = text.startsWith('!');
  const cleaned = cleanPath(negated ? text.slice(1) : text);
  const anchored = cleaned.startsWith('/');
  const components = cleaned.split('/').filter((component) => component !== '');
  const parts: (ComponentMatcher | typeof ANY_DEPTH)[] = [];
  for (const component of components) {
    const part = component === '**' ? ANY_DEPTH : compileGlob(component);
    if (part === null && component !== '**') return null;
    parts.push(part);
  }
  const endsAfter = parts.map((_, index) => parts.slice(index + 1).every((part) => part === ANY_DEPTH));
  const pattern = { original, negated, anchored, parts, endsAfter, start: [] as PatternState };
  const start: number[] = [];
  reach(pattern, 0, start);
  return { ...pattern, start };
}

/** Returns true if `state`, or `state` followed by the component `name`, is a match. */
export function matchesAt(pattern: Pattern, state: PatternState, name: ByteString): boolean {
  const { parts, endsAfter } = pattern;
  for (let i = state.length - 1; i >= 0; i--) {
    const position = state[i]!;
    if (position === parts.length) return true;
    const part = parts[position];
    if (part && endsAfter[position] === true && part(name)) return true;
  }
  return false;
}

/** Returns the state after the component `name`. */
export function advance(pattern: Pattern, state: PatternState, name: ByteString): PatternState {
  const { parts } = pattern;
  if (state.length > 0 && state[state.length - 1] === parts.length) return state;
  const next: number[] = [];
  for (const position of state) {
    const part = parts[position];
    if (part === ANY_DEPTH) reach(pattern, position, next);
    else if (part?.(name)) reach(pattern, position + 1, next);
  }
  if (!pattern.anchored) reach(pattern, 0, next);
  return next.sort((a, b) => a - b);
}

/** Returns true if the path that led to `state` matched, or lies below a match. */
export function isMatch(pattern: Pattern, state: PatternState): boolean {
  return state.length > 0 && state[state.length - 1] === pattern.parts.length;
}

/** Adds `position`, and what `**` reaches from it without a component. */
function reach(pattern: Pattern, position: number, into: number[]): void {
  for (let at = position; !into.includes(at); at++) {
    into.push(at);
    if (at === pattern.parts.length || pattern.parts[at] !== ANY_DEPTH) return;
  }
}

/** Go's `filepath.Clean` on Unix: no empty, `.` or resolvable `..` components; '' becomes '.'. */
export function cleanPath(path: ByteString): ByteString {
  const rooted = path.startsWith('/');
  const kept: string[] = [];
  for (const component of path.split('/')) {
    if (component === '' || component === '.') continue;
    if (component !== '..') kept.push(component);
    else if (kept.length > 0 && kept[kept.length - 1] !== '..') kept.pop();
    else if (!rooted) kept.push('..');
  }
  const joined = kept.join('/');
  return rooted ? `/${joined}` : joined === '' ? '.' : joined;
}
