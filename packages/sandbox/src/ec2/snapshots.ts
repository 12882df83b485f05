/** Snapshots: the files of a volume at one moment, kept apart from it. */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import {
  authorize,
  type Call,
  checkTagTypes,
  iso,
  list,
  type Operation,
  type Touched,
  tagSet,
  tagsFor,
} from './call.ts';
import { filtered, page } from './filters.ts';
import { instanceById, snapshotById, snapshotStatus, volumeById } from './lookup.ts';
import { newId, type SnapshotRecord, type Tags, type VolumeRecord } from './model.ts';
import { type Use, useOf } from './volumes.ts';

interface Source {
  readonly volume: VolumeRecord;
  readonly use: Use | null;
  readonly tags: Tags;
}

export const createSnapshot: Operation = async (call) => {
  const { parameters } = call;
  const volume = volumeById(call, parameters.required('VolumeId'));
  checkTagTypes(parameters, ['snapshot']);
  const source = { volume, use: useOf(call, volume), tags: tagsFor(parameters, 'snapshot') };
  authorize(call, ...touchedBy([source]));
  const [made] = await snapshotsOf(call, [source], parameters.get('Description') ?? '');
  return { ...snapshotXml(call, made as SnapshotRecord), status: 'pending', progress: '' };
};

/** All volumes of an instance at the same moment: its processes stand still meanwhile. */
export const createSnapshots: Operation = async (call) => {
  const { parameters } = call;
  const wanted = parameters.structure('InstanceSpecification');
  const instance = instanceById(call, wanted.required('InstanceId'));
  checkTagTypes(parameters, ['snapshot']);
  const copyTags = parameters.get('CopyTagsFromSource');
  if (copyTags !== undefined && copyTags !== 'volume')
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Value (${copyTags}) for parameter copyTagsFromSource is invalid.`,
    );
  const excluded = wanted.list('ExcludeDataVolumeId');
  for (const id of excluded) {
    const attachment = instance.attachments.find((one) => one.volumeId === id);
    if (attachment === undefined || attachment.device === instance.rootDevice)
      throw new ServiceError(
        400,
        'InvalidParameterValue',
        `The volume '${id}' is not a data volume of '${instance.id}'.`,
      );
  }
  const withoutBoot = wanted.flag('ExcludeBootVolume');
  const sources = instance.attachments
    .filter((one) => !excluded.includes(one.volumeId) && !(withoutBoot && one.device === instance.rootDevice))
    .map((attachment) => {
      const volume = volumeById(call, attachment.volumeId);
      const tags = { ...(copyTags === undefined ? {} : volume.tags), ...tagsFor(parameters, 'snapshot') };
      return { volume, use: { instance, attachment }, tags };
    });
  authorize(call, { resource: `instance/${instance.id}`, tags: instance.tags }, ...touchedBy(sources));
  if (sources.length === 0)
    throw new ServiceError(400, 'InvalidParameterCombination', 'The request leaves out every volume of the instance.');
  const made = await snapshotsOf(call, sources, parameters.get('Description') ?? '');
  return {
    snapshotSet: list(
      made.map((snapshot) => {
        const { status: _, ...fields } = snapshotXml(call, snapshot);
        return { ...fields, state: 'pending', progress: '' };
      }),
    ),
  };
};

function touchedBy(sources: readonly Source[]): Touched[] {
  return sources.flatMap(({ volume, tags }) => [
    { resource: `volume/${volume.id}`, tags: volume.tags },
    // Snapshots have no account in their ARN.
    { resource: 'snapshot/*', owner: '', newTags: tags, context: { 'ec2:ParentVolume': `volume/${volume.id}` } },
  ]);
}

/** Copies first, records afterwards: a record never names a part of a volume. */
export async function snapshotsOf(
  call: Call,
  sources: readonly Source[],
  description: string,
): Promise<readonly SnapshotRecord[]> {
  const { storage } = call.lifecycle;
  const instances = [...new Set(sources.flatMap(({ use }) => use?.instance ?? []))];
  const made = await call.lifecycle.atOneMoment(instances, async () => {
    const records: SnapshotRecord[] = [];
    for (const { volume, use, tags } of sources) {
      const id = newId('snap');
      const frozen = use !== null && call.lifecycle.frozen(use.instance, use.attachment);
      await storage.copy(storage.volume(volume.id), storage.snapshot(id));
      const { sizeGiB, encrypted, kmsKeyId } = volume;
      records.push({
        ...{ id, volumeId: volume.id, sizeGiB, description, encrypted, kmsKeyId, frozen, tags },
        ...{ startedAt: call.context.now(), failure: null, completionMinutes: undefined },
      });
    }
    return records;
  });
  for (const snapshot of made) call.region.snapshots[snapshot.id] = snapshot;
  call.store.save();
  return made;
}

export function snapshotXml(call: Call, snapshot: SnapshotRecord): { readonly [element: string]: XmlValue } {
  const status = snapshotStatus(call, snapshot);
  return {
    snapshotId: snapshot.id,
    volumeId: snapshot.volumeId,
    status,
    statusMessage: snapshot.failure ?? undefined,
    startTime: iso(snapshot.startedAt),
    progress: status === 'completed' ? '100%' : status === 'pending' ? '0%' : '',
    ownerId: call.context.accountId,
    volumeSize: snapshot.sizeGiB,
    description: snapshot.description,
    encrypted: snapshot.encrypted,
    kmsKeyId: snapshot.kmsKeyId,
    completionDurationMinutes: snapshot.completionMinutes,
    completionTime: status === 'completed' ? iso(snapshot.startedAt) : undefined,
    storageTier: 'standard',
    tagSet: tagSet(snapshot.tags),
  };
}

export const describeSnapshots: Operation = (call) => {
  authorize(call);
  const { parameters, context } = call;
  const ids = parameters.list('SnapshotId');
  const owners = parameters.list('Owner');
  const now = context.now();
  const named =
    ids.length > 0
      ? ids.map((id) => snapshotById(call, id))
      : Object.values(call.region.snapshots).filter((one) =>
          call.consistency.settled('snapshot', one.id, one.startedAt, now),
        );
  const ours = owners.length === 0 || owners.includes('self') || owners.includes(context.accountId);
  const found = filtered(
    ours ? named : [],
    parameters,
    {
      description: (one) => one.description,
      encrypted: (one) => String(one.encrypted),
      'owner-id': () => context.accountId,
      progress: (one) => (snapshotStatus(call, one) === 'completed' ? '100%' : '0%'),
      'snapshot-id': (one) => one.id,
      'start-time': (one) => iso(one.startedAt),
      status: (one) => snapshotStatus(call, one),
      'storage-tier': () => 'standard',
      'volume-id': (one) => one.volumeId,
      'volume-size': (one) => String(one.sizeGiB),
    },
    (one) => one.tags,
  );
  const { items, nextToken } = page(found, parameters);
  return { snapshotSet: list(items.map((one) => snapshotXml(call, one))), nextToken };
};

export const deleteSnapshot: Operation = async (call) => {
  const { images, snapshots } = call.region;
  const snapshot = snapshotById(call, call.parameters.required('SnapshotId'));
  authorize(call, { resource: `snapshot/${snapshot.id}`, owner: '', tags: snapshot.tags });
  const user = Object.values(images).find((image) => image.mappings.some((one) => one.snapshotId === snapshot.id));
  if (user !== undefined)
    throw new ServiceError(
      400,
      'InvalidSnapshot.InUse',
      `The snapshot ${snapshot.id} is currently in use by ${user.id}`,
    );
  delete snapshots[snapshot.id];
  call.store.save();
  await call.lifecycle.storage.removeSnapshot(snapshot.id);
  return { return: true };
};
