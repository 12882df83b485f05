/** Finding records by id, with AWS's errors for ids that are malformed or unknown. */
import { ServiceError } from '../http/service-error.ts';
import type { Call } from './call.ts';
import { IMAGES, type Image, type Subnet } from './catalog.ts';
import type { GroupRecord, ImageRecord, InstanceRecord, SnapshotRecord, VolumeRecord } from './model.ts';
import { subnetsOf } from './networks.ts';

/** Throws InvalidInstanceID.Malformed or .NotFound; the latter also while a new instance is not yet consistent. */
export function instanceById(call: Call, id: string): InstanceRecord {
  if (!/^i-[0-9a-f]{8,17}$/.test(id)) throw new ServiceError(400, 'InvalidInstanceID.Malformed', `Invalid id: "${id}"`);
  const instance = own(call.region.instances, id);
  if (instance === null || !call.consistency.settled('instance', id, instance.launchTime, call.context.now()))
    throw notFound('InvalidInstanceID.NotFound', 'instance ID', id);
  return instance;
}

/** All of a list at once, so that nothing is done when one is missing. */
export function instancesById(call: Call, ids: readonly string[]): InstanceRecord[] {
  if (ids.length === 0)
    throw new ServiceError(400, 'MissingParameter', 'The request must contain the parameter InstanceId');
  return ids.map((id) => instanceById(call, id));
}

export function groupById(call: Call, id: string): GroupRecord {
  if (!id.startsWith('sg-')) throw new ServiceError(400, 'InvalidGroupId.Malformed', `Invalid id: "${id}"`);
  const group = own(call.region.groups, id);
  if (group === null || !call.consistency.settled('security-group', id, group.createdAt ?? 0, call.context.now()))
    throw notFound('InvalidGroup.NotFound', 'security group', id);
  return group;
}

/** Throws InvalidGroup.NotFound. Names are those of the default network unless another is named. */
export function groupByName(call: Call, name: string, vpcId: string = call.network.vpcId): GroupRecord {
  const group = Object.values(call.region.groups).find((one) => one.name === name && one.vpcId === vpcId);
  if (group === undefined)
    throw new ServiceError(
      400,
      'InvalidGroup.NotFound',
      `The security group '${name}' does not exist in ${vpcId === call.network.vpcId ? 'default ' : ''}VPC '${vpcId}'`,
    );
  return group;
}

export function volumeById(call: Call, id: string): VolumeRecord {
  const volume = own(call.region.volumes, id);
  if (volume === null) throw new ServiceError(400, 'InvalidVolume.NotFound', `The volume '${id}' does not exist.`);
  return volume;
}

/** Throws InvalidSnapshot.NotFound, also while a new snapshot is not yet consistent. */
export function snapshotById(call: Call, id: string): SnapshotRecord {
  if (!/^snap-[0-9a-f]{8,17}$/.test(id))
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Value (${id}) for parameter snapshotId is invalid. Expected: 'snap-...'.`,
    );
  const snapshot = own(call.region.snapshots, id);
  if (snapshot === null || !call.consistency.settled('snapshot', id, snapshot.startedAt, call.context.now()))
    throw new ServiceError(400, 'InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`);
  return snapshot;
}

/** Counts as a look: 'pending' lasts as long as the consistency switch says. */
export function snapshotStatus(
  call: Pick<Call, 'consistency' | 'context'>,
  snapshot: SnapshotRecord,
): 'pending' | 'completed' | 'error' {
  if (snapshot.failure !== null) return 'error';
  const done = call.consistency.settled('snapshot-progress', snapshot.id, snapshot.startedAt, call.context.now());
  return done ? 'completed' : 'pending';
}

/** One that volumes and images can be made from. Throws IncorrectState. */
export function completedSnapshot(call: Call, id: string): SnapshotRecord {
  const snapshot = snapshotById(call, id);
  if (snapshotStatus(call, snapshot) !== 'completed')
    throw new ServiceError(400, 'IncorrectState', `Snapshot is in invalid state - ${snapshotStatus(call, snapshot)}`);
  return snapshot;
}

export function subnetById(call: Call, id: string): Subnet {
  const subnet = subnetsOf(call).find((one) => one.id === id);
  if (subnet === undefined) throw notFound('InvalidSubnetID.NotFound', 'subnet ID', id);
  return subnet;
}

/** An image of the catalog or of this account. Throws InvalidAMIID.Malformed or .NotFound. */
export function imageById(call: Call, id: string): Image {
  if (!/^ami-[0-9a-f]{8,17}$/.test(id)) throw new ServiceError(400, 'InvalidAMIID.Malformed', `Invalid id: "${id}"`);
  const record = own(call.region.images, id);
  const image = record === null ? IMAGES.find((one) => one.id === id) : ownImage(call, record);
  if (image === undefined)
    throw new ServiceError(400, 'InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
  return image;
}

function ownImage(call: Call, record: ImageRecord): Image {
  const { id, name, description, architecture, rootDevice, mappings, createdAt } = record;
  return {
    ...{ id, name, description, architecture, rootDevice, ownerId: call.context.accountId, ownerAlias: null },
    rootSizeGiB: mappings.find((one) => one.device === rootDevice)?.sizeGiB ?? 1,
    createdAt: new Date(createdAt).toISOString(),
    ...{ user: '', osRelease: [], ssmParameters: [], own: record },
  };
}

function notFound(code: string, noun: string, id: string): ServiceError {
  return new ServiceError(400, code, `The ${noun} '${id}' does not exist`);
}

export function own<T>(record: Readonly<Record<string, T>>, key: string): T | null {
  return Object.hasOwn(record, key) ? (record[key] ?? null) : null;
}
