/** Plans the adoption of a host that runs already: looks at it, at its profile and its host keys; changes nothing. */
import type { Instance } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { isOurProfile, profileAssociation } from './adoption.ts';
import { unless } from './aws-error.ts';
import { regionOfBucket } from './bucket-client.ts';
import { bucketKeyArn } from './bucket-key.ts';
import type { AwsClients } from './clients.ts';
import { type CloudPlace, placeOf } from './cloud-place.ts';
import { consoleHostKeys } from './console-keys.ts';
import { portOf } from './host.ts';
import { checkHostName } from './host-name.ts';
import { listHosts } from './hosts.ts';
import { describeIdentity, type IdentityPlan, planIdentity } from './identity.ts';
import { defaultUser } from './images.ts';
import { addressOf, describeInstance } from './instance.ts';
import type { Ledger } from './ledger.ts';
import { checkCidr } from './network.ts';
import { type AskOptions, callOptions } from './run.ts';
import { readTags, TAG_ADOPTED, TAG_HOST, TAG_LEDGER, TAG_MANAGED, TAG_REPLACED, type Tags } from './tags.ts';

export interface AdoptRequest {
  /** 1-40 characters of a-z 0-9 and -, unique among the hosts of a state directory and of the region. */
  readonly name: string;
  readonly instanceId: string;
  readonly bucket: string;
  /** Default `hosts/<name>/`. */
  readonly prefix?: string;
  readonly kmsKeyArn?: string;
  /** Login user; default: that of the instance's image. */
  readonly user?: string;
  /** Path of the private key that logs in. Needed unless `via` is 'ssm'. */
  readonly identityFile?: string;
  readonly via?: 'ssh' | 'ssm';
  /** Public key lines that the host must present, or 'console': those that it printed at its first boot. Needed with 'ssh'. */
  readonly hostKeys?: readonly string[] | 'console';
  /** CIDR blocks that a security group of ours lets in on port 22; none: the host's groups stay as they are. */
  readonly sshFrom?: readonly string[];
  /** Put our profile in the place of one that is there; the old one stays on record and comes back with detach. */
  readonly replaceProfile?: boolean;
}

export interface AdoptPlan {
  readonly kind: 'adopt';
  readonly name: string;
  readonly region: string;
  readonly account: string;
  readonly endpoint: string | null;
  readonly instanceId: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly vpc: string;
  /** Where SSH answers; null when it has no address. */
  readonly address: string | null;
  readonly port: number;
  readonly user: string;
  readonly identityFile: string | null;
  readonly via: 'ssh' | 'ssm';
  readonly hostKeys: readonly string[];
  readonly identity: IdentityPlan;
  /** ARN of the profile that ours takes the place of; detach puts it back. */
  readonly replacedProfile: string | null;
  /** Null when nothing about the network changes. */
  readonly access: { readonly securityGroupName: string; readonly sshFrom: readonly string[] } | null;
  /** One line each, for people. */
  readonly steps: readonly string[];
}

/** Reads only. Bad input, a host of others and a profile that would be lost are refused here, with the rule and the fix. */
export async function planAdopt(
  clients: AwsClients,
  ledger: Ledger,
  request: AdoptRequest,
  options: AskOptions = {},
): Promise<AdoptPlan> {
  checkHostName(request.name);
  const via = request.via ?? 'ssh';
  checkWay(request, via);
  const sshFrom = (request.sshFrom ?? []).map(checkCidr);
  const place = await placeOf(clients);
  const bucketRegion = await regionOfBucket(clients, request.bucket, options);
  const kmsKeyArn = request.kmsKeyArn ?? (await bucketKeyArn(clients, request.bucket, bucketRegion));
  const wanted = { ...request, host: request.name, ssm: via === 'ssm' };
  const identity = planIdentity(clients, { ...wanted, ...(kmsKeyArn === null ? {} : { kmsKeyArn }) });
  const instance = await runningInstance(clients, request, sshFrom.length > 0, options);
  await checkFree(clients, ledger, request.name, instance, options);
  const replacedProfile = await replaced(clients, instance, request, options);
  const hostKeys =
    request.hostKeys === 'console' ? await consoleHostKeys(clients, instance, options) : (request.hostKeys ?? []);
  const user = request.user ?? defaultUser(await imageName(clients, instance.ImageId ?? '', options));
  const access = sshFrom.length === 0 ? null : { securityGroupName: `hostark-${request.name}`, sshFrom };
  const plan = {
    kind: 'adopt',
    name: request.name,
    ...place,
    instanceId: instance.InstanceId!,
    instanceType: instance.InstanceType ?? '',
    zone: instance.Placement?.AvailabilityZone ?? '',
    vpc: instance.VpcId ?? '',
    address: addressOf(instance),
    port: portOf(readTags(instance.Tags)),
    user,
    identityFile: request.identityFile ?? null,
    via,
    hostKeys,
    identity,
    replacedProfile,
    access,
  } as const;
  return { ...plan, steps: stepLines(plan, place, bucketRegion) };
}

function stepLines(plan: Omit<AdoptPlan, 'steps'>, place: CloudPlace, bucketRegion: string): string[] {
  const instead =
    plan.replacedProfile === null
      ? 'it has none now'
      : `in the place of ${plan.replacedProfile}, whose rights it has no more until it is detached`;
  return [
    `tags on ${plan.instanceId}: adopted as ${plan.name}`,
    describeIdentity(plan.identity, place),
    ...(bucketRegion === place.region
      ? []
      : [`backups cross from ${place.region} to ${bucketRegion}, where the bucket is: AWS charges for that`]),
    `instance profile ${plan.identity.profileName} on ${plan.instanceId}: without a restart; ${instead}`,
    ...(plan.access === null
      ? []
      : [
          `security group ${plan.access.securityGroupName} in ${plan.vpc}, added to those of ${plan.instanceId}: SSH from ${plan.access.sshFrom.join(', ')}`,
        ]),
    plan.via === 'ssm'
      ? `log in through Systems Manager: the role may talk to it`
      : `log in as ${plan.user} with ${plan.identityFile}, host key ${plan.hostKeys.map((key) => key.split(' ')[0]).join(', ')}`,
  ];
}

function checkWay(request: AdoptRequest, via: 'ssh' | 'ssm'): void {
  if (via === 'ssm') return;
  if (request.identityFile === undefined) {
    throw new HostarkError('usage', 'expected the private key that logs in to the host, found none', {
      hint: 'give --identity-file FILE, or --ssm to reach it through Systems Manager',
    });
  }
  if (request.hostKeys === undefined || request.hostKeys.length === 0) {
    throw new HostarkError(
      'host-key-unknown',
      `host ${request.name}: its SSH host key is not known, and none is taken on trust`,
      {
        hint: "give --known-host-key 'ssh-ed25519 AAAA…' (from the host's /etc/ssh/ssh_host_ed25519_key.pub) or --trust-console",
      },
    );
  }
}

async function runningInstance(
  clients: AwsClients,
  request: AdoptRequest,
  changesGroups: boolean,
  options: AskOptions,
): Promise<Instance> {
  const { instanceId } = request;
  if (!/^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(instanceId)) {
    throw new HostarkError('usage', `instance ${JSON.stringify(instanceId)}: expected an id like i-0123456789abcdef0`, {
      hint: 'aws ec2 describe-instances lists them',
    });
  }
  const instance = await describeInstance(clients, instanceId, options);
  if (instance === null) {
    throw new HostarkError('usage', `instance ${instanceId}: there is none in ${clients.region}`, {
      hint: 'another --region or --profile may have it; aws ec2 describe-instances lists them',
    });
  }
  const state = instance.State?.Name ?? 'unknown';
  if (state !== 'running') {
    throw new HostarkError('usage', `instance ${instanceId}: expected to be running, found ${state}`, {
      hint:
        state === 'stopped'
          ? `start it first: aws ec2 start-instances --instance-ids ${instanceId}`
          : 'wait, or name another one',
    });
  }
  if (changesGroups && (instance.NetworkInterfaces?.length ?? 1) > 1) {
    throw new HostarkError(
      'usage',
      `instance ${instanceId} has several network interfaces: EC2 changes no groups of such a host as a whole`,
      {
        hint: 'open port 22 in a group of your own, and leave --ssh-from out',
      },
    );
  }
  return instance;
}

/** Throws 'usage' when the instance is ours already, under any other name, or the name is another host's. */
async function checkFree(
  clients: AwsClients,
  ledger: Ledger,
  name: string,
  instance: Instance,
  options: AskOptions,
): Promise<void> {
  const tags = readTags(instance.Tags);
  const id = instance.InstanceId ?? '';
  if (tags[TAG_MANAGED] === 'true') {
    throw new HostarkError('usage', `instance ${id} was launched by Hostark as host ${tags[TAG_HOST]}`, {
      hint: `it needs no adoption: hostark host show ${tags[TAG_HOST]}`,
    });
  }
  if (tags[TAG_ADOPTED] !== undefined && !(await isOfThisLedger(ledger, tags, name))) {
    throw new HostarkError('usage', `instance ${id} is adopted already, as host ${tags[TAG_HOST]}`, {
      hint: `detach it first: hostark host detach ${tags[TAG_HOST]}`,
    });
  }
  const other = (await listHosts(clients, ledger, options)).find(
    (host) => host.name === name && host.instanceId !== id,
  );
  if (other === undefined) return;
  throw new HostarkError('usage', `host ${name} exists: ${other.instanceId} in ${clients.region}`, {
    hint: 'choose another name',
  });
}

/** An adoption by a run of this machine that was cut off, or is repeated, goes on. */
async function isOfThisLedger(ledger: Ledger, tags: Tags, name: string): Promise<boolean> {
  const open = await ledger.openResources();
  return tags[TAG_HOST] === name && open.some((entry) => entry.id === tags[TAG_LEDGER]);
}

/** The ARN of the profile that would be replaced; null for none. Throws 'usage' when that was not asked for. */
async function replaced(
  clients: AwsClients,
  instance: Instance,
  request: AdoptRequest,
  options: AskOptions,
): Promise<string | null> {
  const id = instance.InstanceId!;
  const noted = readTags(instance.Tags)[TAG_REPLACED] ?? null;
  const arn = (await profileAssociation(clients, id, options))?.IamInstanceProfile?.Arn ?? null;
  if (arn === null) return null;
  if (isOurProfile(arn)) return noted;
  if (request.replaceProfile !== true) {
    throw new HostarkError(
      'usage',
      `instance ${id} has the instance profile ${arn}: what runs there may need its rights`,
      {
        hint: 'nothing was changed; --replace-profile puts ours in its place, notes the old one on the instance, and detach puts it back',
        context: { instance: id, profile: arn },
      },
    );
  }
  // EC2 "Tag restrictions": a value has at most 256 characters, and detach reads the ARN from there.
  if (arn.length <= 256) return arn;
  throw new HostarkError(
    'usage',
    `instance profile ${arn}: its ARN is too long to be noted in a tag (256 characters)`,
    {
      hint: 'take it off yourself, and put it back after the detach',
    },
  );
}

async function imageName(clients: AwsClients, imageId: string, options: AskOptions): Promise<string> {
  const { DescribeImagesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const call = ec2.send(new DescribeImagesCommand({ ImageIds: [imageId] }), callOptions(options));
  const answer = await unless(call, 'InvalidAMIID.NotFound', 'InvalidAMIID.Unavailable', 'InvalidAMIID.Malformed');
  return answer?.Images?.[0]?.Name ?? ''; // images are withdrawn while their hosts live on
}
