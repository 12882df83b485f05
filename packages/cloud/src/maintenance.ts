/**
 * The maintenance role of a bucket: the only identity of ours that may delete repository objects. It is assumed by the
 * operator, for forget and prune, and is in no instance profile. It stays until it is removed; what a killed creation
 * left is no record of this machine's, and cleanup takes it.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostarkError } from '@hostark/protocol';
import { awsCode, unless } from './aws-error.ts';
import { locateBucket } from './bucket-client.ts';
import { bucketKeyArn } from './bucket-key.ts';
import { checkBucketName } from './bucket-name.ts';
import type { PolicyDocument } from './bucket-policy.ts';
import type { AwsClients } from './clients.ts';
import { type CloudPlace, placeOf } from './cloud-place.ts';
import { repositoryPrefix } from './download.ts';
import { ensure, type Wanted } from './ensure.ts';
import { findRole, IAM_PATH } from './identity.ts';
import { maintenancePolicy, maintenanceTrust } from './maintenance-policy.ts';
import { expectNothingLeft, removeAll } from './remove.ts';
import { type AskOptions, callOptions, type RunOptions } from './run.ts';
import { awsTags, isOurs, readTags, TAG_LEDGER } from './tags.ts';
import { eventually } from './wait.ts';

export interface MaintenanceRequest {
  readonly bucket: string;
  /** Only below this prefix; default the whole bucket. */
  readonly prefix?: string;
  /** ARN of the user or role that may assume it; default the account. */
  readonly principal?: string;
  readonly mfa?: boolean;
  readonly kmsKeyArn?: string;
}

export interface MaintenancePlan {
  readonly kind: 'maintenance';
  readonly bucket: string;
  readonly region: string;
  readonly roleName: string;
  readonly roleArn: string;
  readonly trust: PolicyDocument;
  readonly policy: PolicyDocument;
}

export interface MaintenanceRole {
  readonly roleName: string;
  readonly roleArn: string;
  readonly trust: PolicyDocument;
  readonly policy: PolicyDocument | null;
  /** Instance profiles that hold it: none, unless somebody put it there. */
  readonly instanceProfiles: readonly string[];
}

const POLICY_NAME = 'hostark-maintenance';

/** IAM allows 64 characters; a longer bucket name is told by its hash. */
export function maintenanceRoleName(bucket: string): string {
  const name = `hostark-maintenance-${bucket}`;
  if (name.length <= 64) return name;
  return `hostark-maintenance-${createHash('sha256').update(bucket).digest('hex').slice(0, 32)}`;
}

/** Asks where the bucket is and who the caller is. Throws 'bucket-name', 'no-repository', 'usage' for a service as principal. */
export async function planMaintenance(clients: AwsClients, request: MaintenanceRequest): Promise<MaintenancePlan> {
  const { bucket, principal, mfa = false } = request;
  checkBucketName(bucket);
  if (principal !== undefined) checkPrincipal(principal);
  const { account } = await clients.caller();
  const { partition } = clients;
  const roleName = maintenanceRoleName(bucket);
  const region = await locateBucket(clients, bucket);
  const kmsKeyArn = request.kmsKeyArn ?? (await bucketKeyArn(clients, bucket, region));
  return {
    kind: 'maintenance',
    bucket,
    region,
    roleName,
    roleArn: `arn:${partition}:iam::${account}:role${IAM_PATH}${roleName}`,
    trust: maintenanceTrust({
      ...{ partition, account, mfa, hostPath: IAM_PATH },
      ...(principal === undefined ? {} : { principal }),
    }),
    policy: maintenancePolicy({ partition, bucket, prefix: repositoryPrefix(request.prefix), kmsKeyArn }),
  };
}

function checkPrincipal(principal: string): void {
  if (/^arn:[\w-]+:iam::\d{12}:(user|role)\/[\w+=,.@/-]+$/.test(principal)) return;
  throw new HostarkError('usage', `principal: expected the ARN of a user or role, got ${JSON.stringify(principal)}`, {
    hint: 'aws sts get-caller-identity shows yours; services such as ec2.amazonaws.com never get this role',
  });
}

/** Creates the role, or brings the one that is there up to date. May be repeated. */
export async function runMaintenance(
  clients: AwsClients,
  plan: MaintenancePlan,
  options: RunOptions,
): Promise<MaintenanceRole> {
  const place: CloudPlace = { ...(await placeOf(clients)), region: plan.region };
  const run = await options.ledger.begin();
  try {
    await ensure(wantedRole(clients, plan, options), place, run, options);
    await setPolicies(clients, plan, options);
    const folder = join(options.ledger.directory, 'maintenance');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, plan.roleName), `${plan.roleArn}\n`, { mode: 0o600 });
  } finally {
    await options.ledger.end(run);
  }
  const role = await showMaintenance(clients, plan.bucket, options);
  if (role === null) throw new HostarkError('cloud-timeout', `role ${plan.roleName} was created and is not seen yet`);
  return role;
}

function wantedRole(clients: AwsClients, plan: MaintenancePlan, options: RunOptions): Wanted {
  const RoleName = plan.roleName;
  return {
    kind: 'role',
    name: RoleName,
    host: null,
    find: (entry) => findRole(clients, RoleName, entry.id),
    async create(entry) {
      const { CreateRoleCommand } = await import('@aws-sdk/client-iam');
      const input = {
        RoleName,
        Path: IAM_PATH,
        AssumeRolePolicyDocument: JSON.stringify(plan.trust),
        Description: `Hostark: forget and prune in ${plan.bucket}, by operators alone`,
        Tags: awsTags(entry.tags),
      };
      try {
        await (await clients.iam()).send(new CreateRoleCommand(input), callOptions(options));
        return RoleName;
      } catch (cause) {
        if (!awsCode(cause).startsWith('EntityAlreadyExists')) throw cause;
        throw new HostarkError('cloud-refused', `role ${RoleName} exists, and this ledger did not create it`, {
          hint: `another machine made it: use it with role_arn in a profile, or remove it there`,
          context: { role: RoleName },
          cause,
        });
      }
    },
  };
}

async function setPolicies(clients: AwsClients, plan: MaintenancePlan, options: RunOptions): Promise<void> {
  const { PutRolePolicyCommand, UpdateAssumeRolePolicyCommand } = await import('@aws-sdk/client-iam');
  const iam = await clients.iam();
  const { roleName: RoleName, trust, policy } = plan;
  const put = { RoleName, PolicyName: POLICY_NAME, PolicyDocument: JSON.stringify(policy) };
  const update = { RoleName, PolicyDocument: JSON.stringify(trust) };
  const waiting = { what: `role ${RoleName}`, budgetMs: 60_000, signal: options.signal };
  const notYet = (error: unknown): boolean => awsCode(error).startsWith('NoSuchEntity');
  await eventually(() => iam.send(new PutRolePolicyCommand(put), callOptions(options)), notYet, waiting);
  await eventually(() => iam.send(new UpdateAssumeRolePolicyCommand(update), callOptions(options)), notYet, waiting);
  options.onEvent?.({ type: 'step', step: 'set policy', state: 'done', resource: 'role', id: RoleName });
}

/** Returns the role as it is; null when there is none of ours. */
export async function showMaintenance(
  clients: AwsClients,
  bucket: string,
  options: AskOptions = {},
): Promise<MaintenanceRole | null> {
  const { GetRoleCommand, GetRolePolicyCommand, ListInstanceProfilesForRoleCommand } = await import(
    '@aws-sdk/client-iam'
  );
  const iam = await clients.iam();
  const RoleName = maintenanceRoleName(bucket);
  const gone = ['NoSuchEntity', 'NoSuchEntityException'] as const;
  const role = (await unless(iam.send(new GetRoleCommand({ RoleName }), callOptions(options)), ...gone))?.Role;
  if (role === undefined || !isOurs(readTags(role.Tags))) return null;
  const policy = iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: POLICY_NAME }), callOptions(options));
  const text = (await unless(policy, ...gone))?.PolicyDocument;
  const holders = await iam.send(new ListInstanceProfilesForRoleCommand({ RoleName }), callOptions(options));
  return {
    roleName: RoleName,
    roleArn: role.Arn ?? '',
    trust: JSON.parse(decodeURIComponent(role.AssumeRolePolicyDocument ?? '%7B%7D')),
    policy: text === undefined ? null : JSON.parse(decodeURIComponent(text)),
    instanceProfiles: (holders.InstanceProfiles ?? []).map((profile) => profile.InstanceProfileName ?? ''),
  };
}

/** Removes the role; returns whether there was one. Throws 'cloud-refused' for a role without our tags. */
export async function removeMaintenance(clients: AwsClients, bucket: string, options: RunOptions): Promise<boolean> {
  const { GetRoleCommand } = await import('@aws-sdk/client-iam');
  const RoleName = maintenanceRoleName(bucket);
  const call = (await clients.iam()).send(new GetRoleCommand({ RoleName }), callOptions(options));
  const role = (await unless(call, 'NoSuchEntity', 'NoSuchEntityException'))?.Role;
  if (role !== undefined) {
    const tags = readTags(role.Tags);
    if (!isOurs(tags)) {
      throw new HostarkError('cloud-refused', `role ${RoleName}: it does not carry our tags, so it is not removed`, {
        hint: 'look at it in the IAM console',
      });
    }
    const removal = {
      kind: 'role',
      id: RoleName,
      name: RoleName,
      host: null,
      ledger: tags[TAG_LEDGER] ?? null,
    } as const;
    expectNothingLeft(await removeAll(clients, [removal], options));
  }
  await rm(join(options.ledger.directory, 'maintenance', RoleName), { force: true });
  return role !== undefined;
}

/** Names of the maintenance roles that this machine has finished making: cleanup leaves them alone. */
export async function maintenanceRoles(stateDirectory: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(join(stateDirectory, 'maintenance')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Set();
    throw error;
  }
}
