/** The role and instance profile of one host, limited to its prefix. IAM path `/hostark/` keeps them together. */
import { HostarkError } from '@hostark/protocol';
import { awsCode, unless } from './aws-error.ts';
import type { PolicyDocument } from './bucket-policy.ts';
import type { AwsClients } from './clients.ts';
import { type CloudPlace, placeOf } from './cloud-place.ts';
import { ensure, type Wanted } from './ensure.ts';
import { checkHostName, hostPrefix } from './host-name.ts';
import { hostPolicy, hostTrust, ssmPolicy } from './identity-policy.ts';
import { callOptions, type RunOptions } from './run.ts';
import { awsTags, readTags, TAG_LEDGER } from './tags.ts';
import { eventually, until } from './wait.ts';

export interface IdentityRequest {
  readonly host: string;
  readonly bucket: string;
  /** Default `hosts/<host>/`. */
  readonly prefix?: string;
  /** Also lets the host create `config` and `keys/`, as a first backup that initializes the repository needs. */
  readonly initialize?: boolean;
  readonly kmsKeyArn?: string;
  /** Also lets the host's SSM agent talk to Systems Manager. */
  readonly ssm?: boolean;
}

export interface IdentityPlan {
  readonly kind: 'identity';
  readonly host: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly roleName: string;
  readonly profileName: string;
  readonly policyName: string;
  readonly trust: PolicyDocument;
  readonly policy: PolicyDocument;
  /** What the SSM agent needs; null for a host that is reached by SSH alone. */
  readonly ssmPolicy: PolicyDocument | null;
}

export interface Identity {
  readonly roleName: string;
  readonly profileName: string;
  readonly profileArn: string;
}

/** All roles and profiles of ours are below this IAM path, so they can be listed without listing others. */
export const IAM_PATH = '/hostark/';

/**
 * The name of a host's role and profile. IAM has no regions, and hosts of two regions may share a name, so the region is
 * part of it. At most 64 characters (IAM "quotas"): 8 + 14 for the longest region + 1 + 40.
 */
export function identityName(host: string, region: string): string {
  return `hostark-${region}-${host}`;
}

/** Pure: no call is made. */
export function planIdentity(
  { partition, region }: { readonly partition: string; readonly region: string },
  request: IdentityRequest,
): IdentityPlan {
  checkHostName(request.host);
  const prefix = hostPrefix(request.host, request.prefix);
  const { bucket, initialize = false, kmsKeyArn = null } = request;
  return {
    kind: 'identity',
    host: request.host,
    bucket,
    prefix,
    roleName: identityName(request.host, region),
    profileName: identityName(request.host, region),
    policyName: 'hostark-repository',
    trust: hostTrust(partition),
    policy: hostPolicy({ partition, bucket, prefix, initialize, kmsKeyArn }),
    ssmPolicy: request.ssm === true ? ssmPolicy() : null,
  };
}

/** Creates what is missing and sets the policy. May be repeated, also with a narrower plan. `run` joins a run that is under way. */
export async function createIdentity(
  clients: AwsClients,
  plan: IdentityPlan,
  options: RunOptions & { readonly run?: string },
): Promise<Identity> {
  const place = await placeOf(clients);
  const run = options.run ?? (await options.ledger.begin());
  try {
    await ensure(roleOf(clients, plan, options), place, run, options);
    await putPolicy(clients, plan, options);
    const profileArn = await ensure(profileOf(clients, plan, options), place, run, options);
    await attach(clients, plan, options);
    return { roleName: plan.roleName, profileName: plan.profileName, profileArn };
  } finally {
    if (options.run === undefined) await options.ledger.end(run);
  }
}

function roleOf(clients: AwsClients, plan: IdentityPlan, options: RunOptions): Wanted {
  const RoleName = plan.roleName;
  return {
    kind: 'role',
    name: RoleName,
    host: plan.host,
    find: (entry) => findRole(clients, RoleName, entry.id),
    async create(entry) {
      const { CreateRoleCommand } = await import('@aws-sdk/client-iam');
      const iam = await clients.iam();
      const input = {
        RoleName,
        Path: IAM_PATH,
        AssumeRolePolicyDocument: JSON.stringify(plan.trust),
        Description: `Hostark: ${plan.host} backs up to ${plan.bucket}/${plan.prefix}`.slice(0, 1_000),
        Tags: awsTags(entry.tags),
      };
      const { Role } = await otherwiseTaken(
        iam.send(new CreateRoleCommand(input), callOptions(options)),
        'role',
        RoleName,
      );
      return Role?.RoleName ?? RoleName;
    },
  };
}

function profileOf(clients: AwsClients, plan: IdentityPlan, options: RunOptions): Wanted {
  const InstanceProfileName = plan.profileName;
  return {
    kind: 'instance-profile',
    name: InstanceProfileName,
    host: plan.host,
    find: (entry) => findProfile(clients, InstanceProfileName, entry.id),
    async create(entry) {
      const { CreateInstanceProfileCommand } = await import('@aws-sdk/client-iam');
      const iam = await clients.iam();
      const input = { InstanceProfileName, Path: IAM_PATH, Tags: awsTags(entry.tags) };
      const call = iam.send(new CreateInstanceProfileCommand(input), callOptions(options));
      const { InstanceProfile } = await otherwiseTaken(call, 'instance profile', InstanceProfileName);
      return InstanceProfile?.Arn ?? InstanceProfileName;
    },
  };
}

/** Returns the role's name when it exists with the tag of this ledger entry, else null. */
export async function findRole(clients: AwsClients, name: string, ledgerId: string): Promise<string | null> {
  const { GetRoleCommand } = await import('@aws-sdk/client-iam');
  const answer = await unless(
    (await clients.iam()).send(new GetRoleCommand({ RoleName: name })),
    'NoSuchEntity',
    'NoSuchEntityException',
  );
  return readTags(answer?.Role?.Tags)[TAG_LEDGER] === ledgerId ? name : null;
}

/** Returns the profile's ARN when it exists with the tag of this ledger entry, else null. */
export async function findProfile(clients: AwsClients, name: string, ledgerId: string): Promise<string | null> {
  const { GetInstanceProfileCommand } = await import('@aws-sdk/client-iam');
  const call = (await clients.iam()).send(new GetInstanceProfileCommand({ InstanceProfileName: name }));
  const profile = (await unless(call, 'NoSuchEntity', 'NoSuchEntityException'))?.InstanceProfile;
  return readTags(profile?.Tags)[TAG_LEDGER] === ledgerId ? (profile?.Arn ?? name) : null;
}

async function putPolicy(clients: AwsClients, plan: IdentityPlan, options: RunOptions): Promise<void> {
  const { PutRolePolicyCommand } = await import('@aws-sdk/client-iam');
  const iam = await clients.iam();
  const { roleName: RoleName, policyName: PolicyName } = plan;
  const inputs = [{ RoleName, PolicyName, PolicyDocument: JSON.stringify(plan.policy) }];
  if (plan.ssmPolicy !== null)
    inputs.push({ RoleName, PolicyName: 'hostark-ssm', PolicyDocument: JSON.stringify(plan.ssmPolicy) });
  for (const input of inputs) {
    await eventually(() => iam.send(new PutRolePolicyCommand(input), callOptions(options)), notYet, {
      what: `role ${plan.roleName}`,
      budgetMs: 60_000,
      signal: options.signal,
    });
  }
  options.onEvent?.({ type: 'step', step: 'set policy', state: 'done', resource: 'role', id: plan.roleName });
}

/** Puts the role into the profile, and waits until the profile shows it. */
async function attach(clients: AwsClients, plan: IdentityPlan, options: RunOptions): Promise<void> {
  const { AddRoleToInstanceProfileCommand, GetInstanceProfileCommand } = await import('@aws-sdk/client-iam');
  const iam = await clients.iam();
  const input = { InstanceProfileName: plan.profileName };
  const holdsRole = async (): Promise<true | null> => {
    const answer = await iam.send(new GetInstanceProfileCommand(input), callOptions(options));
    return answer.InstanceProfile?.Roles?.some((role) => role.RoleName === plan.roleName) === true ? true : null;
  };
  const waiting = { what: `instance profile ${plan.profileName}`, budgetMs: 60_000, signal: options.signal };
  if ((await eventually(holdsRole, notYet, waiting)) === true) return;
  const add = (): Promise<unknown> =>
    // LimitExceeded: a profile holds one role, so it is there already, put by a run that was killed right after
    unless(
      iam.send(new AddRoleToInstanceProfileCommand({ ...input, RoleName: plan.roleName }), callOptions(options)),
      'LimitExceeded',
      'LimitExceededException',
    );
  await eventually(add, notYet, waiting);
  await until(() => eventually(holdsRole, notYet, waiting), waiting);
}

/** IAM answers "no such entity" for a while about what it has just created. */
function notYet(error: unknown): boolean {
  return ['NoSuchEntity', 'NoSuchEntityException'].includes(awsCode(error));
}

async function otherwiseTaken<T>(call: Promise<T>, what: string, name: string): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (!awsCode(cause).startsWith('EntityAlreadyExists')) throw cause;
    throw new HostarkError('cloud-refused', `${what} ${name} exists, and this ledger did not create it`, {
      hint: 'choose another host name, or find out whose it is: another state directory may have a host of this name; hostark cleanup --foreign removes what of ours belongs to none',
      context: { name },
      cause,
    });
  }
}

/** Where IAM names live, for plans that print it. */
export function describeIdentity(plan: IdentityPlan, place: CloudPlace): string {
  return `role ${plan.roleName} in account ${place.account}: create and read below ${plan.bucket}/${plan.prefix}, delete locks`;
}
