/**
 * What adoption changes on a host that is not ours: our tags, its instance profile, and the list of its security
 * groups. Each change can be repeated and undone; what was there before stays on record in the tags.
 */
import type { IamInstanceProfileAssociation, Instance } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { awsCode, awsMessage, unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import type { Wanted } from './ensure.ts';
import { IAM_PATH } from './identity.ts';
import { describeInstance, describeInstances } from './instance.ts';
import { type AskOptions, callOptions, type RunOptions } from './run.ts';
import {
  awsTags,
  readTags,
  TAG_ADOPTED,
  TAG_BUCKET,
  TAG_HOST,
  TAG_LEDGER,
  TAG_MANAGED,
  TAG_PREFIX,
  TAG_REPLACED,
  TAG_RUN,
  TAG_USER,
  type Tags,
} from './tags.ts';
import { eventually, until } from './wait.ts';

/** What is written on the instance besides the tags of the ledger entry. */
export interface AdoptionMarks {
  readonly instanceId: string;
  readonly host: string;
  readonly user: string;
  readonly bucket: string;
  readonly prefix: string;
  /** ARN of the profile that ours takes the place of. */
  readonly replacedProfile: string | null;
}

const OUR_TAGS = [TAG_ADOPTED, TAG_RUN, TAG_HOST, TAG_LEDGER, TAG_USER, TAG_BUCKET, TAG_PREFIX, TAG_REPLACED];

/** The tags: written before anything else is changed, so that whoever finds them can undo the rest. */
export function adoptionOf(clients: AwsClients, marks: AdoptionMarks, options: AskOptions): Wanted {
  const { instanceId, replacedProfile } = marks;
  return {
    kind: 'adoption',
    name: instanceId,
    host: marks.host,
    async find(entry) {
      const instance = await describeInstance(clients, instanceId, options);
      return readTags(instance?.Tags)[TAG_LEDGER] === entry.id ? instanceId : null;
    },
    async create(entry) {
      const { CreateTagsCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      const tags: Tags = {
        ...entry.tags,
        [TAG_USER]: marks.user,
        [TAG_BUCKET]: marks.bucket,
        [TAG_PREFIX]: marks.prefix,
        ...(replacedProfile === null ? {} : { [TAG_REPLACED]: replacedProfile }),
      };
      await ec2.send(new CreateTagsCommand({ Resources: [instanceId], Tags: awsTags(tags) }), callOptions(options));
      return instanceId;
    },
  };
}

/** The association that an instance has or is about to have; null for none. */
export async function profileAssociation(
  clients: AwsClients,
  instanceId: string,
  options: AskOptions,
): Promise<IamInstanceProfileAssociation | null> {
  const { DescribeIamInstanceProfileAssociationsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const input = { Filters: [{ Name: 'instance-id', Values: [instanceId] }] };
  const answer = await ec2.send(new DescribeIamInstanceProfileAssociationsCommand(input), callOptions(options));
  const live = (answer.IamInstanceProfileAssociations ?? []).filter(({ State }) => !State?.startsWith('disassociat'));
  return live.find(({ State }) => State === 'associated') ?? live[0] ?? null;
}

/** Whether a profile is one that we made. */
export function isOurProfile(arn: string | undefined): boolean {
  return arn?.includes(`:instance-profile${IAM_PATH}`) === true;
}

/** Gives the instance the profile, without a restart; resolves when EC2 says it has it. May be repeated. */
export async function giveProfile(
  clients: AwsClients,
  marks: AdoptionMarks,
  profileArn: string,
  options: RunOptions,
): Promise<void> {
  const { instanceId } = marks;
  const event = { type: 'step', step: 'associate', resource: 'instance-profile', id: profileArn } as const;
  const before = await profileAssociation(clients, instanceId, options);
  const found = before?.IamInstanceProfile?.Arn;
  if (found === profileArn) {
    options.onEvent?.({ ...event, state: 'kept' });
    return;
  }
  if (found !== undefined && found !== marks.replacedProfile) {
    throw new HostarkError('cloud-refused', `instance ${instanceId}: its instance profile is ${found} since the plan`, {
      hint: 'plan it again',
    });
  }
  options.onEvent?.({ ...event, state: 'started' });
  // The tags may be of an earlier run, and the host may have got another profile since.
  if (found !== undefined) await noteReplaced(clients, instanceId, found, options);
  await setProfile(clients, instanceId, profileArn, before, options);
  options.onEvent?.({ ...event, state: 'done' });
}

async function noteReplaced(clients: AwsClients, instanceId: string, arn: string, options: AskOptions): Promise<void> {
  const instance = await describeInstance(clients, instanceId, options);
  if (readTags(instance?.Tags)[TAG_REPLACED] === arn) return;
  const { CreateTagsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const input = { Resources: [instanceId], Tags: awsTags({ [TAG_REPLACED]: arn }) };
  await ec2.send(new CreateTagsCommand(input), callOptions(options));
}

async function setProfile(
  clients: AwsClients,
  InstanceId: string,
  Arn: string,
  before: IamInstanceProfileAssociation | null,
  options: AskOptions,
): Promise<void> {
  const { AssociateIamInstanceProfileCommand, ReplaceIamInstanceProfileAssociationCommand } = await import(
    '@aws-sdk/client-ec2'
  );
  const ec2 = await clients.ec2();
  const IamInstanceProfile = { Arn };
  const call = (): Promise<unknown> =>
    before === null
      ? // IncorrectState: the answer to an earlier attempt was lost; the wait below tells which profile it is
        unless(
          ec2.send(new AssociateIamInstanceProfileCommand({ InstanceId, IamInstanceProfile }), callOptions(options)),
          'IncorrectState',
        )
      : // NoSuchAssociation: likewise, a replacement has an id of its own
        unless(
          ec2.send(
            new ReplaceIamInstanceProfileAssociationCommand({
              AssociationId: before.AssociationId!,
              IamInstanceProfile,
            }),
            callOptions(options),
          ),
          'NoSuchAssociation',
        );
  const waiting = { what: `the instance profile of ${InstanceId}`, budgetMs: 240_000, signal: options.signal };
  await eventually(call, isUnknownProfile, waiting);
  const ask = async (): Promise<true | null> => {
    const now = await profileAssociation(clients, InstanceId, options);
    return now?.IamInstanceProfile?.Arn === Arn && now.State === 'associated' ? true : null;
  };
  await until(ask, waiting);
}

/** A profile just made is unknown to EC2 for up to minutes. */
function isUnknownProfile(error: unknown): boolean {
  return awsCode(error) === 'InvalidParameterValue' && /instance profile|iam role/i.test(awsMessage(error));
}

/** Puts back the profile that was there, or none, and takes our tags off. Gone instances count as done. */
export async function undoAdoption(clients: AwsClients, instanceId: string, options: RunOptions): Promise<void> {
  const instance = await describeInstance(clients, instanceId, options);
  if (instance === null || instance.State?.Name === 'terminated') return;
  await takeProfile(clients, instanceId, readTags(instance.Tags)[TAG_REPLACED] ?? null, options);
  const { DeleteTagsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const input = { Resources: [instanceId], Tags: OUR_TAGS.map((Key) => ({ Key })) };
  await ec2.send(new DeleteTagsCommand(input), callOptions(options));
}

async function takeProfile(
  clients: AwsClients,
  instanceId: string,
  replaced: string | null,
  options: RunOptions,
): Promise<void> {
  const now = await profileAssociation(clients, instanceId, options);
  if (now === null || !isOurProfile(now.IamInstanceProfile?.Arn)) return; // never ours, or changed by others since
  if (replaced !== null && (await profileExists(clients, replaced, options))) {
    await setProfile(clients, instanceId, replaced, now, options);
    return;
  }
  if (replaced !== null) {
    options.onEvent?.({
      type: 'notice',
      level: 'warning',
      message: `the instance profile ${replaced} that ${instanceId} had does not exist any more: it has none now`,
    });
  }
  const { DisassociateIamInstanceProfileCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const input = { AssociationId: now.AssociationId! };
  await unless(
    ec2.send(new DisassociateIamInstanceProfileCommand(input), callOptions(options)),
    'NoSuchAssociation',
    'InvalidAssociationID.NotFound',
  );
  const ask = async (): Promise<true | null> =>
    (await profileAssociation(clients, instanceId, options)) === null ? true : null;
  await until(ask, { what: `${instanceId} to let go of its profile`, budgetMs: 240_000, signal: options.signal });
}

async function profileExists(clients: AwsClients, arn: string, options: AskOptions): Promise<boolean> {
  const { GetInstanceProfileCommand } = await import('@aws-sdk/client-iam');
  const InstanceProfileName = arn.slice(arn.lastIndexOf('/') + 1);
  const call = (await clients.iam()).send(new GetInstanceProfileCommand({ InstanceProfileName }), callOptions(options));
  return (await unless(call, 'NoSuchEntity', 'NoSuchEntityException')) !== null;
}

/** Adds a group of ours to those that the instance has. May be repeated. */
export async function joinGroup(
  clients: AwsClients,
  instanceId: string,
  group: string,
  options: AskOptions,
): Promise<void> {
  const instance = await describeInstance(clients, instanceId, options);
  const groups = groupsOf(instance);
  if (!groups.includes(group)) await setGroups(clients, instanceId, [...groups, group], options);
}

/** Takes a group of ours off the hosts that are not ours, which would keep it from being deleted. */
export async function leaveGroup(clients: AwsClients, group: string, options: AskOptions): Promise<void> {
  const holders = await describeInstances(clients, [{ Name: 'instance.group-id', Values: [group] }], options);
  for (const instance of holders) {
    const ended = ['shutting-down', 'terminated'].includes(instance.State?.Name ?? '');
    if (ended || readTags(instance.Tags)[TAG_MANAGED] === 'true') continue; // those let go when they end
    const others = groupsOf(instance).filter((id) => id !== group);
    if (others.length > 0) await setGroups(clients, instance.InstanceId!, others, options);
  }
}

function groupsOf(instance: Instance | null): string[] {
  return (instance?.SecurityGroups ?? []).flatMap(({ GroupId }) => (GroupId === undefined ? [] : [GroupId]));
}

async function setGroups(
  clients: AwsClients,
  InstanceId: string,
  Groups: string[],
  options: AskOptions,
): Promise<void> {
  const { ModifyInstanceAttributeCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const call = (): Promise<unknown> =>
    ec2.send(new ModifyInstanceAttributeCommand({ InstanceId, Groups }), callOptions(options));
  await eventually(call, (error) => awsCode(error) === 'InvalidGroup.NotFound', {
    what: `the security groups of ${InstanceId}`,
    budgetMs: 60_000,
    signal: options.signal,
  });
}
