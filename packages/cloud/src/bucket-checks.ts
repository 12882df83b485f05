/**
 * What is off about a bucket, setting by setting and statement by statement, as plain data. Pure. What others have put
 * into the bucket is named when it weakens the backups, and never changed.
 */
import type { BucketFinding } from './bucket.ts';
import { LIFECYCLE_RULES } from './bucket-lifecycle.ts';
import type { BucketSettingName } from './bucket-plan.ts';
import { OUR_STATEMENT, type PolicyDocument, type PolicyStatement } from './bucket-policy.ts';
import { comparableRule, type EncryptionRules, isOurRule, type LifecycleRules } from './bucket-settings.ts';
import { sameToAws } from './canonical.ts';
import type { Tags } from './tags.ts';

/** Everything an audit looks at, in the order of its report. */
export const BUCKET_CHECKS = [
  'public-access-block',
  'acl',
  'ownership',
  'versioning',
  'encryption',
  'customer-keys',
  'tls-only',
  'tls-version',
  'customer-keys-policy',
  'create-only',
  'policy-leftover',
  'policy-access',
  'multipart-cleanup',
  'noncurrent-expiry',
  'storage-class',
  'lifecycle-leftover',
  'lifecycle-access',
  'tags',
  'object-lock',
] as const;
export type BucketCheck = (typeof BUCKET_CHECKS)[number];

/** One thing that is not as it should be. */
export interface BucketDeviation {
  readonly check: BucketCheck;
  readonly expected: string;
  readonly found: string;
  /** What a fix would do; null for what it leaves alone or cannot change. */
  readonly fix: string | null;
}

/** Names of the statements that the hardening consists of. */
const STATEMENT_CHECKS: Readonly<Record<string, BucketCheck>> = {
  HostarkTlsOnly: 'tls-only',
  HostarkTls12: 'tls-version',
  HostarkNoCustomerKeys: 'customer-keys-policy',
  HostarkCreateOnly: 'create-only',
};

const STATEMENT_WORDS: Readonly<Record<string, string>> = {
  HostarkTlsOnly: 'requests without TLS are denied',
  HostarkTls12: 'TLS older than 1.2 is denied',
  HostarkNoCustomerKeys: 'uploads with customer-provided keys are denied',
  HostarkCreateOnly: 'repository objects can be created and not overwritten',
};

const RULE_CHECKS: Readonly<Record<string, BucketCheck>> = {
  [LIFECYCLE_RULES.multipart]: 'multipart-cleanup',
  [LIFECYCLE_RULES.noncurrent]: 'noncurrent-expiry',
  [LIFECYCLE_RULES.move]: 'storage-class',
};

/** Whose requests the bucket may know. */
export interface KnownPrincipals {
  readonly account: string;
  /** Accounts and ARNs that the operator let in on purpose. */
  readonly allowed: readonly string[];
}

/** Returns what is off about one setting. */
export function deviationsOf(finding: BucketFinding, known: KnownPrincipals): BucketDeviation[] {
  return CHECKS[finding.setting.setting](finding, known);
}

type Check = (finding: BucketFinding, known: KnownPrincipals) => BucketDeviation[];

const CHECKS: Readonly<Record<BucketSettingName, Check>> = {
  'public-access-block'(finding) {
    const found = (finding.found ?? {}) as Readonly<Record<string, boolean>>;
    const off = Object.keys(finding.setting.wanted as object).filter((name) => found[name] !== true);
    return off.length === 0 ? [] : [deviation(finding, 'public-access-block', `off: ${off.join(', ')}`)];
  },
  ownership(finding) {
    const rules = (finding.found as { Rules?: { ObjectOwnership?: string }[] } | null)?.Rules;
    return whole(finding, 'ownership', rules?.[0]?.ObjectOwnership);
  },
  versioning: (finding) => whole(finding, 'versioning', (finding.found as { Status?: string } | null)?.Status),
  encryption: encryptionDeviations,
  policy: policyDeviations,
  lifecycle: lifecycleDeviations,
  tags(finding) {
    const found = (finding.found ?? {}) as Tags;
    const off = Object.entries(finding.setting.wanted as Tags).filter(([key, value]) => found[key] !== value);
    if (off.length === 0) return [];
    const expected = off.map(([key, value]) => `${key}=${value}`).join(', ');
    const told = off.map(([key]) => `${key}=${found[key] ?? '(none)'}`).join(', ');
    return [{ check: 'tags', expected, found: told, fix: 'set these tags; other tags stay' }];
  },
  'object-lock'(finding) {
    if (finding.state === 'as-wanted') return [];
    const found = finding.found === null ? 'off' : JSON.stringify(finding.found);
    return [deviation(finding, 'object-lock', found, finding.fixable ? undefined : null)];
  },
};

function deviation(finding: BucketFinding, check: BucketCheck, found: string, fix?: string | null): BucketDeviation {
  const expected = finding.setting.summary;
  return { check, expected, found, fix: fix === undefined ? `set: ${expected}` : fix };
}

function whole(finding: BucketFinding, check: BucketCheck, found: string | undefined): BucketDeviation[] {
  return finding.state === 'as-wanted' ? [] : [deviation(finding, check, found ?? 'nothing set')];
}

function encryptionDeviations(finding: BucketFinding): BucketDeviation[] {
  if (finding.state === 'as-wanted') return [];
  const of = (value: unknown): NonNullable<EncryptionRules['Rules']>[number] =>
    ((value ?? {}) as EncryptionRules).Rules?.[0] ?? {};
  const [found, wanted] = [of(finding.found), of(finding.setting.wanted)];
  const deviations: BucketDeviation[] = [];
  const cipher = (rule: typeof found): unknown => [
    rule.ApplyServerSideEncryptionByDefault ?? null,
    rule.BucketKeyEnabled ?? false,
  ];
  const words = (rule: typeof found): string => {
    const { SSEAlgorithm = 'no default', KMSMasterKeyID } = rule.ApplyServerSideEncryptionByDefault ?? {};
    return [SSEAlgorithm, KMSMasterKeyID, rule.BucketKeyEnabled ? 'bucket key on' : undefined]
      .filter(Boolean)
      .join(', ');
  };
  if (!sameToAws(cipher(found), cipher(wanted))) {
    deviations.push({
      check: 'encryption',
      expected: words(wanted),
      found: words(found),
      fix: `encrypt new objects with ${words(wanted)}; objects that are there stay as they are`,
    });
  }
  if (!(found.BlockedEncryptionTypes?.EncryptionType ?? []).includes('SSE-C')) {
    deviations.push({ check: 'customer-keys', expected: 'SSE-C blocked', found: 'allowed', fix: 'block SSE-C' });
  }
  return deviations;
}

function policyDeviations(finding: BucketFinding, known: KnownPrincipals): BucketDeviation[] {
  const found = finding.found as PolicyDocument | null;
  const wanted = (finding.setting.wanted as PolicyDocument).Statement;
  const statements = found?.Statement ?? [];
  const keepsTheirs = 'put our statement; statements of others stay';
  const ours = wanted.flatMap((statement): BucketDeviation[] => {
    const there = statements.filter(({ Sid }) => Sid === statement.Sid);
    if (there.length === 1 && sameToAws(there[0], statement)) return [];
    const told = there.length === 0 ? `no statement ${statement.Sid}` : `another statement named ${statement.Sid}`;
    const check = STATEMENT_CHECKS[statement.Sid ?? ''] ?? 'policy-leftover';
    return [{ check, expected: STATEMENT_WORDS[statement.Sid ?? ''] ?? '', found: told, fix: keepsTheirs }];
  });
  const leftover = statements
    .filter(({ Sid = '' }) => OUR_STATEMENT.test(Sid) && !wanted.some((statement) => statement.Sid === Sid))
    .map(
      (statement): BucketDeviation => ({
        check: 'policy-leftover',
        expected: 'no statement of ours that the hardening does not have',
        found: describeStatement(statement),
        fix: 'remove it; statements of others stay',
      }),
    );
  const theirs = statements.filter(({ Sid = '' }) => !OUR_STATEMENT.test(Sid));
  const access = theirs.flatMap((statement): BucketDeviation[] => {
    const strangers = strangersIn(statement, known);
    if (strangers.length === 0) return [];
    return [
      {
        check: 'policy-access',
        expected: `access for account ${known.account} alone`,
        found: `${describeStatement(statement)} lets in ${strangers.join(', ')}`,
        fix: null,
      },
    ];
  });
  return [...ours, ...leftover, ...access];
}

function describeStatement({ Sid, Effect, Action }: PolicyStatement): string {
  return `statement ${Sid ?? '(unnamed)'} (${Effect} ${[Action ?? 'NotAction'].flat().join(', ')})`;
}

/** Who is let in by a statement besides the account itself and AWS's own services. */
export function strangersIn(statement: PolicyStatement, known: KnownPrincipals): string[] {
  if (statement.Effect !== 'Allow' || isOwnAccountOnly(statement, known.account)) return [];
  if ('NotPrincipal' in statement) return ['everybody but some (NotPrincipal)'];
  const principal = statement.Principal;
  const named =
    typeof principal === 'string'
      ? [principal]
      : Object.entries((principal ?? {}) as Readonly<Record<string, string | readonly string[]>>)
          .filter(([kind]) => kind !== 'Service')
          .flatMap(([, value]) => value);
  return named.filter((one) => {
    const account = /^\d{12}$/.test(one) ? one : one.split(':')[4];
    return account !== known.account && !known.allowed.includes(one) && !known.allowed.includes(account ?? '');
  });
}

/** A condition that pins the caller's account holds whoever the principal is. */
function isOwnAccountOnly(statement: PolicyStatement, account: string): boolean {
  return Object.entries(statement.Condition ?? {}).some(
    ([operator, keys]) =>
      /^StringEquals(IgnoreCase)?$/.test(operator) &&
      Object.entries(keys).some(
        ([key, value]) =>
          ['aws:principalaccount', 'aws:sourceaccount'].includes(key.toLowerCase()) &&
          [value].flat().every((one) => one === account),
      ),
  );
}

function lifecycleDeviations(finding: BucketFinding): BucketDeviation[] {
  const found = ((finding.found as LifecycleRules | null)?.Rules ?? []) as LifecycleRules['Rules'];
  const wanted = (finding.setting.wanted as LifecycleRules).Rules;
  const ours = wanted.flatMap((rule): BucketDeviation[] => {
    const there = found.find(({ ID }) => ID === rule.ID);
    if (there !== undefined && sameToAws(comparableRule(there), comparableRule(rule))) return [];
    return [
      {
        check: RULE_CHECKS[rule.ID ?? ''] ?? 'lifecycle-leftover',
        expected: actionsOf(rule),
        found: there === undefined ? `no rule ${rule.ID}` : actionsOf(there),
        fix: `put rule ${rule.ID}; rules of others stay`,
      },
    ];
  });
  const leftover = found
    .filter((rule) => isOurRule(rule) && !wanted.some(({ ID }) => ID === rule.ID))
    .map(
      (rule): BucketDeviation => ({
        check: 'lifecycle-leftover',
        expected: 'no rule of ours that was not chosen',
        found: `rule ${rule.ID}: ${actionsOf(rule)}`,
        fix: 'remove it; rules of others stay',
      }),
    );
  const versionDays = noncurrentDays(wanted.find(({ ID }) => ID === LIFECYCLE_RULES.noncurrent)) ?? Infinity;
  const harmful = found
    .filter((rule) => !isOurRule(rule) && rule.Status !== 'Disabled' && isHarmful(rule, versionDays))
    .map(
      (rule): BucketDeviation => ({
        check: 'lifecycle-access',
        expected: 'no rule that deletes backups or puts them out of reach',
        found: `rule ${rule.ID ?? '(unnamed)'}: ${actionsOf(rule)}`,
        fix: null,
      }),
    );
  return [...ours, ...leftover, ...harmful];
}

/** Days after which a rule removes old versions; null when it does not. */
function noncurrentDays(rule: Readonly<Record<string, unknown>> | undefined): number | null {
  return (rule?.NoncurrentVersionExpiration as { NoncurrentDays?: number } | undefined)?.NoncurrentDays ?? null;
}

/** Expires current objects, or old versions sooner than was chosen, or moves objects to where reading takes hours. */
function isHarmful(rule: Readonly<Record<string, unknown>>, versionDays: number): boolean {
  const { Days, Date: on } = (rule.Expiration ?? {}) as { Days?: number; Date?: unknown };
  const moves = (rule.Transitions ?? []) as readonly { readonly StorageClass?: string }[];
  const isCold = moves.some(({ StorageClass = '' }) => ['GLACIER', 'DEEP_ARCHIVE'].includes(StorageClass));
  const isHasty = (noncurrentDays(rule) ?? Infinity) < versionDays;
  return Days !== undefined || on !== undefined || isCold || isHasty;
}

function actionsOf({ ID: _id, Filter, Prefix, ...rule }: Readonly<Record<string, unknown>>): string {
  const where = Filter ?? (Prefix === undefined ? undefined : { Prefix });
  return JSON.stringify({ ...rule, ...(where === undefined ? {} : { Filter: where }) });
}
