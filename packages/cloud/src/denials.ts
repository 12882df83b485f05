/** What no role of ours may do, whatever else it comes to allow: explicit denials win over every permission. */
import type { PolicyStatement } from './bucket-policy.ts';

/** Versions are what remains when current objects are lost: nobody of ours removes them or shortens their protection. */
export const NEVER_VERSIONS: PolicyStatement = {
  Sid: 'NeverVersions',
  Effect: 'Deny',
  Action: [
    's3:DeleteObjectVersion',
    's3:BypassGovernanceRetention',
    's3:PutObjectRetention',
    's3:PutObjectLegalHold',
    's3:PutObjectAcl',
    's3:PutObjectVersionAcl',
  ],
  Resource: '*',
};

export const NEVER_BUCKET: PolicyStatement = {
  Sid: 'NeverBucket',
  Effect: 'Deny',
  Action: [
    's3:PutBucket*',
    's3:DeleteBucket*',
    's3:PutLifecycleConfiguration',
    's3:PutEncryptionConfiguration',
    's3:PutReplicationConfiguration',
    's3:PutAccountPublicAccessBlock',
  ],
  Resource: '*',
};

/** Agents run as root on hosts: neither hosts nor maintenance put or take any. `bucket`: its ARN. */
export function neverAgents(bucket: string): PolicyStatement {
  return {
    Sid: 'NeverAgents',
    Effect: 'Deny',
    Action: ['s3:PutObject', 's3:DeleteObject'],
    Resource: `${bucket}/agents/*`,
  };
}
