/** S3 Block Public Access and the other settings of a bucket that its kept XML says. */
import { parsePolicy } from '../policy/document.ts';
import { isPublic } from '../policy/public.ts';
import { child, childrenOf, childText, parseXml, type XmlElement } from '../xml/parse.ts';
import type { BucketRecord, ConfigurationName, Encryption, Retention } from './records.ts';

/** A kept configuration as an element; null when the bucket has none. */
export function configuration(record: BucketRecord, name: ConfigurationName): XmlElement | null {
  const inner = record.configurations[name];
  return inner === undefined ? null : parseXml(`<Configuration>${inner}</Configuration>`);
}

function flag(record: BucketRecord, name: string): boolean {
  const block = configuration(record, 'publicAccessBlock');
  return block !== null && childText(block, name)?.toLowerCase() === 'true';
}

/** Whether a public policy may not be put. */
export function blocksPublicPolicy(record: BucketRecord): boolean {
  return flag(record, 'BlockPublicPolicy');
}

export function hasPublicPolicy(record: BucketRecord): boolean {
  return record.policy !== null && isPublic(parsePolicy(record.policy, 'resource'));
}

/** Whether callers from outside the account are refused although the policy lets them in. */
export function blocksPublicAccess(record: BucketRecord): boolean {
  return flag(record, 'RestrictPublicBuckets') && hasPublicPolicy(record);
}

/** With BucketOwnerEnforced there are no ACLs. */
export function hasAcls(record: BucketRecord): boolean {
  const controls = configuration(record, 'ownershipControls');
  const rule = controls && child(controls, 'Rule');
  return rule !== null && childText(rule, 'ObjectOwnership') !== 'BucketOwnerEnforced';
}

/** Encryption of objects that do not ask for another: the bucket's rule, else SSE-S3 as since January 2023. */
export function defaultEncryption(record: BucketRecord): Encryption {
  const root = configuration(record, 'encryption');
  const rule = root && child(root, 'Rule');
  const byDefault = rule && child(rule, 'ApplyServerSideEncryptionByDefault');
  const algorithm = (byDefault && childText(byDefault, 'SSEAlgorithm')) ?? 'AES256';
  const keyId = byDefault && childText(byDefault, 'KMSMasterKeyID');
  return {
    algorithm: algorithm as Encryption['algorithm'],
    ...(keyId ? { keyId } : {}),
    ...(rule && childText(rule, 'BucketKeyEnabled')?.toLowerCase() === 'true' ? { bucketKey: true } : {}),
  };
}

/** Whether uploads with customer-provided keys are switched off. */
export function blocksCustomerKeys(record: BucketRecord): boolean {
  const root = configuration(record, 'encryption');
  const rule = root && child(root, 'Rule');
  const blocked = rule && child(rule, 'BlockedEncryptionTypes');
  return blocked !== null && childrenOf(blocked, 'EncryptionType').some((type) => type.text.trim() === 'SSE-C');
}

const DAY_MS = 86_400_000;

/** Retention of new objects that bring none; null when the bucket has no default. */
export function defaultRetention(record: BucketRecord, now: number): Retention | null {
  const root = configuration(record, 'object-lock');
  const rule = root && child(root, 'Rule');
  const retention = rule && child(rule, 'DefaultRetention');
  if (retention === null) return null;
  const days = Number(childText(retention, 'Days') ?? 0) + Number(childText(retention, 'Years') ?? 0) * 365;
  return {
    mode: childText(retention, 'Mode') === 'COMPLIANCE' ? 'COMPLIANCE' : 'GOVERNANCE',
    until: now + days * DAY_MS,
  };
}
