/**
 * The image that stands between the snapshots of a host and the new host that is made of them: registered with what the
 * snapshots' tags say of the machine, used once, deregistered.
 */
import type { ArchitectureValues, BootModeValues, RegisterImageCommandInput, VolumeType } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { awsCode } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import type { Wanted } from './ensure.ts';
import { type AskOptions, callOptions } from './run.ts';
import { awsTags, TAG_LEDGER } from './tags.ts';
import type { MachineFacts } from './volume-tags.ts';
import { eventually, until } from './wait.ts';

export interface ImageDisk {
  readonly device: string;
  readonly snapshot: string;
  readonly sizeGiB: number;
  readonly type: string;
}

export interface HostImage {
  /** What the ledger calls it. */
  readonly name: string;
  /** The host that is made of it. */
  readonly host: string;
  readonly machine: MachineFacts;
  readonly disks: readonly ImageDisk[];
}

/** EBS types that a boot may be given without saying more. */
const PLAIN_TYPES = ['gp2', 'gp3', 'st1', 'sc1', 'standard'];

export function imageOf(clients: AwsClients, image: HostImage, options: AskOptions): Wanted {
  return {
    kind: 'image',
    name: image.name,
    host: image.host,
    async find(entry) {
      const { DescribeImagesCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      const ask = { Owners: ['self'], Filters: [{ Name: `tag:${TAG_LEDGER}`, Values: [entry.id] }] };
      const { Images = [] } = await ec2.send(new DescribeImagesCommand(ask), callOptions(options));
      return Images[0]?.ImageId ?? null;
    },
    async create(entry) {
      const { RegisterImageCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      const input = registration(image, entry.id, awsTags(entry.tags, image.name));
      const call = (): Promise<{ ImageId?: string | undefined }> =>
        ec2.send(new RegisterImageCommand(input), callOptions(options));
      // A copy that has just been completed is not known everywhere yet.
      const { ImageId } = await eventually(call, (error) => awsCode(error) === 'InvalidSnapshot.NotFound', {
        what: `EC2 to know the snapshots of ${image.host}`,
        budgetMs: 60_000,
        signal: options.signal,
      });
      if (ImageId === undefined)
        throw new HostarkError('cloud-refused', 'ec2:RegisterImage: expected an image, got none');
      return ImageId;
    },
  };
}

function registration(
  { host, machine, disks }: HostImage,
  ledger: string,
  Tags: { Key: string; Value: string }[],
): RegisterImageCommandInput {
  return {
    Name: `hostark-${host}-${ledger.slice(0, 12)}`,
    Description: `made by hostark volume recover for host ${host}; may be deregistered`,
    Architecture: machine.architecture as ArchitectureValues,
    ...(machine.bootMode === null ? {} : { BootMode: machine.bootMode as BootModeValues }),
    RootDeviceName: machine.rootDevice,
    VirtualizationType: 'hvm',
    EnaSupport: true,
    BlockDeviceMappings: disks.map(({ device, snapshot, sizeGiB, type }) => ({
      DeviceName: device,
      Ebs: {
        SnapshotId: snapshot,
        VolumeSize: sizeGiB,
        VolumeType: (PLAIN_TYPES.includes(type) ? type : 'gp3') as VolumeType,
        // They belong to the new host and go with it; the snapshots stay.
        DeleteOnTermination: true,
      },
    })),
    TagSpecifications: [{ ResourceType: 'image', Tags }],
  };
}

/** Throws 'cloud-refused' when EC2 gives it up. */
export async function waitForImage(clients: AwsClients, id: string, options: AskOptions): Promise<void> {
  const { DescribeImagesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const ask = async (): Promise<true | null> => {
    const filter = { Owners: ['self'], Filters: [{ Name: 'image-id', Values: [id] }] };
    const image = (await ec2.send(new DescribeImagesCommand(filter), callOptions(options))).Images?.[0];
    if (image?.State === 'failed' || image?.State === 'error' || image?.State === 'invalid') {
      throw new HostarkError(
        'cloud-refused',
        `image ${id}: expected available, found ${image.State}: ${image.StateReason?.Message ?? 'no reason given'}`,
        {
          hint: 'hostark cleanup removes it',
        },
      );
    }
    return image?.State === 'available' ? true : null;
  };
  await until(ask, { what: `image ${id} to be available`, budgetMs: 600_000, signal: options.signal });
}
