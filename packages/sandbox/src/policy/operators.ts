/**
 * Condition operators: how one value of the request compares with one value of the policy. IAM user guide, "Condition
 * operators". A `not` operator is the negation of its positive over the whole list of policy values.
 */
import { BlockList, isIP } from 'node:net';
import { type Glob, globMatches } from './glob.ts';

/** One comparison. `pattern` is the policy's value with variables put in; `wanted` the same as plain text. */
export type Compare = (actual: string, wanted: string, pattern: Glob) => boolean;

export interface Operator {
  readonly compare: Compare;
  readonly not: boolean;
}

const equals: Compare = (actual, wanted) => actual === wanted;
const equalsIgnoreCase: Compare = (actual, wanted) => actual.toLowerCase() === wanted.toLowerCase();
const like: Compare = (actual, _wanted, pattern) => globMatches(pattern, actual);

/** Each of the six parts of an ARN is matched by itself, so `*` does not cross the first five colons; a lone `*` is any ARN. */
const arnLike: Compare = (actual, wanted, pattern) => {
  if (wanted === '*') return true;
  const parts = actual.split(':');
  const values = [...parts.slice(0, 5), parts.slice(5).join(':')];
  const globs = splitGlob(pattern);
  return parts.length >= 6 && globs.length === 6 && globs.every((part, i) => globMatches(part, values[i] as string));
};

function splitGlob(pattern: Glob): Glob[] {
  const parts: number[][] = [[]];
  for (const unit of pattern) {
    if (unit === 0x3a && parts.length < 6) parts.push([]);
    else (parts[parts.length - 1] as number[]).push(unit);
  }
  return parts;
}

function ordered(parse: (text: string) => number, test: (actual: number, wanted: number) => boolean): Compare {
  return (actual, wanted) => {
    const [a, b] = [parse(actual), parse(wanted)];
    return !Number.isNaN(a) && !Number.isNaN(b) && test(a, b);
  };
}

const number = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));
/** ISO 8601, or seconds since the epoch; in milliseconds. */
const date = (text: string): number => (/^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text));

const ipAddress: Compare = (actual, wanted) => {
  const [network = '', bits] = wanted.split('/');
  const family = isIP(network);
  const list = new BlockList();
  if (family === 0 || isIP(actual) === 0) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  if (bits === undefined) list.addAddress(network, type);
  else list.addSubnet(network, Number(bits), type);
  return list.check(actual, isIP(actual) === 4 ? 'ipv4' : 'ipv6');
};

const yes = (compare: Compare): Operator => ({ compare, not: false });
const no = (compare: Compare): Operator => ({ compare, not: true });

function comparisons(prefix: string, parse: (text: string) => number): Record<string, Operator> {
  return {
    [`${prefix}Equals`]: yes(ordered(parse, (a, b) => a === b)),
    [`${prefix}NotEquals`]: no(ordered(parse, (a, b) => a === b)),
    [`${prefix}LessThan`]: yes(ordered(parse, (a, b) => a < b)),
    [`${prefix}LessThanEquals`]: yes(ordered(parse, (a, b) => a <= b)),
    [`${prefix}GreaterThan`]: yes(ordered(parse, (a, b) => a > b)),
    [`${prefix}GreaterThanEquals`]: yes(ordered(parse, (a, b) => a >= b)),
  };
}

/** Every operator by its name, without `IfExists` and without set qualifier. `Null` is answered by its caller. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: yes(equals),
  StringNotEquals: no(equals),
  StringEqualsIgnoreCase: yes(equalsIgnoreCase),
  StringNotEqualsIgnoreCase: no(equalsIgnoreCase),
  StringLike: yes(like),
  StringNotLike: no(like),
  ...comparisons('Numeric', number),
  ...comparisons('Date', date),
  Bool: yes(equalsIgnoreCase),
  BinaryEquals: yes(equals),
  IpAddress: yes(ipAddress),
  NotIpAddress: no(ipAddress),
  ArnEquals: yes(arnLike),
  ArnLike: yes(arnLike),
  ArnNotEquals: no(arnLike),
  ArnNotLike: no(arnLike),
  Null: yes(equals),
};
