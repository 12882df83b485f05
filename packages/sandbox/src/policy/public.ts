/** Whether a bucket policy is public, as S3 Block Public Access means it (S3 user guide, "The meaning of public"). */
import type { Condition, Policy } from './document.ts';

/** Keys that narrow a grant to known callers when compared with fixed values. */
const NARROWING = new Set([
  'aws:principalarn',
  'aws:principalaccount',
  'aws:principalorgid',
  'aws:sourceip',
  'aws:sourcevpc',
  'aws:sourcevpce',
  'aws:sourcearn',
  'aws:sourceaccount',
  'aws:userid',
  's3:dataaccesspointarn',
  's3:dataaccesspointaccount',
]);

/** True when a statement allows everybody something and no condition with fixed values narrows it. */
export function isPublic(policy: Policy): boolean {
  return policy.statements.some(
    ({ effect, principals, conditions }) =>
      effect === 'Allow' &&
      principals !== null &&
      (principals.not || principals.entries.some((entry) => entry.value === '*')) &&
      !conditions.some(narrows),
  );
}

function narrows(condition: Condition): boolean {
  const positive = /^(StringEquals|StringLike|ArnEquals|ArnLike|IpAddress)$/.test(condition.operator);
  const fixed = condition.values.every((value) => !/[*?]|\$\{/.test(value) && !/\/[0-7]$/.test(value));
  return NARROWING.has(condition.key) && positive && !condition.ifExists && fixed;
}
