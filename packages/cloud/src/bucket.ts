/** Creates, shows and audits buckets. Nothing here deletes a bucket. */
import type { BucketPlan, BucketRequest, BucketSetting } from './bucket-plan.ts';
import type { AwsClients } from './clients.ts';
import type { AskOptions, RunOptions } from './run.ts';

/** How one setting of a bucket compares with what it should be. */
export interface BucketFinding {
  readonly setting: BucketSetting;
  readonly state: 'as-wanted' | 'different' | 'missing';
  /** What AWS answered; null when nothing is set. */
  readonly found: unknown;
  /** False for what can only be set at creation. */
  readonly fixable: boolean;
}

export interface BucketAudit {
  readonly plan: BucketPlan;
  readonly exists: boolean;
  readonly findings: readonly BucketFinding[];
  readonly asWanted: boolean;
}

export interface BucketReport {
  readonly name: string;
  readonly region: string;
  readonly created: boolean;
  readonly settings: readonly { readonly setting: string; readonly summary: string; readonly changed: boolean }[];
}

export interface BucketContents {
  readonly objects: number;
  readonly bytes: number;
  /** Names below `hosts/`. */
  readonly hosts: readonly string[];
}

/** Checks the name against S3's rules and lists every setting; asks only who the caller is. */
export function planBucket(clients: AwsClients, request: BucketRequest): Promise<BucketPlan> {
  throw new Error(`not implemented: ${clients.region} ${request.name}`);
}

/** Creates or adopts the bucket and applies what differs. May be repeated. Throws 'bucket-taken' for someone else's bucket. */
export function createBucket(clients: AwsClients, plan: BucketPlan, options: RunOptions): Promise<BucketReport> {
  throw new Error(`not implemented: ${clients.region} ${plan.name} ${options.ledger.directory}`);
}

/** Compares an existing bucket with the plan; reads only. */
export function auditBucket(clients: AwsClients, plan: BucketPlan, options: AskOptions = {}): Promise<BucketAudit> {
  throw new Error(`not implemented: ${clients.region} ${plan.name} ${options.signal}`);
}

/** Applies the fixable findings of an audit. */
export function fixBucket(clients: AwsClients, audit: BucketAudit, options: RunOptions): Promise<BucketReport> {
  throw new Error(`not implemented: ${clients.region} ${audit.plan.name} ${options.ledger.directory}`);
}

/** Counts the current objects below a prefix by listing them. */
export function showBucket(
  clients: AwsClients,
  bucket: { readonly name: string; readonly prefix?: string },
  options: AskOptions = {},
): Promise<BucketContents> {
  throw new Error(`not implemented: ${clients.region} ${bucket.name} ${options.signal}`);
}
