/** Plans the launch of a host: resolves image, network and price, rehearses the launch, creates nothing. */
import type { Image } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { unless } from './aws-error.ts';
import { regionOfBucket } from './bucket-client.ts';
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { planVolumes, type VolumePlan, type VolumeRequest } from './extra-volumes.ts';
import { checkHostName } from './host-name.ts';
import { describeIdentity, type IdentityPlan, planIdentity } from './identity.ts';
import { ARCHITECTURES, type Architecture, defaultUser, IMAGE_ALIASES } from './images.ts';
import { rehearseLaunch } from './instance.ts';
import { type LaunchAttempt, planAttempts } from './launch-attempts.ts';
import { type LoginKeyPlan, type OwnKey, planLoginKey } from './login-key.ts';
import { type NetworkPlan, planNetwork } from './network.ts';
import { type HostPrice, hostPrice } from './prices.ts';
import { type AskOptions, callOptions } from './run.ts';

export interface LaunchRequest {
  /** 1-40 characters of a-z 0-9 and -, unique among the hosts of a state directory. */
  readonly name: string;
  /** The bucket the host may back up into; without it the host gets no role. */
  readonly bucket?: string;
  /** Default `hosts/<name>/`. */
  readonly prefix?: string;
  /** Let the host create the repository itself (`config` and `keys/`). */
  readonly initialize?: boolean;
  readonly kmsKeyArn?: string;
  /** An alias ('al2023', 'debian-12', 'ubuntu-24.04') or an AMI id. Default 'al2023'. */
  readonly image?: string;
  readonly architecture?: Architecture;
  /** Default t3.small, t4g.small for arm64. */
  readonly instanceType?: string;
  readonly subnet?: string;
  readonly vpc?: string;
  readonly zone?: string;
  /** CIDR blocks that may reach SSH. Required except on a loopback endpoint, where it is 127.0.0.1/32. */
  readonly sshFrom?: readonly string[];
  /** False: nobody is let in over SSH, and no key pair is made; needs `ssm`. Default true. */
  readonly ssh?: boolean;
  /** Lets the host's SSM agent talk to Systems Manager; needs a bucket, with which the host gets a role. */
  readonly ssm?: boolean;
  /** A security group that exists, used as it is instead of one of our own. */
  readonly securityGroup?: string;
  /** The user's own key instead of one that is made for this host. */
  readonly ownKey?: OwnKey;
  readonly elasticIp?: boolean;
  /** Cheaper, and EC2 may end it when it needs the machine. */
  readonly spot?: boolean;
  /** Size of the root volume; default the image's, at least 8. */
  readonly volumeGiB?: number;
  /** Besides the root volume; encrypted, and gone with the host. */
  readonly volumes?: readonly VolumeRequest[];
  /** Login user; default: the image's. */
  readonly user?: string;
  /** Instead of `image`: one of our own that is registered between plan and run, which then gives its id. */
  readonly ownImage?: OwnImage;
}

/** An image that does not exist yet: what a launch must know of it beforehand. */
export interface OwnImage {
  readonly name: string;
  readonly rootDevice: string;
  readonly rootGiB: number;
  /** Volumes that it brings besides the root. */
  readonly volumes: readonly VolumePlan[];
}

export interface LaunchPlan {
  readonly kind: 'launch';
  readonly name: string;
  readonly region: string;
  readonly account: string;
  readonly endpoint: string | null;
  readonly image: {
    readonly id: string;
    readonly alias: string | null;
    readonly name: string;
    readonly rootDevice: string;
    readonly user: string;
  };
  readonly architecture: Architecture;
  readonly instanceType: string;
  readonly network: NetworkPlan;
  readonly volume: { readonly sizeGiB: number; readonly type: 'gp3'; readonly encrypted: true };
  /** Besides the root volume. */
  readonly volumes: readonly VolumePlan[];
  /** Null for a host that is reached through Systems Manager alone. */
  readonly key: LoginKeyPlan | null;
  readonly via: 'ssh' | 'ssm';
  readonly elasticIp: boolean;
  readonly spot: boolean;
  /** In order, this plan's own type and zone first; the next one is tried when EC2 has no machine left. */
  readonly attempts: readonly LaunchAttempt[];
  readonly identity: IdentityPlan | null;
  readonly price: HostPrice;
  /** One line each, for people. */
  readonly steps: readonly string[];
}

/**
 * Resolves image, network and price, looks for the bucket and lets EC2 check the launch; creates nothing. Bad input and
 * missing rights are refused here with the rule and the fix.
 */
export async function planLaunch(
  clients: AwsClients,
  request: LaunchRequest,
  options: AskOptions = {},
): Promise<LaunchPlan> {
  checkHostName(request.name);
  checkWay(request);
  const { found, alias, architecture } = await chooseImage(clients, request, options);
  const identity =
    request.bucket === undefined
      ? null
      : planIdentity(clients, { ...request, host: request.name, bucket: request.bucket });
  const place = await placeOf(clients);
  // In another region it costs more to reach, and outlives the host's own: that is a choice.
  const bucketRegion =
    request.bucket === undefined ? place.region : await regionOfBucket(clients, request.bucket, options);
  const { plan: firstChoice, others } = await planNetwork(clients, { ...request, host: request.name }, options);
  const image = request.ownImage === undefined ? found : describeOwn(request.ownImage);
  const instanceType = request.instanceType ?? (architecture === 'arm64' ? 't4g.small' : 't3.small');
  const sizeGiB = volumeSize(request.volumeGiB, image);
  const volumes = planVolumes(request.volumes ?? [], devicesOf(image));
  const key = request.ssh === false ? null : await planLoginKey(clients, request.name, request.ownKey, options);
  const user = request.user ?? (alias === null ? defaultUser(image.Name ?? '') : IMAGE_ALIASES[alias]!.user);
  // An image that does not exist yet cannot be rehearsed with; the type, the network and our rights can.
  const wanted = { instanceType, subnet: firstChoice.subnet, zone: firstChoice.zone };
  const attempts = await planAttempts(clients, wanted, others, options);
  const first = attempts.find((one) => one.instanceType === instanceType);
  const network = {
    ...firstChoice,
    subnet: first?.subnet ?? firstChoice.subnet,
    zone: first?.zone ?? firstChoice.zone,
  };
  await rehearseLaunch(clients, { imageId: found.ImageId!, instanceType, subnet: network.subnet }, options);
  if (first === undefined) throw notOffered(wanted);
  const spot = request.spot ?? false;
  const price = hostPrice({
    region: clients.region,
    instanceType,
    volumes: [{ sizeGiB, type: 'gp3' }, ...(request.ownImage?.volumes ?? []), ...volumes],
    addresses: 1,
    spot,
  });
  const chosen = { network, volumes, key, elasticIp: request.elasticIp ?? false, spot, attempts };
  return {
    kind: 'launch',
    name: request.name,
    ...place,
    image: { id: image.ImageId!, alias, name: image.Name ?? '', rootDevice: image.RootDeviceName ?? '/dev/xvda', user },
    architecture,
    instanceType,
    ...chosen,
    via: key === null ? 'ssm' : 'ssh',
    volume: { sizeGiB, type: 'gp3', encrypted: true },
    identity,
    price,
    steps: [
      ...(identity === null ? [] : [describeIdentity(identity, place)]),
      ...(bucketRegion === place.region
        ? []
        : [`backups cross from ${place.region} to ${bucketRegion}, where the bucket is: AWS charges for that`]),
      ...keyLines(key),
      groupLine(network),
      `instance ${instanceType}${spot ? ', spot,' : ''} in ${network.zone} from ${image.Name ?? image.ImageId}: IMDSv2 only, ${sizeGiB} GiB gp3, encrypted`,
      ...volumes.map(
        (one) => `volume ${one.device}: ${one.sizeGiB} GiB ${one.type}, encrypted, empty, gone with the host`,
      ),
      ...(chosen.elasticIp ? ['elastic address: kept while the host lives, released with it'] : []),
      ...fallbackLines(attempts),
    ],
  };
}

function keyLines(key: LoginKeyPlan | null): string[] {
  if (key === null) return ['no key pair: it is reached through Systems Manager alone'];
  if (key.kind === 'made') return [`key pair ${key.keyName}: made on this machine, its private half stays here`];
  if (key.kind === 'found') return [`key pair ${key.keyName}: EC2 has the public half of ${key.file} already`];
  return [`key pair ${key.keyName}: the public half of ${key.file}`];
}

function groupLine({ securityGroup, securityGroupName, vpc, sshFrom }: NetworkPlan): string {
  if (securityGroup !== null) return `security group ${securityGroup} (${securityGroupName}): used as it is`;
  return `security group ${securityGroupName} in ${vpc}: ${sshFrom.length === 0 ? 'lets nobody in' : `SSH from ${sshFrom.join(', ')}`}`;
}

function fallbackLines([first, ...others]: readonly LaunchAttempt[]): string[] {
  const zones = [...new Set(others.map(({ zone }) => zone))].filter((zone) => zone !== first?.zone);
  const types = [...new Set(others.map(({ instanceType }) => instanceType))].filter(
    (one) => one !== first?.instanceType,
  );
  if (zones.length + types.length === 0) return [];
  const tried = [zones.join(', '), types.join(', ')].filter((list) => list !== '');
  return [`when EC2 has no such machine left, the next of these is tried: ${tried.join('; then as ')}`];
}

/** Throws 'usage' when nobody could reach the host. */
function checkWay(request: LaunchRequest): void {
  if (request.ssh === false && request.ssm !== true) {
    throw new HostarkError('usage', 'expected a way to the host: neither SSH nor Systems Manager is left', {
      hint: 'add --ssm, or leave --no-ssh out',
    });
  }
  if (request.ssm === true && request.bucket === undefined) {
    throw new HostarkError('usage', 'Systems Manager: expected a bucket as well, with which the host gets a role', {
      hint: 'give --bucket',
    });
  }
}

function notOffered({ instanceType, zone }: LaunchAttempt): HostarkError {
  return new HostarkError('usage', `instance type ${instanceType}: EC2 does not offer it in ${zone}`, {
    hint: 'leave --zone and --subnet out for a zone that has it, or choose another --type',
  });
}

function devicesOf(image: Image): string[] {
  const mapped = (image.BlockDeviceMappings ?? []).flatMap(({ DeviceName }) =>
    DeviceName === undefined ? [] : [DeviceName],
  );
  return [...new Set([image.RootDeviceName ?? '/dev/xvda', ...mapped])];
}

/** The image, and the architecture that type, image and request agree on: an AMI that is named brings its own. */
async function chooseImage(
  clients: AwsClients,
  request: LaunchRequest,
  options: AskOptions,
): Promise<{ readonly found: Image; readonly alias: string | null; readonly architecture: Architecture }> {
  const told = checkArchitecture(request);
  const { image, alias } = await resolveImage(clients, request.image ?? 'al2023', told, options);
  return { found: image, alias, architecture: told ?? (image.Architecture === 'arm64' ? 'arm64' : 'x86_64') };
}

function describeOwn({ name, rootDevice, rootGiB, volumes }: OwnImage): Image {
  const disks = [{ device: rootDevice, sizeGiB: rootGiB }, ...volumes];
  const mappings = disks.map(({ device, sizeGiB }) => ({ DeviceName: device, Ebs: { VolumeSize: sizeGiB } }));
  return { ImageId: '', Name: name, RootDeviceName: rootDevice, BlockDeviceMappings: mappings };
}

/** Null when neither the type nor the request says. */
function checkArchitecture(request: LaunchRequest): Architecture | null {
  const type = request.instanceType;
  // EC2 "Instance type naming": a 'g' after the generation marks Graviton (arm64); a1 is its first generation.
  const ofType: Architecture | null =
    type === undefined ? null : /^(a1|[a-z]+\d+g[a-z]*|[a-z]+\d+g)\./.test(type) ? 'arm64' : 'x86_64';
  const wanted = request.architecture ?? ofType;
  if (wanted !== null && !ARCHITECTURES.includes(wanted)) {
    throw new HostarkError('usage', `architecture ${JSON.stringify(wanted)}: expected ${ARCHITECTURES.join(' or ')}`, {
      hint: 'leave it out for x86_64',
    });
  }
  if (ofType !== null && ofType !== wanted) {
    throw new HostarkError('usage', `instance type ${type} is ${ofType}, expected ${wanted}`, {
      hint: 'leave the architecture out, or choose another type',
    });
  }
  return wanted;
}

async function resolveImage(
  clients: AwsClients,
  name: string,
  architecture: Architecture | null,
  options: AskOptions,
): Promise<{ image: Image; alias: string | null }> {
  const alias = IMAGE_ALIASES[name];
  if (alias === undefined && !/^ami-[0-9a-f]+$/.test(name)) {
    throw new HostarkError(
      'usage',
      `image ${JSON.stringify(name)}: expected an AMI id or one of ${Object.keys(IMAGE_ALIASES).join(', ')}`,
      {
        hint: 'AMI ids look like ami-0123456789abcdef0',
      },
    );
  }
  const id = alias === undefined ? name : await parameter(clients, alias.parameter[architecture ?? 'x86_64'], options);
  const { DescribeImagesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const call = ec2.send(new DescribeImagesCommand({ ImageIds: [id] }), callOptions(options));
  const image = (await unless(call, 'InvalidAMIID.NotFound', 'InvalidAMIID.Malformed', 'InvalidAMIID.Unavailable'))
    ?.Images?.[0];
  if (image?.ImageId === undefined) {
    throw new HostarkError('usage', `image ${id}: there is none in ${clients.region}`, {
      hint: `AMI ids differ by region: use an alias (${Object.keys(IMAGE_ALIASES).join(', ')}) or an id of this region`,
    });
  }
  if (architecture !== null && image.Architecture !== undefined && image.Architecture !== architecture) {
    throw new HostarkError('usage', `image ${id} is ${image.Architecture}, expected ${architecture}`, {
      hint: 'name an instance type of the same architecture',
    });
  }
  return { image, alias: alias === undefined ? null : name };
}

async function parameter(clients: AwsClients, name: string, options: AskOptions): Promise<string> {
  const { GetParameterCommand } = await import('@aws-sdk/client-ssm');
  const ssm = await clients.ssm();
  const value = (await ssm.send(new GetParameterCommand({ Name: name }), callOptions(options))).Parameter?.Value;
  if (value !== undefined) return value;
  throw new HostarkError('cloud-refused', `${name}: expected an AMI id, found nothing`, {
    hint: 'give an AMI id instead',
  });
}

function volumeSize(wanted: number | undefined, image: Image): number {
  const least =
    image.BlockDeviceMappings?.find((device) => device.DeviceName === image.RootDeviceName)?.Ebs?.VolumeSize ?? 8;
  const size = wanted ?? Math.max(8, least);
  if (Number.isInteger(size) && size >= least && size <= 16_384) return size;
  throw new HostarkError('usage', `volume size ${size} GiB: expected ${least} to 16,384, whole`, {
    hint: 'the image needs its own size at least',
  });
}
