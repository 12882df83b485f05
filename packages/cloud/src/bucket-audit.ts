/** Compares a bucket with its hardening and says what is off and what a fix would do; then does it. */
import type { S3Client } from '@aws-sdk/client-s3';
import { isHostarkError } from '@hostark/protocol';
import { unless } from './aws-error.ts';
import { auditBucket, type BucketAudit, type BucketReport, fixBucket } from './bucket.ts';
import { BUCKET_CHECKS, type BucketDeviation, deviationsOf } from './bucket-checks.ts';
import type { BucketPlan } from './bucket-plan.ts';
import { foreignStatements, type PolicyDocument } from './bucket-policy.ts';
import { isOurRule, type LifecycleRules } from './bucket-settings.ts';
import type { AwsClients } from './clients.ts';
import { type AskOptions, callOptions, type RunOptions } from './run.ts';
import { isOurs, type Tags } from './tags.ts';

export interface BucketAuditPlan {
  readonly kind: 'bucket-audit';
  readonly bucket: string;
  readonly region: string;
  readonly exists: boolean;
  /** Whether the bucket carries our tag: somebody else's is adopted only when asked to. */
  readonly ours: boolean;
  readonly deviations: readonly BucketDeviation[];
  /** What is there and left alone: replication, statements and rules of others. */
  readonly notes: readonly string[];
  /** What the deviations were found in. */
  readonly audit: BucketAudit;
}

export interface AuditOptions extends AskOptions {
  /** Accounts and ARNs that a policy may let in without being told. */
  readonly allowedPrincipals?: readonly string[];
}

/** Reads every setting; changes nothing. */
export async function planBucketAudit(
  clients: AwsClients,
  plan: BucketPlan,
  options: AuditOptions = {},
): Promise<BucketAuditPlan> {
  const audit = await auditBucket(clients, plan, options);
  const head = { kind: 'bucket-audit', bucket: plan.name, region: plan.region, exists: audit.exists } as const;
  if (!audit.exists) return { ...head, ours: false, deviations: [], notes: [], audit };
  const s3 = await clients.s3(plan.region);
  const known = { account: plan.account, allowed: options.allowedPrincipals ?? [] };
  const acl = await aclDeviations(s3, plan.name, options);
  const deviations = [...acl, ...audit.findings.flatMap((finding) => deviationsOf(finding, known))];
  deviations.sort((a, b) => BUCKET_CHECKS.indexOf(a.check) - BUCKET_CHECKS.indexOf(b.check));
  const notes = [...notesOn(audit), ...(await replicationNotes(s3, plan.name, options))];
  const tags = audit.findings.find(({ setting }) => setting.setting === 'tags')?.found;
  return { ...head, ours: isOurs((tags ?? {}) as Tags), deviations, notes, audit };
}

/**
 * Does what the plan says can be fixed. What others have put into the bucket stays. Throws 'cloud-refused' when a public
 * statement of others keeps S3 from taking the policy.
 */
export async function runBucketAudit(
  clients: AwsClients,
  plan: BucketAuditPlan,
  options: RunOptions,
): Promise<BucketReport> {
  if (plan.deviations.some(({ check }) => check === 'acl')) {
    const { PutBucketAclCommand } = await import('@aws-sdk/client-s3');
    const s3 = await clients.s3(plan.region);
    // Before the ownership: S3 does not switch ACLs off while they let others in.
    await s3.send(new PutBucketAclCommand({ Bucket: plan.bucket, ACL: 'private' }), callOptions(options));
    options.onEvent?.({ type: 'step', step: 'acl', state: 'done', resource: 'bucket', id: plan.bucket });
  }
  return fixBucket(clients, plan.audit, options);
}

/** Grants of the bucket's ACL to anybody but its owner. They count only while ACLs are on. */
async function aclDeviations(s3: S3Client, Bucket: string, options: AskOptions): Promise<BucketDeviation[]> {
  const { GetBucketAclCommand } = await import('@aws-sdk/client-s3');
  const { Owner, Grants = [] } = await s3.send(new GetBucketAclCommand({ Bucket }), callOptions(options));
  const foreign = Grants.filter(({ Grantee }) => Grantee?.ID === undefined || Grantee.ID !== Owner?.ID);
  if (foreign.length === 0) return [];
  const told = foreign.map(({ Grantee, Permission }) => `${Permission} for ${Grantee?.URI ?? Grantee?.ID ?? '?'}`);
  return [{ check: 'acl', expected: 'no grants to others', found: told.join(', '), fix: 'make the ACL private' }];
}

function notesOn(audit: BucketAudit): string[] {
  const found = (name: string): unknown =>
    audit.findings.find(({ setting }) => setting.setting === name)?.found ?? null;
  const statements = foreignStatements(found('policy') as PolicyDocument | null);
  const rules = ((found('lifecycle') as LifecycleRules | null)?.Rules ?? []).filter((rule) => !isOurRule(rule));
  return [
    ...statements.map(({ Sid }) => `policy statement ${Sid ?? '(unnamed)'} of others is left alone`),
    ...rules.map(({ ID }) => `lifecycle rule ${ID ?? '(unnamed)'} of others is left alone`),
  ];
}

/** Replication is somebody's choice: named, never changed. Stores that do not know it have none. */
async function replicationNotes(s3: S3Client, Bucket: string, options: AskOptions): Promise<string[]> {
  const { GetBucketReplicationCommand } = await import('@aws-sdk/client-s3');
  const answer = await unless(
    s3.send(new GetBucketReplicationCommand({ Bucket }), callOptions(options)),
    ...['ReplicationConfigurationNotFoundError', 'NotImplemented', 'MethodNotAllowed'],
  ).catch((error: unknown) => {
    if (isHostarkError(error, 'cloud-denied')) return null; // not needed for anything else
    throw error;
  });
  return (answer?.ReplicationConfiguration?.Rules ?? []).map(
    (rule) => `replication ${rule.ID ?? ''} to ${rule.Destination?.Bucket ?? '?'} is left alone`,
  );
}
