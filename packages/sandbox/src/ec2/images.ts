/** Images: the public ones of the catalog, and the account's own, registered from snapshots. */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, checkTagTypes, list, type Operation, tagSet, tagsFor } from './call.ts';
import { IMAGES, type Image } from './catalog.ts';
import { ebsSettings } from './ebs-settings.ts';
import { filtered, page } from './filters.ts';
import { completedSnapshot, imageById, instanceById, own } from './lookup.ts';
import { type ImageMapping, type ImageRecord, newId, type SnapshotRecord, type Tags } from './model.ts';
import type { Parameters } from './parameters.ts';
import { snapshotsOf } from './snapshots.ts';
import { useOf } from './volumes.ts';

/** What both kinds of image show. */
interface Shown {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly ownerId: string;
  readonly ownerAlias: string | null;
  readonly public: boolean;
  readonly architecture: string;
  readonly rootDevice: string;
  readonly mappings: readonly ImageMapping[];
  readonly enaSupport: boolean;
  readonly bootMode: string | undefined;
  readonly createdAt: string;
  readonly tags: Tags;
}

/** Disks of a catalog image: its root, from a snapshot that belongs to its owner. */
export function mappingsOf(image: Image): readonly ImageMapping[] {
  if (image.own !== undefined) return image.own.mappings;
  return [
    {
      ...{ device: image.rootDevice, snapshotId: image.id.replace('ami-', 'snap-'), sizeGiB: image.rootSizeGiB },
      ...{ type: 'gp3', encrypted: false, deleteOnTermination: true },
    },
  ];
}

function shownOf(image: Image): Shown {
  const { id, name, description, ownerId, ownerAlias, architecture, rootDevice, createdAt, own: record } = image;
  return {
    ...{ id, name, description, ownerId, ownerAlias, architecture, rootDevice, createdAt },
    public: record === undefined,
    mappings: mappingsOf(image),
    enaSupport: record?.enaSupport ?? true,
    bootMode: record === undefined ? 'uefi-preferred' : record.bootMode,
    tags: record?.tags ?? {},
  };
}

export const describeImages: Operation = (call) => {
  authorize(call);
  const { parameters, context } = call;
  const ids = parameters.list('ImageId').map((id) => imageById(call, id).id);
  const owners = parameters.list('Owner').map((owner) => (owner === 'self' ? context.accountId : owner));
  const mine = Object.values(call.region.images).map((record) => imageById(call, record.id));
  const wanted = [...IMAGES, ...mine]
    .filter(
      (image) =>
        (ids.length === 0 || ids.includes(image.id)) &&
        (owners.length === 0 || owners.some((owner) => owner === image.ownerId || owner === image.ownerAlias)),
    )
    .map((image) => shownOf(image));
  const found = filtered(
    wanted,
    parameters,
    {
      architecture: (image) => image.architecture,
      'block-device-mapping.snapshot-id': (image) => image.mappings.map((one) => one.snapshotId),
      'block-device-mapping.device-name': (image) => image.mappings.map((one) => one.device),
      'creation-date': (image) => image.createdAt,
      description: (image) => image.description,
      'ena-support': (image) => String(image.enaSupport),
      'image-id': (image) => image.id,
      'image-type': () => 'machine',
      'is-public': (image) => String(image.public),
      name: (image) => image.name,
      'owner-alias': (image) => image.ownerAlias ?? [],
      'owner-id': (image) => image.ownerId,
      'root-device-type': () => 'ebs',
      'root-device-name': (image) => image.rootDevice,
      state: () => 'available',
      'virtualization-type': () => 'hvm',
      hypervisor: () => 'xen',
    },
    (image) => image.tags,
  );
  const { items, nextToken } = page(found, parameters);
  return { imagesSet: list(items.map(imageXml)), nextToken };
};

function imageXml(image: Shown): XmlValue {
  return {
    imageId: image.id,
    imageLocation: `${image.ownerAlias ?? image.ownerId}/${image.name}`,
    imageState: 'available',
    imageOwnerId: image.ownerId,
    imageOwnerAlias: image.ownerAlias ?? undefined,
    isPublic: image.public,
    architecture: image.architecture,
    imageType: 'machine',
    name: image.name,
    description: image.description,
    rootDeviceType: 'ebs',
    rootDeviceName: image.rootDevice,
    blockDeviceMapping: list(
      image.mappings.map((one) => ({
        deviceName: one.device,
        ebs: {
          snapshotId: one.snapshotId === '' ? undefined : one.snapshotId,
          volumeSize: one.sizeGiB,
          deleteOnTermination: one.deleteOnTermination,
          volumeType: one.type,
          encrypted: one.encrypted,
        },
      })),
    ),
    virtualizationType: 'hvm',
    hypervisor: 'xen',
    enaSupport: image.enaSupport,
    bootMode: image.bootMode,
    creationDate: image.createdAt,
    platformDetails: 'Linux/UNIX',
    usageOperation: 'RunInstances',
    tagSet: tagSet(image.tags),
  };
}

export const registerImage: Operation = (call) => {
  const { parameters } = call;
  const name = imageName(call);
  const rootDevice = parameters.get('RootDeviceName') ?? '/dev/sda1';
  const architecture = parameters.get('Architecture') ?? 'i386';
  if (architecture !== 'x86_64' && architecture !== 'arm64')
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Value (${architecture}) for parameter architecture is invalid. The sandbox has x86_64 and arm64.`,
    );
  if ((parameters.get('VirtualizationType') ?? 'hvm') !== 'hvm')
    throw new ServiceError(400, 'UnsupportedOperation', 'The sandbox has no images of virtualization type paravirtual');
  checkTagTypes(parameters, ['image']);
  const tags = tagsFor(parameters, 'image');
  const mappings = parameters.structures('BlockDeviceMapping').map((mapping) => mappingOf(call, mapping));
  const root = mappings.find((one) => one.device === rootDevice);
  if (root === undefined || root.snapshotId === '')
    throw new ServiceError(
      400,
      'InvalidBlockDeviceMapping',
      `The root device '${rootDevice}' needs a block device mapping with a snapshot`,
    );
  authorize(
    call,
    { resource: 'image/*', owner: '', newTags: tags },
    ...mappings
      .filter((one) => one.snapshotId !== '')
      .map((one) => ({ resource: `snapshot/${one.snapshotId}`, owner: '', tags: snapshotTags(call, one.snapshotId) })),
  );
  const record = keepImage(call, {
    ...{ name, architecture, rootDevice, mappings, tags },
    description: parameters.get('Description') ?? '',
    enaSupport: parameters.flag('EnaSupport'),
    bootMode: parameters.get('BootMode'),
  });
  return { imageId: record.id };
};

function snapshotTags(call: Call, id: string): Tags {
  return own(call.region.snapshots, id)?.tags ?? {};
}

function imageName(call: Call): string {
  const name = call.parameters.required('Name');
  if (!/^[\w()[\] ./\-'@]{3,128}$/.test(name))
    throw new ServiceError(
      400,
      'InvalidAMIName.Malformed',
      "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, and ( ) [ ] space . / - ' @ _",
    );
  const other = Object.values(call.region.images).find((image) => image.name === name);
  if (other !== undefined)
    throw new ServiceError(400, 'InvalidAMIName.Duplicate', `AMI name ${name} is already in use by AMI ${other.id}`);
  return name;
}

function mappingOf(call: Call, mapping: Parameters): ImageMapping {
  const ebs = mapping.structure('Ebs');
  const snapshotId = ebs.get('SnapshotId') ?? '';
  const snapshot: SnapshotRecord | null = snapshotId === '' ? null : completedSnapshot(call, snapshotId);
  const device = mapping.required('DeviceName');
  if (ebs.get('Encrypted') !== undefined && snapshot !== null)
    throw new ServiceError(
      400,
      'InvalidParameterCombination',
      'The encrypted flag cannot be given together with a snapshot when an image is registered.',
    );
  const { sizeGiB, type, encrypted } = ebsSettings(call, ebs, {
    ...{ snapshot, sizeGiB: snapshot?.sizeGiB ?? null, typeByDefault: 'gp2' },
  });
  checkFits(device, sizeGiB, snapshot);
  return { device, snapshotId, sizeGiB, type, encrypted, deleteOnTermination: ebs.flag('DeleteOnTermination', true) };
}

/** Throws InvalidBlockDeviceMapping when a snapshot is larger than the volume to be made from it. */
export function checkFits(
  device: string,
  sizeGiB: number,
  snapshot: { readonly id: string; readonly sizeGiB: number } | null,
): void {
  if (snapshot !== null && sizeGiB < snapshot.sizeGiB)
    throw new ServiceError(
      400,
      'InvalidBlockDeviceMapping',
      `Volume of size ${sizeGiB}GB is smaller than snapshot '${snapshot.id}', expect size >= ${snapshot.sizeGiB}GB (${device})`,
    );
}

function keepImage(call: Call, parts: Omit<ImageRecord, 'id' | 'createdAt'>): ImageRecord {
  const record: ImageRecord = { ...parts, id: newId('ami'), createdAt: call.context.now() };
  call.region.images[record.id] = record;
  call.store.save();
  return record;
}

/** Snapshots of all volumes and an image of them. The instance is not restarted: its processes stand still meanwhile. */
export const createImage: Operation = async (call) => {
  const { parameters } = call;
  const instance = instanceById(call, parameters.required('InstanceId'));
  const name = imageName(call);
  checkTagTypes(parameters, ['image', 'snapshot']);
  const tags = tagsFor(parameters, 'image');
  const snapshotTags = tagsFor(parameters, 'snapshot');
  authorize(
    call,
    { resource: `instance/${instance.id}`, tags: instance.tags },
    { resource: 'image/*', owner: '', newTags: tags },
    { resource: 'snapshot/*', owner: '', newTags: snapshotTags },
  );
  const sources = instance.attachments.flatMap((attachment) => {
    const volume = own(call.region.volumes, attachment.volumeId);
    return volume === null ? [] : [{ volume, attachment, use: useOf(call, volume), tags: { ...snapshotTags } }];
  });
  const made = await snapshotsOf(call, sources, `Created by CreateImage(${instance.id})`);
  const mappings = sources.map(({ volume, attachment }, n) => ({
    ...{ device: attachment.device, snapshotId: made[n]?.id ?? '', sizeGiB: volume.sizeGiB, type: volume.type },
    ...{ encrypted: volume.encrypted, deleteOnTermination: attachment.deleteOnTermination },
  }));
  const record = keepImage(call, {
    ...{ name, tags, mappings, rootDevice: instance.rootDevice, enaSupport: true, bootMode: undefined },
    architecture: instance.architecture === 'arm64' ? 'arm64' : 'x86_64',
    description: parameters.get('Description') ?? '',
  });
  return { imageId: record.id };
};

export const deregisterImage: Operation = (call) => {
  const id = call.parameters.required('ImageId');
  const image = imageById(call, id);
  authorize(call, { resource: `image/${id}`, owner: '', tags: image.own?.tags ?? {} });
  if (image.own === undefined) throw new ServiceError(403, 'AuthFailure', `Not authorized for image:${id}`);
  delete call.region.images[id];
  call.store.save();
  return { return: true };
};
