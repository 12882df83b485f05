/** Volumes: made, described, changed, and deleted where nothing uses them. */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, checkTagTypes, iso, list, type Operation, tagSet, tagsFor } from './call.ts';
import { ebsSettings, keyFailure } from './ebs-settings.ts';
import { filtered, page } from './filters.ts';
import { completedSnapshot, own, volumeById } from './lookup.ts';
import { type Attachment, type InstanceRecord, newId, type VolumeRecord } from './model.ts';

export interface Use {
  readonly instance: InstanceRecord;
  readonly attachment: Attachment;
}

/** Who has the volume; null when nobody does. */
export function useOf(call: Call, volume: Pick<VolumeRecord, 'id'>): Use | null {
  for (const instance of Object.values(call.region.instances))
    for (const attachment of instance.attachments)
      if (attachment.volumeId === volume.id) return { instance, attachment };
  return null;
}

/** Counts as a look: 'creating' lasts as long as the consistency switch says. */
export function volumeStatus(call: Call, volume: VolumeRecord): 'creating' | 'in-use' | 'available' {
  if (useOf(call, volume)) return 'in-use';
  const ready = call.consistency.settled('volume', volume.id, volume.createdAt, call.context.now());
  return ready ? 'available' : 'creating';
}

export function attachmentXml(call: Call, { instance, attachment }: Use, status?: string): XmlValue {
  const { volumeId, attachTime } = attachment;
  const ready = call.consistency.settled('attachment', `${volumeId} ${instance.id}`, attachTime, call.context.now());
  return {
    volumeId,
    instanceId: instance.id,
    device: attachment.device,
    status: status ?? (attachment.busy ? 'busy' : ready ? 'attached' : 'attaching'),
    attachTime: iso(attachTime),
    deleteOnTermination: attachment.deleteOnTermination,
  };
}

export const describeVolumes: Operation = (call) => {
  authorize(call);
  const ids = call.parameters.list('VolumeId');
  const named = ids.length > 0 ? ids.map((id) => volumeById(call, id)) : Object.values(call.region.volumes);
  const found = filtered(
    named,
    call.parameters,
    {
      'volume-id': (volume) => volume.id,
      'attachment.instance-id': (volume) => useOf(call, volume)?.instance.id ?? [],
      'attachment.device': (volume) => useOf(call, volume)?.attachment.device ?? [],
      'attachment.attach-time': (volume) => isoOf(useOf(call, volume)?.attachment.attachTime),
      'attachment.delete-on-termination': (volume) => String(useOf(call, volume)?.attachment.deleteOnTermination ?? ''),
      'attachment.status': (volume) => (useOf(call, volume) ? 'attached' : []),
      'availability-zone': (volume) => volume.zone,
      'create-time': (volume) => iso(volume.createdAt),
      encrypted: (volume) => String(volume.encrypted),
      size: (volume) => String(volume.sizeGiB),
      status: (volume) => volumeStatus(call, volume),
      'volume-type': (volume) => volume.type,
      'snapshot-id': (volume) => volume.snapshotId,
    },
    (volume) => volume.tags,
  );
  const { items, nextToken } = page(found, call.parameters);
  return { volumeSet: list(items.map((volume) => volumeXml(call, volume))), nextToken };
};

function isoOf(ms: number | undefined): string[] {
  return ms === undefined ? [] : [iso(ms)];
}

function volumeXml(call: Call, volume: VolumeRecord): { readonly [element: string]: XmlValue } {
  const use = useOf(call, volume);
  return {
    volumeId: volume.id,
    size: volume.sizeGiB,
    snapshotId: volume.snapshotId,
    availabilityZone: volume.zone,
    status: volumeStatus(call, volume),
    createTime: iso(volume.createdAt),
    attachmentSet: list(use === null ? [] : [attachmentXml(call, use)]),
    tagSet: tagSet(volume.tags),
    volumeType: volume.type,
    iops: volume.iops,
    throughput: volume.throughput,
    encrypted: volume.encrypted,
    kmsKeyId: volume.kmsKeyId,
    multiAttachEnabled: false,
  };
}

export const createVolume: Operation = async (call) => {
  const { parameters, region } = call;
  const token = parameters.get('ClientToken') ?? '';
  const zone = parameters.required('AvailabilityZone');
  if (!call.network.subnets.some((subnet) => subnet.zone === zone))
    throw new ServiceError(400, 'InvalidZone.NotFound', `The zone '${zone}' does not exist.`);
  checkTagTypes(parameters, ['volume']);
  const snapshotId = parameters.get('SnapshotId') ?? '';
  const snapshot = snapshotId === '' ? null : completedSnapshot(call, snapshotId);
  const sizeGiB = snapshot?.sizeGiB ?? null;
  const settings = ebsSettings(call, parameters, { snapshot, sizeGiB, typeByDefault: 'gp2' });
  if (snapshot !== null && settings.sizeGiB < snapshot.sizeGiB)
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Value (${settings.sizeGiB}) for parameter size is invalid. The volume size cannot be smaller than the snapshot size, ${snapshot.sizeGiB} GiB.`,
    );
  const tags = tagsFor(parameters, 'volume');
  authorize(
    call,
    {
      resource: 'volume/*',
      newTags: tags,
      context: { 'ec2:Encrypted': String(settings.encrypted), 'ec2:VolumeType': settings.type },
    },
    ...(snapshot === null ? [] : [{ resource: `snapshot/${snapshot.id}`, tags: snapshot.tags }]),
  );
  const fingerprint = parameters.fingerprint(['ClientToken', 'DryRun', 'Action', 'Version']);
  const earlier = token === '' ? null : own(region.clientTokens, `volume ${token}`);
  if (earlier !== null) {
    const volume = own(region.volumes, earlier.reservationId);
    if (volume === null || earlier.fingerprint !== fingerprint)
      throw new ServiceError(
        400,
        'IdempotentParameterMismatch',
        'The client token was used before with different parameters, or its volume was deleted.',
      );
    return volumeXml(call, volume);
  }
  const id = newId('vol');
  if (token !== '') region.clientTokens[`volume ${token}`] = { fingerprint, reservationId: id };
  const volume: VolumeRecord = { id, zone, snapshotId, ...settings, createdAt: call.context.now(), tags };
  await fillVolume(call, id, snapshotId);
  // A key that EBS cannot use is found out later: the volume is answered and never comes to be.
  if (keyFailure(call, settings.kmsKeyId) === null) region.volumes[id] = volume;
  call.store.save();
  return { ...volumeXml(call, volume), status: 'creating' };
};

/** Files of a new volume: those of the snapshot, or none. */
export async function fillVolume(call: Call, id: string, snapshotId: string): Promise<void> {
  const { storage } = call.lifecycle;
  if (own(call.region.snapshots, snapshotId) === null) storage.makeEmpty(id);
  else await storage.copy(storage.snapshot(snapshotId), storage.volume(id));
}

export const deleteVolume: Operation = async (call) => {
  const volume = volumeById(call, call.parameters.required('VolumeId'));
  authorize(call, { resource: `volume/${volume.id}`, tags: volume.tags });
  const use = useOf(call, volume);
  if (use !== null)
    throw new ServiceError(400, 'VolumeInUse', `Volume ${volume.id} is currently attached to ${use.instance.id}`);
  delete call.region.volumes[volume.id];
  call.store.save();
  await call.lifecycle.storage.removeVolume(volume.id);
  return { return: true };
};

/** Type, size (larger only) and speed; done at once, since folders have neither. */
export const modifyVolume: Operation = (call) => {
  const { parameters } = call;
  const volume = volumeById(call, parameters.required('VolumeId'));
  authorize(call, { resource: `volume/${volume.id}`, tags: volume.tags });
  const settings = ebsSettings(call, parameters, {
    ...{ snapshot: null, sizeGiB: volume.sizeGiB, typeByDefault: volume.type },
  });
  if (settings.sizeGiB < volume.sizeGiB)
    throw new ServiceError(400, 'InvalidParameterValue', 'New size cannot be smaller than existing size');
  const { type, sizeGiB, iops, throughput } = settings;
  call.region.volumes[volume.id] = { ...volume, type, sizeGiB, iops, throughput };
  call.store.save();
  return {
    volumeModification: {
      volumeId: volume.id,
      modificationState: 'completed',
      targetSize: sizeGiB,
      targetVolumeType: type,
      targetIops: iops,
      targetThroughput: throughput,
      originalSize: volume.sizeGiB,
      originalVolumeType: volume.type,
      progress: 100,
      startTime: iso(call.context.now()),
    },
  };
};
