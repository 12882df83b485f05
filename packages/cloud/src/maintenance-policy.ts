/**
 * What the maintenance role may do, and who may take it. Pure. It deletes for forget and prune, below the bucket's
 * prefixes; it cannot touch old versions, retention or the bucket itself, so what it deletes comes back until the
 * versions expire. Machines never get it: its trust names no service, and refuses the roles that we give to hosts.
 */
import { useKey } from './bucket-key.ts';
import type { PolicyDocument, PolicyStatement } from './bucket-policy.ts';
import { NEVER_BUCKET, NEVER_VERSIONS, neverAgents } from './denials.ts';

export interface MaintenanceTrust {
  readonly partition: string;
  readonly account: string;
  /** Who may assume the role; default everybody in the account whose own policies allow it. */
  readonly principal?: string;
  /** Whether a sign-in with a second factor is demanded. */
  readonly mfa: boolean;
  /** IAM path of the roles that hosts get. */
  readonly hostPath: string;
}

export function maintenanceTrust(trust: MaintenanceTrust): PolicyDocument {
  const account = `arn:${trust.partition}:iam::${trust.account}`;
  const operator: PolicyStatement = {
    Sid: 'Operator',
    Effect: 'Allow',
    Principal: { AWS: trust.principal ?? `${account}:root` },
    Action: 'sts:AssumeRole',
    ...(trust.mfa ? { Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } } } : {}),
  };
  const neverHosts: PolicyStatement = {
    Sid: 'NeverHosts',
    Effect: 'Deny',
    Principal: { AWS: '*' },
    Action: 'sts:AssumeRole',
    Condition: { ArnLike: { 'aws:PrincipalArn': `${account}:role${trust.hostPath}*` } },
  };
  return { Version: '2012-10-17', Statement: [operator, neverHosts] };
}

export function maintenancePolicy(options: {
  readonly partition: string;
  readonly bucket: string;
  /** Empty for the whole bucket, else ends with '/'. */
  readonly prefix: string;
  readonly kmsKeyArn: string | null;
}): PolicyDocument {
  const bucket = `arn:${options.partition}:s3:::${options.bucket}`;
  const objects = `${bucket}/${options.prefix}*`;
  const list: PolicyStatement = {
    Sid: 'List',
    Effect: 'Allow',
    Action: ['s3:ListBucket'],
    Resource: bucket,
    ...(options.prefix === ''
      ? {}
      : { Condition: { StringLike: { 's3:prefix': [options.prefix.slice(0, -1), `${options.prefix}*`] } } }),
  };
  return {
    Version: '2012-10-17',
    Statement: [
      list,
      { Sid: 'FindRegion', Effect: 'Allow', Action: 's3:GetBucketLocation', Resource: bucket },
      {
        Sid: 'Maintain',
        Effect: 'Allow',
        Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
        Resource: objects,
      },
      ...(options.kmsKeyArn === null ? [] : [useKey(options.kmsKeyArn)]),
      NEVER_VERSIONS,
      neverAgents(bucket),
      NEVER_BUCKET,
    ],
  };
}
