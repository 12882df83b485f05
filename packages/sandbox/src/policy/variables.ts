/**
 * Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, and the literals `${*}`, `${?}`, `${$}`.
 * IAM user guide, "IAM policy elements: Variables and tags". Only policies of version 2012-10-17 have them.
 */
import type { ConditionContext } from './context.ts';
import { type Glob, glob, literal } from './glob.ts';

/** Pattern with variables put in; null when a variable has no (single) value: then nothing matches. */
export function expand(text: string, context: ConditionContext, variables: boolean): Glob | null {
  if (!variables || !text.includes('${')) return glob(text);
  const units: number[] = [];
  let at = 0;
  for (const match of text.matchAll(/\$\{([^}]*)\}/g)) {
    units.push(...glob(text.slice(at, match.index)));
    at = match.index + match[0].length;
    const value = variableValue(match[1] as string, context);
    if (value === null) return null;
    units.push(...literal(value));
  }
  units.push(...glob(text.slice(at)));
  return units;
}

function variableValue(name: string, context: ConditionContext): string | null {
  if (name === '*' || name === '?' || name === '$') return name;
  const [, key = '', fallback] = /^\s*([^,\s]+)\s*(?:,\s*'([^']*)'\s*)?$/.exec(name) ?? [];
  const values = context.get(key.toLowerCase());
  if (values?.length === 1) return values[0] as string;
  return fallback ?? null;
}
