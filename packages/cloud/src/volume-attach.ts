/** Attaches a volume to a host and detaches it. Nothing is created, so nothing is on the ledger. */
import type { Volume } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { showHost } from './hosts.ts';
import { describeInstances } from './instance.ts';
import type { Ledger } from './ledger.ts';
import { type AskOptions, callOptions, type RunOptions } from './run.ts';
import { waitForVolume } from './volume-wait.ts';

export interface VolumeAttachPlan {
  readonly kind: 'volume-attach';
  readonly volume: string;
  readonly host: string;
  readonly instanceId: string;
  readonly device: string;
  readonly steps: readonly string[];
}

export interface VolumeDetachPlan {
  readonly kind: 'volume-detach';
  readonly volume: string;
  readonly instanceId: string;
  readonly device: string;
  readonly steps: readonly string[];
}

/** EC2 "Device names for volumes": what is recommended for data volumes on Linux. */
const DATA_DEVICES: readonly string[] = [...'fghijklmnop'].map((letter) => `/dev/sd${letter}`);

/** Reads only. Throws 'usage' for a volume that is in use or elsewhere, and for a device that is taken. */
export async function planVolumeAttach(
  clients: AwsClients,
  ledger: Ledger,
  request: { readonly volume: string; readonly host: string; readonly device?: string },
  options: AskOptions = {},
): Promise<VolumeAttachPlan> {
  const host = await showHost(clients, ledger, request.host, options);
  const volume = await expectVolume(clients, request.volume, options);
  const [instance] = await describeInstances(clients, [{ Name: 'instance-id', Values: [host.instanceId] }], options);
  const taken = (instance?.BlockDeviceMappings ?? []).map((one) => one.DeviceName!);
  const attached = volume.Attachments?.find((one) => one.InstanceId === host.instanceId);
  const wanted = request.device ?? attached?.Device ?? DATA_DEVICES.find((device) => !isTaken(device, taken)) ?? '';
  const same = attached !== undefined && attached.Device === wanted; // an earlier run did it: it is continued
  if (volume.State !== 'available' && !same) {
    const where = volume.Attachments?.[0]?.InstanceId;
    throw new HostarkError(
      'usage',
      `volume ${request.volume}: expected available, found ${volume.State}${where === undefined ? '' : ` on ${where}`}`,
      {
        hint: `hostark volume detach ${request.volume}`,
      },
    );
  }
  if (volume.AvailabilityZone !== host.zone) {
    throw new HostarkError(
      'usage',
      `volume ${request.volume} is in ${volume.AvailabilityZone}, host ${host.name} in ${host.zone}: expected the same zone`,
      {
        hint: `make one there: hostark volume create SNAPSHOT --zone ${host.zone}`,
      },
    );
  }
  if (!/^\/dev\/(sd[b-z]|xvd[b-z]{1,2})\d{0,2}$/.test(wanted)) {
    throw new HostarkError('usage', `device ${JSON.stringify(wanted)}: expected a name like /dev/sdf`, {
      hint: 'leave it out for the first that is free',
    });
  }
  if (!same && isTaken(wanted, taken)) {
    throw new HostarkError(
      'usage',
      `device ${wanted}: host ${host.name} has it in use; in use are ${taken.join(', ')}`,
      {
        hint: 'leave it out for the first that is free',
      },
    );
  }
  return {
    kind: 'volume-attach',
    volume: request.volume,
    host: host.name,
    instanceId: host.instanceId,
    device: wanted,
    steps: [`attach ${request.volume} to ${host.name} (${host.instanceId}) as ${wanted}`],
  };
}

/** `/dev/sdf` and `/dev/xvdf` are one device to the host. */
function isTaken(device: string, taken: readonly string[]): boolean {
  const letter = (name: string): string => name.replace(/^\/dev\/(sd|xvd)/, '');
  return taken.some((one) => letter(one) === letter(device));
}

export async function runVolumeAttach(clients: AwsClients, plan: VolumeAttachPlan, options: RunOptions): Promise<void> {
  const { AttachVolumeCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const input = { VolumeId: plan.volume, InstanceId: plan.instanceId, Device: plan.device };
  // VolumeInUse: the answer to an earlier request was lost; that it is the right instance was planned, or is told below.
  const call = ec2.send(new AttachVolumeCommand(input), callOptions(options));
  const fresh = await unless(call, 'VolumeInUse');
  if (fresh === null) {
    const volume = await expectVolume(clients, plan.volume, options);
    const here = volume.Attachments?.some((one) => one.InstanceId === plan.instanceId && one.Device === plan.device);
    if (here !== true)
      throw new HostarkError('cloud-refused', `volume ${plan.volume} was attached elsewhere meanwhile`);
  }
  await waitForVolume(clients, plan.volume, 'in-use', options);
}

/** Reads only. Throws 'usage' for a volume that is not attached, and for a root volume of an instance that runs. */
export async function planVolumeDetach(
  clients: AwsClients,
  volumeId: string,
  options: AskOptions = {},
): Promise<VolumeDetachPlan> {
  const volume = await expectVolume(clients, volumeId, options);
  const attachment = volume.Attachments?.find((one) => one.State !== 'detached');
  if (attachment?.InstanceId === undefined) {
    throw new HostarkError('usage', `volume ${volumeId}: expected one that is attached, it is ${volume.State}`);
  }
  const { InstanceId: instanceId, Device: device = '' } = attachment;
  const [instance] = await describeInstances(clients, [{ Name: 'instance-id', Values: [instanceId] }], options);
  if (instance?.RootDeviceName === device && instance.State?.Name !== 'stopped') {
    throw new HostarkError(
      'usage',
      `volume ${volumeId} is the root of ${instanceId}, which is ${instance.State?.Name}`,
      {
        hint: 'a host cannot lose its root while it runs',
      },
    );
  }
  const steps = [`detach ${volumeId} from ${instanceId} (${device}); unmount it on the host first`];
  return { kind: 'volume-detach', volume: volumeId, instanceId, device, steps };
}

export async function runVolumeDetach(clients: AwsClients, plan: VolumeDetachPlan, options: RunOptions): Promise<void> {
  const { DetachVolumeCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const input = { VolumeId: plan.volume, InstanceId: plan.instanceId };
  // IncorrectState: the answer to an earlier request was lost, and it is available already.
  await unless(ec2.send(new DetachVolumeCommand(input), callOptions(options)), 'IncorrectState');
  await waitForVolume(clients, plan.volume, 'available', options);
}

/** Throws 'usage' when the clients' region has no such volume. */
async function expectVolume(clients: AwsClients, id: string, options: AskOptions): Promise<Volume> {
  const { DescribeVolumesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const call = ec2.send(new DescribeVolumesCommand({ VolumeIds: [id] }), callOptions(options));
  const found = (await unless(call, 'InvalidVolume.NotFound', 'InvalidParameterValue', 'InvalidVolumeID.Malformed'))
    ?.Volumes?.[0];
  if (found !== undefined) return found;
  throw new HostarkError('usage', `volume ${id}: there is none in ${clients.region}`, {
    hint: 'ids look like vol-0123456789abcdef0; another --region may have it',
  });
}
