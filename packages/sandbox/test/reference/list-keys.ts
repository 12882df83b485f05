/** Listing as the documentation says it, over all keys at once: slow and obvious. */

export interface ReferencePage {
  readonly keys: string[];
  readonly commonPrefixes: string[];
}

export function listSlowly(keys: readonly string[], prefix: string, delimiter: string, after: string): ReferencePage {
  const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const names = new Map<string, 'key' | 'prefix'>();
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (at < 0) names.set(key, 'key');
    else names.set(key.slice(0, at + delimiter.length), 'prefix');
  }
  const sorted = [...names].filter(([name]) => order(name, after) > 0).sort(([a], [b]) => order(a, b));
  return {
    keys: sorted.filter(([, kind]) => kind === 'key').map(([name]) => name),
    commonPrefixes: sorted.filter(([, kind]) => kind === 'prefix').map(([name]) => name),
  };
}
