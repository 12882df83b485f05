/** The condition keys of one request: lower-case key to its values. A key without values is absent. */
export type ConditionContext = ReadonlyMap<string, readonly string[]>;

/** Builds a context; later sources win, undefined values are left out. */
export function conditionContext(
  ...sources: readonly Readonly<Record<string, string | readonly string[] | undefined>>[]
): ConditionContext {
  const context = new Map<string, readonly string[]>();
  for (const source of sources) {
    for (const [key, value] of Object.entries(source)) {
      if (value === undefined) continue;
      context.set(key.toLowerCase(), typeof value === 'string' ? [value] : value);
    }
  }
  return context;
}
