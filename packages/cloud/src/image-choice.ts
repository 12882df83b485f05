/** Which image a host is launched from, and what follows from it: architecture, devices, least size. */
import type { Image } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import type { VolumePlan } from './extra-volumes.ts';
import { ARCHITECTURES, type Architecture, IMAGE_ALIASES } from './images.ts';
import { type AskOptions, callOptions } from './run.ts';

export interface ImageRequest {
  readonly image?: string;
  readonly architecture?: Architecture;
  readonly instanceType?: string;
}

/** An image that does not exist yet: what a launch must know of it beforehand. */
export interface OwnImage {
  readonly name: string;
  readonly rootDevice: string;
  readonly rootGiB: number;
  /** Volumes that it brings besides the root. */
  readonly volumes: readonly VolumePlan[];
}

/** Devices that an image maps, its root's included. */
export function devicesOf(image: Image): string[] {
  const mapped = (image.BlockDeviceMappings ?? []).flatMap(({ DeviceName }) =>
    DeviceName === undefined ? [] : [DeviceName],
  );
  return [...new Set([image.RootDeviceName ?? '/dev/xvda', ...mapped])];
}

/** The image, and the architecture that type, image and request agree on: an AMI that is named brings its own. */
export async function chooseImage(
  clients: AwsClients,
  request: ImageRequest,
  options: AskOptions,
): Promise<{ readonly found: Image; readonly alias: string | null; readonly architecture: Architecture }> {
  const told = checkArchitecture(request);
  const { image, alias } = await resolveImage(clients, request.image ?? 'al2023', told, options);
  return { found: image, alias, architecture: told ?? (image.Architecture === 'arm64' ? 'arm64' : 'x86_64') };
}

/** An image that does not exist yet, as EC2 would describe it. */
export function describeOwn({ name, rootDevice, rootGiB, volumes }: OwnImage): Image {
  const disks = [{ device: rootDevice, sizeGiB: rootGiB }, ...volumes];
  const mappings = disks.map(({ device, sizeGiB }) => ({ DeviceName: device, Ebs: { VolumeSize: sizeGiB } }));
  return { ImageId: '', Name: name, RootDeviceName: rootDevice, BlockDeviceMappings: mappings };
}

/** Null when neither the type nor the request says. */
function checkArchitecture(request: ImageRequest): Architecture | null {
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

/** GiB of the root volume. Throws 'usage' for one that is smaller than the image. */
export function volumeSize(wanted: number | undefined, image: Image): number {
  const least =
    image.BlockDeviceMappings?.find((device) => device.DeviceName === image.RootDeviceName)?.Ebs?.VolumeSize ?? 8;
  const size = wanted ?? Math.max(8, least);
  if (Number.isInteger(size) && size >= least && size <= 16_384) return size;
  throw new HostarkError('usage', `volume size ${size} GiB: expected ${least} to 16,384, whole`, {
    hint: 'the image needs its own size at least',
  });
}
