/** One EC2 instance: launched, found, waited for. */
import type {
  _InstanceType,
  Instance,
  InstanceMarketOptionsRequest,
  RunInstancesCommandInput,
  RunInstancesCommandOutput,
  VolumeType,
} from '@aws-sdk/client-ec2';
import { HostarkError, isHostarkError } from '@hostark/protocol';
import { awsCode, awsMessage, unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import type { Wanted } from './ensure.ts';
import type { LaunchAttempt } from './launch-attempts.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { type AskOptions, callOptions } from './run.ts';
import { awsTags, TAG_BUCKET, TAG_LEDGER, TAG_MANAGED, TAG_PREFIX, TAG_USER, type Tags } from './tags.ts';
import { eventually, until } from './wait.ts';

/** What the instance needs besides the plan. `userData` is secret. */
export interface InstanceParts {
  readonly securityGroup: string;
  readonly profileArn: string | null;
  readonly userData: string;
}

/** Ended for good when EC2 needs the machine: its backups are what remains. */
const SPOT: InstanceMarketOptionsRequest = {
  MarketType: 'spot',
  SpotOptions: { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate' },
};

/** States of an instance that will never run again. */
const ENDED = ['shutting-down', 'terminated'];

export function instanceOf(
  clients: AwsClients,
  plan: LaunchPlan,
  parts: InstanceParts,
  attempt: number,
  options: AskOptions,
): Wanted {
  return {
    kind: 'instance',
    name: plan.name,
    host: plan.name,
    find: async (entry) => (await findInstance(clients, entry.id))?.InstanceId ?? null,
    async create(entry) {
      const { RunInstancesCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      // Each attempt has parameters of its own, and so needs a token of its own.
      const token = attempt === 0 ? entry.token : `${entry.token}-${attempt}`;
      const input = runInput(plan, parts, plan.attempts[attempt]!, token, entry.tags);
      const run = (): Promise<RunInstancesCommandOutput | null> =>
        // Mismatch: an earlier run did create it, from a plan that differed; then it is found by its tag below.
        unless(ec2.send(new RunInstancesCommand(input), callOptions(options)), 'IdempotentParameterMismatch');
      const answer = await eventually(run, isPending, {
        what: `EC2 to know the instance profile of ${plan.name}`,
        budgetMs: 240_000,
        signal: options.signal,
      });
      if (answer === null) {
        const ask = async (): Promise<string | null> => (await findInstance(clients, entry.id))?.InstanceId ?? null;
        return await until(ask, { what: `the instance of ${plan.name}`, budgetMs: 60_000, signal: options.signal });
      }
      const id = answer.Instances?.[0]?.InstanceId;
      if (id === undefined)
        throw new HostarkError('cloud-refused', 'ec2:RunInstances: expected one instance, got none');
      return id;
    },
  };
}

/** A profile just made is unknown to EC2 for up to minutes; so may be the group and the key. */
function isPending(error: unknown): boolean {
  const code = awsCode(error);
  if (code === 'InvalidParameterValue') return /instance profile|iam role/i.test(awsMessage(error));
  return code === 'InvalidGroup.NotFound' || code === 'InvalidKeyPair.NotFound';
}

function runInput(
  plan: LaunchPlan,
  parts: InstanceParts,
  attempt: LaunchAttempt,
  token: string,
  tags: Tags,
): RunInstancesCommandInput {
  const marks =
    plan.identity === null ? {} : { [TAG_BUCKET]: plan.identity.bucket, [TAG_PREFIX]: plan.identity.prefix };
  const Tags = awsTags({ ...tags, ...marks, [TAG_USER]: plan.image.user }, plan.name);
  return {
    ImageId: plan.image.id,
    InstanceType: attempt.instanceType as _InstanceType,
    MinCount: 1,
    MaxCount: 1,
    ClientToken: token,
    ...(plan.key === null ? {} : { KeyName: plan.key.keyName }),
    ...(plan.spot ? { InstanceMarketOptions: SPOT } : {}),
    UserData: Buffer.from(parts.userData).toString('base64'),
    ...(parts.profileArn === null ? {} : { IamInstanceProfile: { Arn: parts.profileArn } }),
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        SubnetId: attempt.subnet,
        Groups: [parts.securityGroup],
        AssociatePublicIpAddress: true,
        DeleteOnTermination: true,
      },
    ],
    // Hop limit 1: what runs in containers on the host does not get its credentials.
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, HttpEndpoint: 'enabled' },
    BlockDeviceMappings: [
      {
        DeviceName: plan.image.rootDevice,
        Ebs: {
          VolumeSize: plan.volume.sizeGiB,
          VolumeType: plan.volume.type,
          Encrypted: true,
          DeleteOnTermination: true,
        },
      },
      ...plan.volumes.map(({ device, sizeGiB, type }) => ({
        DeviceName: device,
        Ebs: { VolumeSize: sizeGiB, VolumeType: type as VolumeType, Encrypted: true, DeleteOnTermination: true },
      })),
    ],
    TagSpecifications: [
      ...(plan.spot ? [{ ResourceType: 'spot-instances-request' as const, Tags }] : []),
      { ResourceType: 'instance', Tags },
      { ResourceType: 'volume', Tags },
      { ResourceType: 'network-interface', Tags },
    ],
  };
}

/**
 * Asks EC2 whether it would launch this: type, image and subnet fit, and the caller may. Nothing is created. Throws
 * 'usage' for what EC2 refuses, 'cloud-denied' for missing rights.
 */
export async function rehearseLaunch(
  clients: AwsClients,
  launch: { readonly imageId: string; readonly instanceType: string; readonly subnet: string },
  options: AskOptions,
): Promise<void> {
  const { RunInstancesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const input = {
    DryRun: true,
    ImageId: launch.imageId,
    InstanceType: launch.instanceType as _InstanceType,
    MinCount: 1,
    MaxCount: 1,
    SubnetId: launch.subnet,
    TagSpecifications: [{ ResourceType: 'instance' as const, Tags: awsTags({ [TAG_MANAGED]: 'true' }) }],
  };
  try {
    // EC2 "DryRun": what would have succeeded is answered with this error.
    await unless(ec2.send(new RunInstancesCommand(input), callOptions(options)), 'DryRunOperation');
  } catch (cause) {
    if (!isHostarkError(cause, 'cloud-refused')) throw cause;
    throw new HostarkError('usage', `EC2 would refuse to launch ${launch.instanceType}: ${awsMessage(cause)}`, {
      hint: 'nothing was created; name another --type, --image, --zone or --subnet',
      cause,
    });
  }
}

/** The live instance of a ledger entry, or null. */
export async function findInstance(clients: AwsClients, ledgerId: string): Promise<Instance | null> {
  const found = await describeInstances(clients, [{ Name: `tag:${TAG_LEDGER}`, Values: [ledgerId] }]);
  return found.find((instance) => !ENDED.includes(instance.State?.Name ?? '')) ?? null;
}

/** All instances that match, ended ones included (EC2 shows them for about an hour). */
export async function describeInstances(
  clients: AwsClients,
  Filters: { readonly Name: string; readonly Values: string[] }[],
  options: AskOptions = {},
): Promise<readonly Instance[]> {
  const { paginateDescribeInstances } = await import('@aws-sdk/client-ec2');
  const client = await clients.ec2();
  const found: Instance[] = [];
  for await (const page of paginateDescribeInstances({ client }, { Filters }, callOptions(options))) {
    for (const reservation of page.Reservations ?? []) found.push(...(reservation.Instances ?? []));
  }
  return found;
}

/** Waits until the instance runs and can be addressed. Throws 'cloud-refused' as soon as it has ended instead. */
export async function waitUntilRunning(clients: AwsClients, id: string, options: AskOptions): Promise<Instance> {
  const ask = async (): Promise<Instance | null> => {
    const instance = await describeInstance(clients, id, options);
    const state = instance?.State?.Name ?? 'pending';
    if (ENDED.includes(state) || state.startsWith('stop')) {
      const reason = instance?.StateReason?.Message ?? instance?.StateTransitionReason ?? 'no reason given';
      throw new HostarkError('cloud-refused', `instance ${id}: expected to run, found ${state}: ${reason}`, {
        hint: 'hostark cleanup removes what is left; another type or zone may work',
      });
    }
    return state === 'running' && addressOf(instance!) !== null ? instance : null;
  };
  return await until(ask, { what: `instance ${id} to run`, budgetMs: 600_000, signal: options.signal });
}

/** Where SSH finds an instance. */
export function addressOf(instance: Instance): string | null {
  return instance.PublicIpAddress ?? instance.PrivateIpAddress ?? null;
}

/** Terminates and waits for the end: only then do its group and its profile let go. Gone already counts as done. */
export async function terminate(clients: AwsClients, id: string, options: AskOptions): Promise<void> {
  const { TerminateInstancesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const call = ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }), callOptions(options));
  if ((await unless(call, 'InvalidInstanceID.NotFound')) === null) return;
  const ask = async (): Promise<true | null> => {
    const instance = await describeInstance(clients, id, options);
    return instance === null || instance.State?.Name === 'terminated' ? true : null;
  };
  await until(ask, { what: `instance ${id} to end`, budgetMs: 600_000, signal: options.signal });
}

/** Returns null when EC2 does not know it (yet, or any more). */
export async function describeInstance(clients: AwsClients, id: string, options: AskOptions): Promise<Instance | null> {
  const { DescribeInstancesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const call = ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }), callOptions(options));
  return (
    (await unless(call, 'InvalidInstanceID.NotFound', 'InvalidInstanceID.Malformed'))?.Reservations?.[0]
      ?.Instances?.[0] ?? null
  );
}
