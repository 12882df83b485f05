/** The walk over sorted keys behind every listing: prefix, delimiter, start, page size. Pure. */
import { compareKeys, endOfPrefix, lowerBound } from './names.ts';

export interface ListWish {
  readonly prefix: string;
  /** Empty for none. */
  readonly delimiter: string;
  /** Only names after this one; a common prefix counts by its own name. */
  readonly after: string;
  readonly most: number;
}

export interface Listing {
  readonly keys: readonly string[];
  readonly commonPrefixes: readonly string[];
  /** Last name given out when there is more; null at the end. */
  readonly next: string | null;
}

/** `counts(key)` tells how many entries a key has in this listing: 0 hides it. A key's entries stay on one page. */
export function listKeys(sorted: readonly string[], wish: ListWish, counts: (key: string) => number): Listing {
  const keys: string[] = [];
  const commonPrefixes: string[] = [];
  let taken = 0;
  let last = '';
  let at = lowerBound(sorted, compareKeys(wish.after, wish.prefix) > 0 ? wish.after : wish.prefix);
  while (at < sorted.length) {
    const key = sorted[at] as string;
    if (!key.startsWith(wish.prefix)) break;
    const common = commonPrefix(key, wish);
    const end = common === null ? at + 1 : endOfPrefix(sorted, common, at);
    const size = common === null ? counts(key) : visible(sorted, at, end, counts);
    const name = common ?? key;
    if (size > 0 && compareKeys(name, wish.after) > 0) {
      if (taken > 0 ? taken + size > wish.most : wish.most === 0)
        return { keys, commonPrefixes, next: wish.most === 0 ? null : last };
      if (common === null) keys.push(key);
      else commonPrefixes.push(common);
      taken += size;
      last = name;
    }
    at = end;
  }
  return { keys, commonPrefixes, next: null };
}

function commonPrefix(key: string, { prefix, delimiter }: ListWish): string | null {
  if (delimiter === '') return null;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? null : key.slice(0, at + delimiter.length);
}

/** 1 when any key of the group shows. */
function visible(sorted: readonly string[], from: number, to: number, counts: (key: string) => number): number {
  for (let i = from; i < to; i++) if (counts(sorted[i] as string) > 0) return 1;
  return 0;
}
