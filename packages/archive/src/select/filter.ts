/**
 * Which paths a restore (or rewrite, or dump) takes: either `--include` or `--exclude` patterns, never both (restic §12).
 * Included directories are descended while a child may still match; excluded ones are not entered at all.
 */
import { HostarkError } from '@hostark/protocol';
import { type ByteString, toByteString, toLowerBytes } from './bytes.ts';
import { compileLists, type PatternLists } from './compile.ts';
import { advance, isMatch, type PatternState } from './pattern.ts';
import { compileSelector, type Scope } from './selector.ts';

export interface FilterPatterns {
  readonly include?: readonly string[] | undefined;
  readonly iinclude?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly iexclude?: readonly string[] | undefined;
}

/** What to do with one entry. `descend` matters for directories alone. */
export interface Decision {
  readonly selected: boolean;
  readonly descend: boolean;
}

/** The filter state of one directory. Immutable. */
export interface FilterScope {
  decide(name: Uint8Array): Decision;
  below(name: Uint8Array): FilterScope;
}

/** A compiled filter. `takesAll` tells that every decision is yes. */
export interface Filter {
  readonly takesAll: boolean;
  /** The scope of the snapshot's root. */
  readonly root: FilterScope;
}

const YES: Decision = { selected: true, descend: true };
const NO: Decision = { selected: false, descend: false };
const ONLY_SELECTED: Decision = { selected: true, descend: false };
const ONLY_DESCEND: Decision = { selected: false, descend: true };

/** Compiles the patterns of a restore. Throws HostarkError 'bad-pattern', or 'usage' when both families are given. */
export function compileFilter(patterns: FilterPatterns): Filter {
  const includes = compileLists(
    { option: 'include', patterns: patterns.include ?? [], ignoreCase: false },
    { option: 'iinclude', patterns: patterns.iinclude ?? [], ignoreCase: true },
  );
  const selector = compileSelector(patterns);
  if (includes.length > 0 && !selector.isEmpty) {
    throw new HostarkError('usage', 'expected either include or exclude patterns, found both', {
      hint: 'use --include alone, or --exclude alone',
    });
  }
  if (includes.length > 0) return { takesAll: false, root: new IncludeScope(includes, includes.map(startStates)) };
  if (!selector.isEmpty) return { takesAll: false, root: excludeScope(selector.scope('/')) };
  return { takesAll: true, root: TAKE_ALL };
}

const TAKE_ALL: FilterScope = { decide: () => YES, below: () => TAKE_ALL };

function excludeScope(scope: Scope): FilterScope {
  return {
    decide: (name) => (scope.rejects(name) ? NO : YES),
    below: (name) => excludeScope(scope.below(name)),
  };
}

function startStates(list: PatternLists[number]): PatternState[] {
  return list.patterns.map((pattern) => pattern.start);
}

class IncludeScope implements FilterScope {
  readonly #lists: PatternLists;
  readonly #states: readonly (readonly PatternState[])[];

  constructor(lists: PatternLists, states: readonly (readonly PatternState[])[]) {
    this.#lists = lists;
    this.#states = states;
  }

  decide(name: Uint8Array): Decision {
    const bytes = toByteString(name);
    let selected = false;
    let descend = false;
    for (const [list, states] of this.#step(bytes)) {
      const decision = decideList(list, states);
      selected ||= decision.selected;
      descend ||= decision.descend;
    }
    if (selected) return descend ? YES : ONLY_SELECTED;
    return descend ? ONLY_DESCEND : NO;
  }

  below(name: Uint8Array): FilterScope {
    const states = [...this.#step(toByteString(name))].map(([, after]) => after);
    return new IncludeScope(this.#lists, states);
  }

  *#step(name: ByteString): Generator<[PatternLists[number], PatternState[]]> {
    for (let i = 0; i < this.#lists.length; i++) {
      const list = this.#lists[i]!;
      const component = list.ignoreCase ? toLowerBytes(name) : name;
      yield [list, list.patterns.map((pattern, p) => advance(pattern, this.#states[i]![p]!, component))];
    }
  }
}

/** An unanchored pattern can always match deeper; an anchored one while its state is alive. `!` takes both back. */
function decideList(list: PatternLists[number], states: readonly PatternState[]): Decision {
  let selected = false;
  let descend = false;
  for (let p = 0; p < list.patterns.length; p++) {
    const pattern = list.patterns[p]!;
    const state = states[p]!;
    const matched = isMatch(pattern, state);
    if (pattern.negated) {
      selected &&= !matched;
      descend &&= !matched;
    } else {
      selected ||= matched;
      descend ||= !pattern.anchored || state.length > 0;
    }
  }
  return { selected, descend };
}
