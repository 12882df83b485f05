/** Plans the launch of a host: resolves image, network and price, rehearses the launch, creates nothing. */
import { HostarkError } from '@hostark/protocol';
import { regionOfBucket } from './bucket-client.ts';
import { bucketKeyArn } from './bucket-key.ts';
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { planVolumes, type VolumePlan, type VolumeRequest } from './extra-volumes.ts';
import { checkHostName } from './host-name.ts';
import { describeIdentity, type IdentityPlan, planIdentity } from './identity.ts';
import { chooseImage, describeOwn, devicesOf, type OwnImage, volumeSize } from './image-choice.ts';
import { type Architecture, defaultUser, IMAGE_ALIASES } from './images.ts';
import { rehearseLaunch } from './instance.ts';
import { type LaunchAttempt, planAttempts } from './launch-attempts.ts';
import { type LoginKeyPlan, type OwnKey, planLoginKey } from './login-key.ts';
import { type NetworkPlan, planNetwork } from './network.ts';
import { type HostPrice, hostPrice } from './prices.ts';
import type { AskOptions } from './run.ts';

export type { OwnImage } from './image-choice.ts';

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
  const place = await placeOf(clients);
  // In another region it costs more to reach, and outlives the host's own: that is a choice.
  const bucketRegion =
    request.bucket === undefined ? place.region : await regionOfBucket(clients, request.bucket, options);
  const identity = await planOwnIdentity(clients, request, bucketRegion);
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

async function planOwnIdentity(
  clients: AwsClients,
  request: LaunchRequest,
  bucketRegion: string,
): Promise<IdentityPlan | null> {
  const { bucket, name: host } = request;
  if (bucket === undefined) return null;
  const kmsKeyArn = request.kmsKeyArn ?? (await bucketKeyArn(clients, bucket, bucketRegion));
  return planIdentity(clients, { ...request, host, bucket, ...(kmsKeyArn === null ? {} : { kmsKeyArn }) });
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
