/** Compares what AWS answers with what it was told: it reorders keys and turns lists of one into the one. Pure. */

/** Whether two JSON values mean the same to AWS. */
export function sameToAws(a: unknown, b: unknown): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(canonical);
    if (items.length === 1) return items[0];
    return items.map((item) => JSON.stringify(item)).sort();
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(
      entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, canonical(item)]),
    );
  }
  return typeof value === 'boolean' || typeof value === 'number' ? String(value) : value;
}
