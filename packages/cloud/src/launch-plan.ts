/** Plans the launch of a host: resolves image, network and price, rehearses the launch, creates nothing. */
import type { Image } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { unless } from './aws-error.ts';
import { expectBucket } from './bucket.ts';
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { checkHostName } from './host-name.ts';
import { describeIdentity, type IdentityPlan, planIdentity } from './identity.ts';
import { ARCHITECTURES, type Architecture, defaultUser, IMAGE_ALIASES } from './images.ts';
import { rehearseLaunch } from './instance.ts';
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
  /** Size of the root volume; default the image's, at least 8. */
  readonly volumeGiB?: number;
  /** Login user; default: the image's. */
  readonly user?: string;
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
  readonly keyName: string;
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
  const architecture = checkArchitecture(request);
  const identity =
    request.bucket === undefined
      ? null
      : planIdentity(clients, { ...request, host: request.name, bucket: request.bucket });
  const place = await placeOf(clients);
  if (request.bucket !== undefined) await expectBucket(clients, request.bucket, options);
  const network = await planNetwork(clients, { ...request, host: request.name }, options);
  const { image, alias } = await resolveImage(clients, request.image ?? 'al2023', architecture, options);
  const instanceType = request.instanceType ?? (architecture === 'arm64' ? 't4g.small' : 't3.small');
  const sizeGiB = volumeSize(request.volumeGiB, image);
  const user = request.user ?? (alias === null ? defaultUser(image.Name ?? '') : IMAGE_ALIASES[alias]!.user);
  await rehearseLaunch(clients, { imageId: image.ImageId!, instanceType, subnet: network.subnet }, options);
  const price = hostPrice({
    region: clients.region,
    instanceType,
    volumes: [{ sizeGiB, type: 'gp3' }],
    addresses: 1,
  });
  return {
    kind: 'launch',
    name: request.name,
    ...place,
    image: { id: image.ImageId!, alias, name: image.Name ?? '', rootDevice: image.RootDeviceName ?? '/dev/xvda', user },
    architecture,
    instanceType,
    network,
    volume: { sizeGiB, type: 'gp3', encrypted: true },
    keyName: `hostark-${request.name}`,
    identity,
    price,
    steps: [
      ...(identity === null ? [] : [describeIdentity(identity, place)]),
      `key pair hostark-${request.name}: made on this machine, its private half stays here`,
      `security group ${network.securityGroupName} in ${network.vpc}: SSH from ${network.sshFrom.join(', ')}`,
      `instance ${instanceType} in ${network.zone} from ${image.Name ?? image.ImageId}: IMDSv2 only, ${sizeGiB} GiB gp3, encrypted`,
    ],
  };
}

function checkArchitecture(request: LaunchRequest): Architecture {
  const type = request.instanceType;
  // EC2 "Instance type naming": a 'g' after the generation marks Graviton (arm64); a1 is its first generation.
  const ofType: Architecture | null =
    type === undefined ? null : /^(a1|[a-z]+\d+g[a-z]*|[a-z]+\d+g)\./.test(type) ? 'arm64' : 'x86_64';
  const wanted = request.architecture ?? ofType ?? 'x86_64';
  if (!ARCHITECTURES.includes(wanted)) {
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
  architecture: Architecture,
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
  const id = alias === undefined ? name : await parameter(clients, alias.parameter[architecture], options);
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
  if (image.Architecture !== undefined && image.Architecture !== architecture) {
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
