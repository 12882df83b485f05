/** Where a host is put: VPC, subnet, zone, and a security group that lets the caller's address alone reach SSH. */
import type { SecurityGroup, Subnet } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { awsCode, unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { isLoopback } from './endpoint.ts';
import type { Wanted } from './ensure.ts';
import { type AskOptions, callOptions } from './run.ts';
import { awsTags, TAG_LEDGER } from './tags.ts';
import { eventually } from './wait.ts';

export interface NetworkRequest {
  readonly host: string;
  readonly subnet?: string;
  readonly vpc?: string;
  readonly zone?: string;
  readonly sshFrom?: readonly string[];
  /** False: nobody is let in; the host is reached through Systems Manager. Default true. */
  readonly ssh?: boolean;
  /** A group that exists: used as it is, instead of one of our own. */
  readonly securityGroup?: string;
}

export interface NetworkPlan {
  readonly vpc: string;
  readonly subnet: string;
  readonly zone: string;
  /** CIDR blocks that our group lets reach SSH; none when it is the user's group, or nobody is let in. */
  readonly sshFrom: readonly string[];
  /** Name of our own group, or of the given one. */
  readonly securityGroupName: string;
  /** Id of a group that the user gave; null: one of our own is made. */
  readonly securityGroup: string | null;
}

/** Where a launch may go: the plan, and the other subnets of its VPC, one for each other zone. */
export interface NetworkChoice {
  readonly plan: NetworkPlan;
  readonly others: readonly Subnet[];
}

/** Reads only. Throws 'usage' for what contradicts itself or does not exist, with what there is instead. */
export async function planNetwork(
  clients: AwsClients,
  request: NetworkRequest,
  options: AskOptions = {},
): Promise<NetworkChoice> {
  const ours = request.ssh !== false && request.securityGroup === undefined;
  const sshFrom = ours ? sshSources(request.sshFrom, clients.endpoint) : [];
  if (!ours && (request.sshFrom ?? []).length > 0) {
    throw new HostarkError('usage', 'SSH sources: expected none where no group of ours is opened', {
      hint: 'leave --ssh-from out, or leave out --security-group and --no-ssh',
    });
  }
  const group = request.securityGroup === undefined ? null : await namedGroup(clients, request.securityGroup, options);
  if (group !== null && request.vpc !== undefined && group.VpcId !== request.vpc) throw otherVpc(group, request.vpc);
  const [chosen, ...others] =
    request.subnet === undefined
      ? await subnetsOfVpc(clients, group === null ? request : { ...request, vpc: group.VpcId! }, options)
      : [await namedSubnet(clients, request, options)];
  if (group !== null && group.VpcId !== chosen?.VpcId) throw otherVpc(group, chosen?.VpcId ?? '');
  const plan = {
    vpc: chosen?.VpcId ?? '',
    subnet: chosen?.SubnetId ?? '',
    zone: chosen?.AvailabilityZone ?? '',
    sshFrom,
    securityGroupName: group?.GroupName ?? `hostark-${request.host}`,
    securityGroup: group?.GroupId ?? null,
  };
  const zones = new Set([plan.zone]);
  const elsewhere = others.filter(
    ({ AvailabilityZone = '' }) => !zones.has(AvailabilityZone) && zones.add(AvailabilityZone),
  );
  return { plan, others: elsewhere };
}

async function namedGroup(clients: AwsClients, id: string, options: AskOptions): Promise<SecurityGroup> {
  const { DescribeSecurityGroupsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const call = ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }), callOptions(options));
  const answer = await unless(call, 'InvalidGroup.NotFound', 'InvalidGroupId.Malformed', 'InvalidGroupId.NotFound');
  const group = answer?.SecurityGroups?.[0];
  if (group !== undefined) return group;
  throw new HostarkError('usage', `security group ${id}: there is none in ${clients.region}`, {
    hint: 'aws ec2 describe-security-groups lists them; leave it out for one of our own',
  });
}

function otherVpc(group: SecurityGroup, vpc: string): HostarkError {
  return new HostarkError('usage', `security group ${group.GroupId}: expected in ${vpc}, found in ${group.VpcId}`, {
    hint: 'name a group, a subnet and a VPC that belong together',
  });
}

/** Pure. On loopback, the only address that can reach a host is loopback itself. */
export function sshSources(given: readonly string[] | undefined, endpoint: string | null): readonly string[] {
  if (given === undefined || given.length === 0) {
    if (isLoopback(endpoint)) return ['127.0.0.1/32'];
    throw new HostarkError('usage', 'expected the address that SSH will come from, found none', {
      hint: "give --ssh-from ADDRESS/32 with this machine's public address (https://checkip.amazonaws.com shows it)",
    });
  }
  return given.map(checkCidr);
}

/** Returns the block as EC2 wants it; a plain address becomes a block of one. */
export function checkCidr(text: string): string {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  const numbers = (match?.slice(1) ?? []).map((part) => (part === undefined ? 32 : Number(part)));
  const [a = 256, b = 256, c = 256, d = 256, bits = 32] = numbers;
  if (match === null || Math.max(a, b, c, d) > 255 || bits > 32) {
    throw new HostarkError('usage', `SSH source ${JSON.stringify(text)}: expected an IPv4 block like 203.0.113.7/32`, {
      hint: 'one address is ADDRESS/32',
    });
  }
  if (bits < 8) {
    throw new HostarkError(
      'usage',
      `SSH source ${text}: expected a block of /8 or smaller, this one is nearly everybody`,
      {
        hint: 'give the address or the network that you will connect from',
      },
    );
  }
  return `${a}.${b}.${c}.${d}/${bits}`;
}

async function namedSubnet(clients: AwsClients, request: NetworkRequest, options: AskOptions): Promise<Subnet> {
  const { DescribeSubnetsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const call = ec2.send(new DescribeSubnetsCommand({ SubnetIds: [request.subnet!] }), callOptions(options));
  const subnet = (await unless(call, 'InvalidSubnetID.NotFound', 'InvalidSubnetId.Malformed'))?.Subnets?.[0];
  if (subnet === undefined) {
    throw new HostarkError('usage', `subnet ${request.subnet}: there is none in ${clients.region}`, {
      hint: 'aws ec2 describe-subnets lists them; leave it out for one of the default VPC',
    });
  }
  if (request.vpc !== undefined && subnet.VpcId !== request.vpc) {
    throw new HostarkError('usage', `subnet ${request.subnet}: expected in ${request.vpc}, found in ${subnet.VpcId}`, {
      hint: 'leave the VPC out, or name a subnet of it',
    });
  }
  if (request.zone !== undefined && subnet.AvailabilityZone !== request.zone) {
    throw new HostarkError(
      'usage',
      `subnet ${request.subnet}: expected in ${request.zone}, found in ${subnet.AvailabilityZone}`,
      {
        hint: 'leave the zone out, or name a subnet of it',
      },
    );
  }
  return subnet;
}

/** At least one, the best first. */
async function subnetsOfVpc(clients: AwsClients, request: NetworkRequest, options: AskOptions): Promise<Subnet[]> {
  const { DescribeSubnetsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const vpc = request.vpc ?? (await defaultVpc(clients, options));
  const filters = [{ Name: 'vpc-id', Values: [vpc] }];
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ Filters: filters }), callOptions(options));
  const fitting = Subnets.filter((subnet) => request.zone === undefined || subnet.AvailabilityZone === request.zone);
  // A subnet that gives public addresses can be reached by SSH from outside; by zone name, so that plans repeat.
  const order = (subnet: Subnet): string =>
    `${subnet.MapPublicIpOnLaunch === true ? 0 : 1} ${subnet.AvailabilityZone} ${subnet.SubnetId}`;
  if (fitting.length > 0) return fitting.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  const zones = [...new Set(Subnets.map((subnet) => subnet.AvailabilityZone))].join(', ');
  throw new HostarkError(
    'usage',
    `VPC ${vpc}: expected a subnet in ${request.zone ?? 'any zone'}, found ${zones || 'none'}`,
    {
      hint: 'name a subnet, or another zone',
    },
  );
}

async function defaultVpc(clients: AwsClients, options: AskOptions): Promise<string> {
  const { DescribeVpcsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const filters = [{ Name: 'is-default', Values: ['true'] }];
  const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({ Filters: filters }), callOptions(options));
  const id = Vpcs[0]?.VpcId;
  if (id !== undefined) return id;
  throw new HostarkError('usage', `region ${clients.region} has no default VPC`, {
    hint: 'name a subnet, or create the default VPC with aws ec2 create-default-vpc',
  });
}

/** The host's security group; `allowSsh` opens it. */
export function securityGroupOf(
  clients: AwsClients,
  host: string,
  plan: Pick<NetworkPlan, 'vpc' | 'securityGroupName'>,
  options: AskOptions,
): Wanted {
  return {
    kind: 'security-group',
    name: plan.securityGroupName,
    host,
    find: async (entry) => (await findSecurityGroup(clients, entry.id))?.GroupId ?? null,
    async create(entry) {
      const { CreateSecurityGroupCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      const input = {
        GroupName: plan.securityGroupName,
        VpcId: plan.vpc,
        Description: `Hostark host ${host}: SSH from named addresses or none`,
        TagSpecifications: [
          { ResourceType: 'security-group' as const, Tags: awsTags(entry.tags, plan.securityGroupName) },
        ],
      };
      return (await ec2.send(new CreateSecurityGroupCommand(input), callOptions(options))).GroupId ?? '';
    },
  };
}

export async function findSecurityGroup(clients: AwsClients, ledgerId: string): Promise<SecurityGroup | null> {
  const { DescribeSecurityGroupsCommand } = await import('@aws-sdk/client-ec2');
  const input = { Filters: [{ Name: `tag:${TAG_LEDGER}`, Values: [ledgerId] }] };
  return (await (await clients.ec2()).send(new DescribeSecurityGroupsCommand(input))).SecurityGroups?.[0] ?? null;
}

/** Lets the plan's addresses reach SSH. May be repeated. */
export async function allowSsh(
  clients: AwsClients,
  groupId: string,
  plan: Pick<NetworkPlan, 'sshFrom'>,
  options: AskOptions,
): Promise<void> {
  const { AuthorizeSecurityGroupIngressCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const ranges = plan.sshFrom.map((CidrIp) => ({ CidrIp, Description: 'hostark' }));
  const input = {
    GroupId: groupId,
    IpPermissions: [{ IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: ranges }],
  };
  const call = (): Promise<unknown> =>
    unless(
      ec2.send(new AuthorizeSecurityGroupIngressCommand(input), callOptions(options)),
      'InvalidPermission.Duplicate',
    );
  // The group may not be known everywhere right after its creation.
  await eventually(call, (error) => awsCode(error) === 'InvalidGroup.NotFound', {
    what: `security group ${groupId}`,
    budgetMs: 60_000,
    signal: options.signal,
  });
  options.onEvent?.({ type: 'step', step: 'allow SSH', state: 'done', resource: 'security-group', id: groupId });
}
