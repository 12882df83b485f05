/**
 * Policy documents: JSON text in, checked statements out. Grammar: IAM user guide, "Grammar of the IAM JSON policy
 * language". Anything the grammar does not know is an error, as in AWS: a typo must not silently widen access.
 */
import { OPERATORS } from './operators.ts';

/** `identity` is attached to users and roles (also boundary and session); `resource` to a bucket; `trust` to a role. */
export type PolicyKind = 'identity' | 'resource' | 'trust';

export interface Condition {
  readonly operator: string;
  readonly quantifier: 'all' | 'any' | null;
  readonly ifExists: boolean;
  /** Lower-case. */
  readonly key: string;
  readonly values: readonly string[];
}

/** A list, or everything but the list (NotAction, NotResource, NotPrincipal). */
export interface Listed<T> {
  readonly not: boolean;
  readonly entries: readonly T[];
}

export interface PrincipalEntry {
  readonly type: 'AWS' | 'Service' | 'Federated' | 'CanonicalUser' | '*';
  readonly value: string;
}

export interface Statement {
  readonly sid: string | null;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: Listed<string>;
  /** Null in trust policies. */
  readonly resources: Listed<string> | null;
  /** Null in identity policies. */
  readonly principals: Listed<PrincipalEntry> | null;
  readonly conditions: readonly Condition[];
}

export interface Policy {
  readonly version: '2008-10-17' | '2012-10-17';
  readonly statements: readonly Statement[];
}

/** The document is not a policy; services answer MalformedPolicy (S3) or MalformedPolicyDocument (IAM, STS). */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

type Json = Readonly<Record<string, unknown>>;

/** Parses and checks a document. Throws PolicyError naming the fault. */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PolicyError('Policy document is not valid JSON', { cause });
  }
  const document = asObject(value, 'The policy');
  onlyKeys(document, ['Version', 'Id', 'Statement'], 'the policy');
  const version = document.Version ?? '2008-10-17';
  if (version !== '2008-10-17' && version !== '2012-10-17')
    throw new PolicyError(`Version must be 2012-10-17 or 2008-10-17, got ${JSON.stringify(version)}`);
  if (document.Id !== undefined && typeof document.Id !== 'string') throw new PolicyError('Id must be a string');
  if (document.Statement === undefined) throw new PolicyError('Missing required field Statement');
  const list = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
  if (list.length === 0) throw new PolicyError('Statement must not be empty');
  const statements = list.map((statement) => parseStatement(asObject(statement, 'A statement'), kind));
  const sids = statements.flatMap((statement) => statement.sid ?? []);
  if (new Set(sids).size !== sids.length)
    throw new PolicyError('Statement IDs (SID) in a single policy must be unique');
  return { version, statements };
}

const STATEMENT_KEYS = [
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
] as const;

function parseStatement(statement: Json, kind: PolicyKind): Statement {
  onlyKeys(statement, STATEMENT_KEYS, 'a statement');
  const { Sid: sid, Effect: effect } = statement;
  if (sid !== undefined && typeof sid !== 'string') throw new PolicyError('Sid must be a string');
  if (kind === 'identity' && sid && !/^[0-9A-Za-z]*$/.test(sid as string))
    throw new PolicyError(
      'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*',
    );
  if (effect !== 'Allow' && effect !== 'Deny')
    throw new PolicyError(effect === undefined ? 'Missing required field Effect' : `Invalid effect: ${String(effect)}`);
  return {
    sid: sid ? (sid as string) : null,
    effect,
    actions: parseActions(statement),
    resources: parseResources(statement, kind),
    principals: parsePrincipals(statement, kind),
    conditions: parseConditions(statement.Condition),
  };
}

/** The one of two exclusive fields that is there. */
function oneOf(statement: Json, yes: string, no: string): { not: boolean; value: unknown } {
  const [a, b] = [statement[yes], statement[no]];
  if (a !== undefined && b !== undefined) throw new PolicyError(`Statement/policy contains both ${yes} and ${no}`);
  if (a === undefined && b === undefined) throw new PolicyError(`Missing required field ${yes}`);
  return a === undefined ? { not: true, value: b } : { not: false, value: a };
}

function parseActions(statement: Json): Listed<string> {
  const { not, value } = oneOf(statement, 'Action', 'NotAction');
  const entries = strings(value, not ? 'NotAction' : 'Action');
  for (const action of entries)
    if (!/^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$/.test(action))
      throw new PolicyError(`Policy has invalid action ${JSON.stringify(action)}: actions are vendor:Name or *`);
  return { not, entries };
}

function parseResources(statement: Json, kind: PolicyKind): Listed<string> | null {
  if (kind === 'trust') {
    if (statement.Resource !== undefined || statement.NotResource !== undefined)
      throw new PolicyError('Has prohibited field Resource');
    return null;
  }
  const { not, value } = oneOf(statement, 'Resource', 'NotResource');
  const entries = strings(value, not ? 'NotResource' : 'Resource');
  for (const resource of entries)
    if (resource !== '*' && !/^(arn|\*)(:.*){5,}$/s.test(resource) && !/^arn:.*\*/s.test(resource))
      throw new PolicyError(`Policy has invalid resource: resource ${resource} must be in ARN format or "*".`);
  return { not, entries };
}

function parsePrincipals(statement: Json, kind: PolicyKind): Listed<PrincipalEntry> | null {
  if (kind === 'identity') {
    if (statement.Principal !== undefined || statement.NotPrincipal !== undefined)
      throw new PolicyError('Policy document should not specify a principal.');
    return null;
  }
  const { not, value } = oneOf(statement, 'Principal', 'NotPrincipal');
  if (value === '*') return { not, entries: [{ type: '*', value: '*' }] };
  const entries: PrincipalEntry[] = [];
  for (const [type, list] of Object.entries(asObject(value, 'Principal'))) {
    if (type !== 'AWS' && type !== 'Service' && type !== 'Federated' && type !== 'CanonicalUser')
      throw new PolicyError(`Invalid principal in policy: ${JSON.stringify(type)}`);
    for (const entry of strings(list, 'Principal')) {
      if (type === 'AWS' && !isAwsPrincipal(entry))
        throw new PolicyError(`Invalid principal in policy: "AWS":${JSON.stringify(entry)}`);
      entries.push({ type, value: entry });
    }
  }
  if (entries.length === 0) throw new PolicyError('Invalid principal in policy: empty');
  return { not, entries };
}

function isAwsPrincipal(value: string): boolean {
  if (value === '*' || /^\d{12}$/.test(value)) return true;
  return /^arn:aws:(iam::\d{12}:(root|user\/[^*]+|role\/[^*]+)|sts::\d{12}:assumed-role\/[^*]+)$/.test(value);
}

function parseConditions(value: unknown): Condition[] {
  if (value === undefined) return [];
  const conditions: Condition[] = [];
  for (const [name, tests] of Object.entries(asObject(value, 'Condition'))) {
    const [, quantifier, word, ifExists] = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/.exec(name) ?? [];
    if (word === undefined || !Object.hasOwn(OPERATORS, word) || (word === 'Null' && ifExists))
      throw new PolicyError(`Invalid Condition type : ${name}`);
    for (const [key, values] of Object.entries(asObject(tests, `Condition ${name}`))) {
      if (!/^[A-Za-z0-9-]+:.+$/s.test(key))
        throw new PolicyError(`Policy has an invalid condition key ${JSON.stringify(key)}`);
      conditions.push({
        operator: word,
        quantifier: quantifier === 'ForAllValues' ? 'all' : quantifier === 'ForAnyValue' ? 'any' : null,
        ifExists: ifExists !== undefined,
        key: key.toLowerCase(),
        values: scalars(values, `Condition ${key}`),
      });
    }
  }
  return conditions;
}

function asObject(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PolicyError(`${what} must be a JSON object`);
  return value as Json;
}

function onlyKeys(value: Json, known: readonly string[], what: string): void {
  for (const key of Object.keys(value))
    if (!known.includes(key)) throw new PolicyError(`Unknown field ${key} in ${what}`);
}

function strings(value: unknown, what: string): string[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw new PolicyError(`${what} must not be empty`);
  for (const entry of list)
    if (typeof entry !== 'string' || entry === '')
      throw new PolicyError(`${what} must be a string or a list of strings`);
  return list as string[];
}

function scalars(value: unknown, what: string): string[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw new PolicyError(`${what} must not be empty`);
  return list.map((entry: unknown) => {
    if (typeof entry === 'string' || typeof entry === 'number' || typeof entry === 'boolean') return String(entry);
    throw new PolicyError(`${what} must be a string, a number, a boolean or a list of these`);
  });
}
