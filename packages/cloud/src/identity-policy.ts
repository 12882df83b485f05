/**
 * What a backed-up host may do in its bucket: read and create below its prefix, delete its locks, nothing else. Pure.
 * A host with root on itself and this role can add to history and never change or delete it.
 */
import { useKey } from './bucket-key.ts';
import type { PolicyDocument } from './bucket-policy.ts';
import { NEVER_BUCKET, NEVER_VERSIONS, neverAgents } from './denials.ts';

export interface HostPolicyOptions {
  readonly partition: string;
  readonly bucket: string;
  /** Ends with '/'. */
  readonly prefix: string;
  /** Whether `config` and `keys/` may be created. A host that may could also add a broken key that bars everybody. */
  readonly initialize: boolean;
  readonly kmsKeyArn: string | null;
}

/** The role's trust policy: EC2 instances may assume it, nobody else. */
export function hostTrust(partition: string): PolicyDocument {
  const service = partition === 'aws-cn' ? 'ec2.amazonaws.com.cn' : 'ec2.amazonaws.com';
  return {
    Version: '2012-10-17',
    Statement: [{ Sid: 'Ec2', Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
  };
}

export function hostPolicy(options: HostPolicyOptions): PolicyDocument {
  const bucket = `arn:${options.partition}:s3:::${options.bucket}`;
  const below = (path: string): string => `${bucket}/${options.prefix}${path}`;
  const writable = [
    'data/*',
    'index/*',
    'snapshots/*',
    'locks/*',
    'runs/*/out/*', // answers of the agent over SSM; sealed, and never part of the repository
    ...(options.initialize ? ['config', 'keys/*'] : []),
  ].map(below);
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'ListOwnPrefix',
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: bucket,
        Condition: { StringLike: { 's3:prefix': [options.prefix.slice(0, -1), `${options.prefix}*`] } },
      },
      { Sid: 'FindRegion', Effect: 'Allow', Action: 's3:GetBucketLocation', Resource: bucket },
      { Sid: 'ReadOwn', Effect: 'Allow', Action: 's3:GetObject', Resource: below('*') },
      { Sid: 'ReadAgents', Effect: 'Allow', Action: 's3:GetObject', Resource: `${bucket}/agents/*` },
      {
        // Allowed only with the header, so an endpoint that does not know the key refuses rather than permits.
        Sid: 'CreateOwn',
        Effect: 'Allow',
        Action: 's3:PutObject',
        Resource: writable,
        Condition: { Null: { 's3:if-none-match': 'false' } },
      },
      {
        // Parts carry no condition; the request that completes them is an object creation and needs the header.
        Sid: 'UploadParts',
        Effect: 'Allow',
        Action: 's3:PutObject',
        Resource: writable,
        Condition: { Bool: { 's3:ObjectCreationOperation': 'false' } },
      },
      {
        Sid: 'GiveUpParts',
        Effect: 'Allow',
        Action: ['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
        Resource: writable,
      },
      { Sid: 'DropLocks', Effect: 'Allow', Action: 's3:DeleteObject', Resource: below('locks/*') },
      ...(options.kmsKeyArn === null ? [] : [useKey(options.kmsKeyArn)]),
      NEVER_VERSIONS,
      neverAgents(bucket),
      NEVER_BUCKET,
    ],
  };
}

/**
 * What the SSM agent calls to receive commands and sessions, and no more: AWS's own AmazonSSMManagedInstanceCore also reads
 * every parameter of the account. Source: Systems Manager "Create a custom IAM role for Session Manager", SSM Agent "API".
 */
export function ssmPolicy(): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'SsmAgent',
        Effect: 'Allow',
        Action: [
          'ssm:UpdateInstanceInformation',
          'ssm:ListInstanceAssociations',
          'ssm:ListAssociations',
          'ssmmessages:CreateControlChannel',
          'ssmmessages:CreateDataChannel',
          'ssmmessages:OpenControlChannel',
          'ssmmessages:OpenDataChannel',
          'ec2messages:AcknowledgeMessage',
          'ec2messages:DeleteMessage',
          'ec2messages:FailMessage',
          'ec2messages:GetEndpoint',
          'ec2messages:GetMessages',
          'ec2messages:SendReply',
        ],
        Resource: '*',
      },
    ],
  };
}
