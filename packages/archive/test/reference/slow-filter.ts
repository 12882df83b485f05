/** The slow, obvious matcher: `**` is written out as 0, 1, 2 … stars, every start is tried, globs backtrack by hand. */

/** Matches as restic's `--exclude` does; names here are ASCII, so that bytes, runes and chars agree. */
export function slowMatch(pattern: string, path: string): boolean {
  const components = path.split('/').filter((part) => part !== '');
  const anchored = pattern.startsWith('/');
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 && !anchored) return false;
  return writeOutStars(parts, components.length).some((plain) => {
    for (let start = 0; start + plain.length <= components.length; start++) {
      if (plain.every((part, i) => slowGlob(part, components[start + i]!))) return true;
      if (anchored) return false;
    }
    return false;
  });
}

/** Every list of parts that `**` may stand for, up to `limit` components. */
function writeOutStars(parts: readonly string[], limit: number): string[][] {
  const at = parts.indexOf('**');
  if (at < 0) return [[...parts]];
  const lists: string[][] = [];
  for (let stars = 0; stars <= limit; stars++) {
    const filled = [...parts.slice(0, at), ...Array<string>(stars).fill('*'), ...parts.slice(at + 1)];
    lists.push(...writeOutStars(filled, limit));
  }
  return lists;
}

/** A well-formed glob against one name, by backtracking. */
export function slowGlob(glob: string, name: string): boolean {
  if (glob === '') return name === '';
  const head = glob[0]!;
  if (head === '*') return slowGlob(glob.slice(1), name) || (name !== '' && slowGlob(glob, name.slice(1)));
  if (name === '') return false;
  if (head === '?') return slowGlob(glob.slice(1), name.slice(1));
  if (head === '[') {
    const close = glob.indexOf(']', 2);
    return inClass(glob.slice(1, close), name[0]!) && slowGlob(glob.slice(close + 1), name.slice(1));
  }
  const literal = head === '\\' ? glob[1] : head;
  return literal === name[0] && slowGlob(glob.slice(head === '\\' ? 2 : 1), name.slice(1));
}

/** `a`, `a-z`, `^a-c`: classes without escapes. */
function inClass(members: string, char: string): boolean {
  const negated = members.startsWith('^');
  const found = (negated ? members.slice(1) : members).match(/.-.|./g)?.some((range) => {
    return range.length === 3 ? range[0]! <= char && char <= range[2]! : range === char;
  });
  return found !== negated;
}
