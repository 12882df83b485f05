/** Expands `*`, `?` and `[...]` in a path as Go's filepath.Glob does: component by component, no `**`. */
import { lstat, readdir } from 'node:fs/promises';
import { matchPattern } from '@hostark/archive';

/** Returns the existing paths that match, sorted; the path itself if it has no wildcard and exists. */
export async function expandGlob(pattern: string): Promise<string[]> {
  let found = [pattern.startsWith('/') ? '/' : ''];
  for (const component of pattern.split('/').filter((part) => part !== '')) {
    const next = await Promise.all(found.map((base) => expandComponent(base, component)));
    found = next.flat();
  }
  return found.sort();
}

async function expandComponent(base: string, component: string): Promise<string[]> {
  const join = (name: string): string => (base === '' || base.endsWith('/') ? `${base}${name}` : `${base}/${name}`);
  if (!/[*?[\\]/.test(component)) {
    const exists = await lstat(join(component)).then(
      () => true,
      () => false,
    );
    return exists ? [join(component)] : [];
  }
  const names = await readdir(base === '' ? '.' : base).catch(() => []);
  return names.filter((name) => matchPattern(`/${component}`, `/${name}`)).map(join);
}
