/** Whether a request meets the conditions of a statement: all conditions, any value of each (IAM, "Conditions with multiple keys or values"). */
import type { ConditionContext } from './context.ts';
import type { Condition } from './document.ts';
import type { Glob } from './glob.ts';
import { OPERATORS } from './operators.ts';
import { expand } from './variables.ts';

/** `variables`: whether the policy's version knows policy variables. */
export function conditionsMet(
  conditions: readonly Condition[],
  context: ConditionContext,
  variables: boolean,
): boolean {
  return conditions.every((condition) => conditionMet(condition, context, variables));
}

function conditionMet(condition: Condition, context: ConditionContext, variables: boolean): boolean {
  const actual = context.get(condition.key) ?? [];
  if (condition.operator === 'Null')
    return condition.values.some((value) => (value === 'true') === (actual.length === 0));
  const operator = OPERATORS[condition.operator];
  if (operator === undefined) throw new RangeError(`no condition operator ${condition.operator}`);
  if (actual.length === 0) {
    if (condition.quantifier === 'all' || condition.ifExists) return true;
    // A missing key fails every positive operator and meets every negated one; "any of nothing" is false for both.
    return operator.not && condition.quantifier === null;
  }
  const wanted: { text: string; pattern: Glob }[] = [];
  for (const value of condition.values) {
    const pattern = expand(value, context, variables);
    if (pattern !== null) wanted.push({ text: plain(pattern, value), pattern });
  }
  const holds = (value: string): boolean =>
    wanted.some(({ text, pattern }) => operator.compare(value, text, pattern)) !== operator.not;
  if (condition.quantifier === 'all') return actual.every(holds);
  if (condition.quantifier === 'any') return actual.some(holds);
  return operator.not ? actual.every(holds) : actual.some(holds);
}

/** The expanded value as text, for operators without wildcards. */
function plain(pattern: Glob, value: string): string {
  if (!value.includes('${')) return value;
  return String.fromCharCode(...pattern.map((unit) => (unit === -1 ? 0x2a : unit === -2 ? 0x3f : unit)));
}
