/** GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus. */
import type { IdentityStore } from '../auth/identities.ts';
import { ServiceError } from '../http/service-error.ts';
import { type Policy, PolicyError, parsePolicy } from '../policy/document.ts';
import { isPublic } from '../policy/public.ts';
import { NO_CONTENT, type Operation, xmlAnswer } from './call.ts';
import { accessDenied } from './errors.ts';
import { blocksPublicPolicy, hasPublicPolicy } from './public-access.ts';

/** S3 user guide, "Bucket policies": 20 KB. */
const MAX_POLICY_BYTES = 20 * 1024;

export const getBucketPolicy: Operation = async (call) => {
  const { record } = call.bucket();
  call.require('s3:GetBucketPolicy', call.bucketArn());
  if (record.policy === null) throw noPolicy(record.name);
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: record.policy };
};

export const getBucketPolicyStatus: Operation = async (call) => {
  const { record } = call.bucket();
  call.require('s3:GetBucketPolicyStatus', call.bucketArn());
  if (record.policy === null) throw noPolicy(record.name);
  return xmlAnswer('PolicyStatus', { IsPublic: hasPublicPolicy(record) });
};

export const putBucketPolicy: Operation = async (call) => {
  const bucket = call.bucket();
  call.require('s3:PutBucketPolicy', call.bucketArn());
  const bytes = await call.request.body.bytes();
  const text = Buffer.from(bytes).toString('utf8');
  if (bytes.length > MAX_POLICY_BYTES) throw malformed('Policy exceeds the maximum allowed document size.');
  const policy = parsed(text);
  checkResources(policy, call.bucketArn());
  checkPrincipals(policy, call.context.identities);
  if (isPublic(policy) && blocksPublicPolicy(bucket.record))
    throw accessDenied(
      `User is not authorized to perform: s3:PutBucketPolicy on resource: "${call.bucketArn()}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.`,
    );
  await bucket.configure({ ...bucket.record, policy: text });
  return { ...NO_CONTENT, resource: call.bucketArn() };
};

export const deleteBucketPolicy: Operation = async (call) => {
  const bucket = call.bucket();
  call.require('s3:DeleteBucketPolicy', call.bucketArn());
  await bucket.configure({ ...bucket.record, policy: null });
  return { ...NO_CONTENT, resource: call.bucketArn() };
};

function parsed(text: string): Policy {
  try {
    return parsePolicy(text, 'resource');
  } catch (cause) {
    if (cause instanceof PolicyError) throw malformed(cause.message);
    throw cause;
  }
}

/** A bucket's policy speaks of that bucket alone, and only of S3's actions. */
function checkResources(policy: Policy, arn: string): void {
  for (const { resources, actions } of policy.statements) {
    for (const entry of resources?.entries ?? [])
      if (entry !== arn && !entry.startsWith(`${arn}/`) && !(entry.endsWith('*') && arn.startsWith(entry.slice(0, -1))))
        throw malformed('Policy has invalid resource');
    for (const action of actions.entries)
      if (action !== '*' && !/^s3:/i.test(action)) throw malformed('Policy has invalid action');
  }
}

/** S3 looks named users and roles up: a policy that names one that is gone, or not yet there, is refused. */
function checkPrincipals(policy: Policy, identities: IdentityStore): void {
  for (const { principals } of policy.statements) {
    for (const { type, value } of principals?.entries ?? []) {
      const [, kind, name = ''] = /^arn:aws:iam::\d{12}:(user|role)\/(?:.*\/)?([^/]+)$/.exec(value) ?? [];
      if (type !== 'AWS' || kind === undefined) continue;
      const user = kind === 'user' ? identities.user(name) : null;
      const role = kind === 'role' ? identities.role(name) : null;
      const arn = user ? identities.userArn(user) : role ? identities.roleArn(role) : null;
      if (arn !== value) throw malformed('Invalid principal in policy');
    }
  }
}

function malformed(message: string): ServiceError {
  return new ServiceError(400, 'MalformedPolicy', message);
}

function noPolicy(bucket: string): ServiceError {
  return new ServiceError(404, 'NoSuchBucketPolicy', 'The bucket policy does not exist', {
    fields: { BucketName: bucket },
  });
}
