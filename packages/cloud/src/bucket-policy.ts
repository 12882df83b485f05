/** The bucket policy: what nobody may do, whatever their own policies say. Pure. */

export interface PolicyStatement {
  /** Ours always have one; those of others may not. */
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  /** Absent in trust policies alone. */
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface PolicyDocument {
  readonly Version: '2012-10-17' | '2008-10-17';
  readonly Statement: readonly PolicyStatement[];
}

/** Statement ids that belong to us; those of others in the same policy are left alone. */
export const OUR_STATEMENT: RegExp = /^Hostark/;

/**
 * Object kinds that are written once and never again: those of a repository but its locks, which come and go, and the
 * agents that run as root on hosts.
 */
const WRITE_ONCE = ['data/*', 'index/*', 'snapshots/*', 'keys/*', 'config', 'agents/*'] as const;

export interface BucketPolicyOptions {
  readonly partition: string;
  readonly bucket: string;
  /** Refuse requests without TLS 1.2. False only for endpoints that have no TLS at all. */
  readonly tls: boolean;
  readonly createOnly: boolean;
}

export function bucketPolicy(options: BucketPolicyOptions): PolicyDocument {
  const bucket = `arn:${options.partition}:s3:::${options.bucket}`;
  const everything = { Principal: '*', Action: 's3:*', Resource: [bucket, `${bucket}/*`] } as const;
  const tls: PolicyStatement[] = [
    { Sid: 'HostarkTlsOnly', Effect: 'Deny', ...everything, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
    { Sid: 'HostarkTls12', Effect: 'Deny', ...everything, Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } } },
  ];
  const customerKeys: PolicyStatement = {
    // SSE-C objects can be read only with a key that the repository does not know
    Sid: 'HostarkNoCustomerKeys',
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:PutObject',
    Resource: `${bucket}/*`,
    Condition: { Null: { 's3:x-amz-server-side-encryption-customer-algorithm': 'false' } },
  };
  const createOnly: PolicyStatement = {
    // S3 "Enforce conditional writes": parts of a multipart upload carry no condition, its completion does
    Sid: 'HostarkCreateOnly',
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:PutObject',
    Resource: WRITE_ONCE.flatMap((path) => [`${bucket}/${path}`, `${bucket}/*/${path}`]),
    Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
  };
  return {
    Version: '2012-10-17',
    Statement: [...(options.tls ? tls : []), customerKeys, ...(options.createOnly ? [createOnly] : [])],
  };
}

/** Reads a policy. IAM lets a single statement stand without its list. */
export function parsePolicy(text: string): PolicyDocument {
  const policy = JSON.parse(text) as PolicyDocument & { readonly Statement?: unknown };
  const statements = [policy.Statement ?? []].flat() as PolicyStatement[];
  return { ...policy, Statement: statements };
}

/** Statements of a policy that are not ours. */
export function foreignStatements(policy: PolicyDocument | null): readonly PolicyStatement[] {
  return (policy?.Statement ?? []).filter((statement) => !OUR_STATEMENT.test(statement.Sid ?? ''));
}

/** Returns `theirs` with our statements replaced by `ours`; its version and id stay, since versions read variables differently. */
export function mergePolicy(theirs: PolicyDocument | null, ours: PolicyDocument): PolicyDocument {
  return { ...ours, ...theirs, Statement: [...foreignStatements(theirs), ...ours.Statement] };
}
