/** Creates, shows and audits buckets. Nothing here deletes a bucket. */
import type { S3Client } from '@aws-sdk/client-s3';
import { HostarkError } from '@hostark/protocol';
import { awsCode, awsStatus, redirectRegion } from './aws-error.ts';
import { choicesOf } from './bucket-choices.ts';
import { checkBucketName } from './bucket-name.ts';
import { type BucketPlan, type BucketRequest, type BucketSetting, bucketPlan } from './bucket-plan.ts';
import { SETTING_ACCESS } from './bucket-settings.ts';
import type { AwsClients } from './clients.ts';
import { isHere } from './cloud-place.ts';
import { type AskOptions, callOptions, type RunOptions } from './run.ts';
import { checkAbort, eventually } from './wait.ts';

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

/**
 * Checks the name against S3's rules and lists every setting. What the request leaves open is what the bucket remembers,
 * if it exists: asks who the caller is and for the bucket's tags, nothing more.
 */
export async function planBucket(clients: AwsClients, request: BucketRequest): Promise<BucketPlan> {
  const place = { region: request.region ?? clients.region, partition: clients.partition, endpoint: clients.endpoint };
  bucketPlan({ ...place, account: '' }, request); // bad names are refused without a call
  const { account } = await clients.caller();
  const remembered = await choicesOf(clients, request.name, place.region);
  return bucketPlan({ ...place, account }, { ...remembered, ...request });
}

/** Creates or adopts the bucket and applies what differs. May be repeated. Throws 'bucket-taken' for someone else's bucket. */
export async function createBucket(clients: AwsClients, plan: BucketPlan, options: RunOptions): Promise<BucketReport> {
  const s3 = await clients.s3(plan.region);
  const exists = await findBucket(clients, plan);
  options.onEvent?.({
    type: 'step',
    step: 'create',
    state: exists ? 'kept' : 'started',
    resource: 'bucket',
    id: plan.name,
  });
  const marks = await create(s3, plan, exists, options);
  if (!exists) options.onEvent?.({ type: 'step', step: 'create', state: 'done', resource: 'bucket', id: plan.name });
  const marked = plan.settings.map((setting) =>
    setting.setting === 'tags' ? { ...setting, wanted: { ...(setting.wanted as object), ...marks } } : setting,
  );
  const findings = await inspect(s3, { ...plan, settings: marked }, options);
  expectFixable(plan.name, findings);
  return {
    name: plan.name,
    region: plan.region,
    created: !exists,
    settings: await apply(s3, plan.name, findings, options),
  };
}

/** Compares an existing bucket with the plan; reads only. */
export async function auditBucket(
  clients: AwsClients,
  plan: BucketPlan,
  options: AskOptions = {},
): Promise<BucketAudit> {
  if (!(await findBucket(clients, plan))) return { plan, exists: false, findings: [], asWanted: false };
  const findings = await inspect(await clients.s3(plan.region), plan, options);
  return { plan, exists: true, findings, asWanted: findings.every((finding) => finding.state === 'as-wanted') };
}

/** Applies the fixable findings of an audit. */
export async function fixBucket(clients: AwsClients, audit: BucketAudit, options: RunOptions): Promise<BucketReport> {
  // The policy comes last: S3 may refuse it for what others have put into it, and the rest is done then.
  const isPolicy = (finding: BucketFinding): number => Number(finding.setting.setting === 'policy');
  const fixable = audit.findings.filter((finding) => finding.fixable).sort((a, b) => isPolicy(a) - isPolicy(b));
  const settings = await apply(await clients.s3(audit.plan.region), audit.plan.name, fixable, options);
  return { name: audit.plan.name, region: audit.plan.region, created: false, settings };
}

/** Throws 'usage' unless the bucket exists in the clients' region, 'cloud-denied' if the caller may not see it. */
export async function expectBucket(clients: AwsClients, name: string, options: AskOptions = {}): Promise<void> {
  checkBucketName(name);
  const { HeadBucketCommand } = await import('@aws-sdk/client-s3');
  const s3 = await clients.s3();
  let found: string | undefined;
  try {
    found = (await s3.send(new HeadBucketCommand({ Bucket: name }), callOptions(options))).BucketRegion;
  } catch (cause) {
    if (awsStatus(cause) === 404) {
      throw new HostarkError('usage', `bucket ${name}: there is none`, {
        hint: `create it first: hostark bucket create ${name}`,
        cause,
      });
    }
    found = redirectRegion(cause) ?? undefined;
    if (found === undefined || found === clients.region) throw cause;
  }
  if (found === undefined || found === clients.region) return;
  throw new HostarkError('usage', `bucket ${name}: expected in ${clients.region}, found in ${found}`, {
    hint: `give --region ${found}, or name a bucket of ${clients.region}`,
  });
}

/** Whether the bucket exists and is the caller's, in the plan's region. Throws 'bucket-taken' when it is not. */
async function findBucket(clients: AwsClients, plan: BucketPlan): Promise<boolean> {
  const { HeadBucketCommand } = await import('@aws-sdk/client-s3');
  const s3 = await clients.s3(plan.region);
  try {
    const { BucketRegion } = await s3.send(
      new HeadBucketCommand({
        Bucket: plan.name,
        ...(plan.account === '' ? {} : { ExpectedBucketOwner: plan.account }),
      }),
    );
    if (BucketRegion !== undefined && BucketRegion !== plan.region) throw elsewhere(plan, BucketRegion);
    return true;
  } catch (error) {
    if (awsStatus(error) === 404) return false;
    const region = redirectRegion(error);
    if (region !== null && region !== plan.region) throw elsewhere(plan, region);
    if (awsStatus(error) === 403) throw taken(plan, error);
    throw error;
  }
}

function elsewhere(plan: BucketPlan, region: string): HostarkError {
  return new HostarkError('bucket-taken', `bucket ${plan.name}: expected in ${plan.region}, found in ${region}`, {
    hint: `give --region ${region}, or choose another name`,
    context: { bucket: plan.name, expected: plan.region, found: region },
  });
}

function taken(plan: BucketPlan, cause: unknown): HostarkError {
  return new HostarkError(
    'bucket-taken',
    `bucket ${plan.name}: it exists and does not belong to account ${plan.account}`,
    {
      hint: 'bucket names are shared by all accounts: choose another name',
      context: { bucket: plan.name },
      cause,
    },
  );
}

/** Returns the marks that tie the bucket to the ledger: none for a bucket that somebody else made. */
async function create(
  s3: S3Client,
  plan: BucketPlan,
  exists: boolean,
  options: RunOptions,
): Promise<Record<string, string>> {
  const { ledger } = options;
  const left = (await ledger.openResources()).find(
    (entry) => entry.kind === 'bucket' && entry.name === plan.name && isHere(entry, plan),
  );
  if (exists) {
    if (left?.state === 'intended') await ledger.created(left.id, plan.name); // made by a run that was killed right after
    return left === undefined ? {} : { ...left.tags };
  }
  const run = await ledger.begin();
  try {
    const { account, region, endpoint } = plan;
    if (left?.state === 'created') await ledger.deleted(left.id); // deleted behind our back
    const entry =
      left?.state === 'intended'
        ? left
        : await ledger.intend({ kind: 'bucket', name: plan.name, run, host: null, region, account, endpoint });
    await requestBucket(s3, plan, options).catch(async (error: unknown) => {
      if (awsCode(error) === 'BucketAlreadyOwnedByYou') return;
      if (awsCode(error) !== 'BucketAlreadyExists') throw error;
      await ledger.deleted(entry.id);
      throw taken(plan, error);
    });
    await ledger.created(entry.id, plan.name);
    return { ...entry.tags };
  } finally {
    await ledger.end(run);
  }
}

async function requestBucket(s3: S3Client, plan: BucketPlan, options: RunOptions): Promise<void> {
  const { CreateBucketCommand } = await import('@aws-sdk/client-s3');
  const input = {
    Bucket: plan.name,
    // us-east-1 must not be named: it is S3's default and refused as a constraint
    ...(plan.region === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint: plan.region as never } }),
    ...(plan.objectLock ? { ObjectLockEnabledForBucket: true } : {}),
  };
  await s3.send(new CreateBucketCommand(input), callOptions(options));
}

async function inspect(s3: S3Client, plan: BucketPlan, options: AskOptions): Promise<BucketFinding[]> {
  const findings: BucketFinding[] = [];
  for (const setting of plan.settings) {
    checkAbort(options.signal);
    const access = SETTING_ACCESS[setting.setting];
    const found = await settled(() => access.read(s3, plan.name), plan.name, options.signal);
    const state = found === null ? 'missing' : access.same(found, setting.wanted) ? 'as-wanted' : 'different';
    // Object Lock can be configured later only on a bucket that was created with it.
    findings.push({ setting, state, found, fixable: setting.setting !== 'object-lock' || found !== null });
  }
  return findings;
}

/** Before anything is changed. Throws 'cloud-refused' for what can only be set at creation. */
function expectFixable(bucket: string, findings: readonly BucketFinding[]): void {
  if (findings.every(({ state, fixable }) => state === 'as-wanted' || fixable)) return;
  throw new HostarkError(
    'cloud-refused',
    `bucket ${bucket}: Object Lock can only be switched on when a bucket is created`,
    { hint: 'create another bucket, or leave Object Lock out; nothing was changed' },
  );
}

async function apply(
  s3: S3Client,
  bucket: string,
  findings: readonly BucketFinding[],
  options: RunOptions,
): Promise<BucketReport['settings']> {
  const done: { setting: string; summary: string; changed: boolean }[] = [];
  for (const { setting, state, found } of findings) {
    checkAbort(options.signal);
    const changed = state !== 'as-wanted';
    const event = { type: 'step', step: setting.setting, resource: 'bucket', id: bucket } as const;
    if (changed) {
      options.onEvent?.({ ...event, state: 'started' });
      await settled(
        () => SETTING_ACCESS[setting.setting].write(s3, bucket, setting.wanted, found),
        bucket,
        options.signal,
      );
    }
    options.onEvent?.({ ...event, state: changed ? 'done' : 'kept' });
    done.push({ setting: setting.setting, summary: setting.summary, changed });
  }
  return done;
}

/** A bucket just created may be unknown to some of S3's servers, or busy with the change before. */
function settled<T>(call: () => Promise<T>, bucket: string, signal: AbortSignal | undefined): Promise<T> {
  const passing = (error: unknown): boolean => ['NoSuchBucket', 'OperationAborted'].includes(awsCode(error));
  return eventually(call, passing, { what: `bucket ${bucket} to be ready`, budgetMs: 30_000, signal });
}
