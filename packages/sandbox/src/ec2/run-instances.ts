/** RunInstances: checks the whole request first, then makes records and starts the machines. */
import { randomBytes } from 'node:crypto';
import { ServiceError } from '../http/service-error.ts';
import type { ProfileRecord } from '../iam/profiles.ts';
import { makeKeyPair, publicHalf, type SshKeyPair } from '../ssh/keys.ts';
import { authorize, type Call, checkTagTypes, type Operation, type Touched, tagsFor } from './call.ts';
import { type Image, INSTANCE_TYPES, type InstanceType, type Subnet } from './catalog.ts';
import { addressIn, readCidr } from './cidr.ts';
import { type EbsSettings, ebsSettings } from './ebs-settings.ts';
import { checkFits, mappingsOf } from './images.ts';
import { reservationXml } from './instance-xml.ts';
import { completedSnapshot, groupById, groupByName, imageById, own, subnetById } from './lookup.ts';
import {
  type Attachment,
  type ImageMapping,
  type InstanceRecord,
  newId,
  type ProfileAssociation,
  type Tags,
} from './model.ts';
import { vpcIdOf } from './networks.ts';
import { invalid, Parameters } from './parameters.ts';
import { passableProfile } from './profile-associations.ts';
import { keepRequest, type SpotWish, spotWish } from './spot.ts';
import { readUserData } from './user-data.ts';
import { fillVolume } from './volumes.ts';

/** Members of a request that never belong to its identity. */
const NOT_IDENTITY = ['ClientToken', 'DryRun', 'Action', 'Version'];

interface Plan {
  readonly image: Image;
  readonly type: InstanceType;
  readonly subnet: Subnet;
  readonly publicIp: boolean;
  readonly spot: SpotWish | null;
  readonly groupIds: readonly string[];
  readonly keyName: string | null;
  readonly publicKeys: readonly string[];
  readonly profile: ProfileRecord | null;
  readonly userData: string;
  readonly devices: readonly Device[];
  readonly instanceTags: Tags;
  readonly volumeTags: Tags;
  readonly interfaceTags: Tags;
}

interface Device extends EbsSettings {
  readonly device: string;
  readonly deleteOnTermination: boolean;
  readonly snapshotId: string;
}

export const runInstances: Operation = async (call) => {
  const { parameters, region } = call;
  const token = parameters.get('ClientToken') ?? '';
  if (token.length > 64) throw invalid('ClientToken', token, 'at most 64 ASCII characters');
  const plan = planLaunch(call);
  authorize(call, ...touchedBy(call, plan));
  const fingerprint = parameters.fingerprint(NOT_IDENTITY);
  const earlier = token === '' ? null : own(region.clientTokens, token);
  if (earlier !== null) return repeated(call, earlier, fingerprint);
  const zones = call.network.subnets.map((subnet) => subnet.zone);
  call.capacity.demand(plan.type.name, plan.subnet.zone, zones);
  const wanted = parameters.integer('MaxCount', 1, 1, 100);
  if (parameters.integer('MinCount', 1, 1, 100) > wanted)
    throw new ServiceError(400, 'InvalidParameterCombination', 'MinCount is larger than MaxCount');
  const reservationId = newId('r');
  if (token !== '') region.clientTokens[token] = { fingerprint, reservationId };
  const made: InstanceRecord[] = [];
  for (let index = 0; index < wanted; index++) made.push(await makeInstance(call, plan, reservationId, index, token));
  call.store.save();
  const answer = reservationXml(call, reservationId, made);
  for (const instance of made) void call.lifecycle.launch(call.regionName, instance);
  return answer;
};

function repeated(call: Call, earlier: { fingerprint: string; reservationId: string }, fingerprint: string) {
  if (earlier.fingerprint !== fingerprint)
    throw new ServiceError(
      400,
      'IdempotentParameterMismatch',
      'Client token was used before with different parameters; the arguments on this request are inconsistent with the arguments used in a previous request',
    );
  const members = Object.values(call.region.instances).filter((one) => one.reservationId === earlier.reservationId);
  return reservationXml(call, earlier.reservationId, members);
}

function planLaunch(call: Call): Plan {
  const { parameters } = call;
  for (const name of ['LaunchTemplate.LaunchTemplateId', 'LaunchTemplate.LaunchTemplateName'])
    if (parameters.get(name) !== undefined)
      throw new ServiceError(400, 'UnsupportedOperation', `The sandbox does not support the parameter ${name}`);
  checkTagTypes(parameters, ['instance', 'volume', 'network-interface', 'spot-instances-request']);
  const image = imageById(call, parameters.required('ImageId'));
  const type = typeFor(parameters.get('InstanceType') ?? 't3.micro', image);
  const nic = parameters.structures('NetworkInterface')[0] ?? new Parameters([]);
  const subnet = subnetFor(call, nic, type);
  const userData = userDataOf(parameters);
  const keyName = parameters.get('KeyName') ?? null;
  const keyPair = keyName === null ? null : Object.values(call.region.keyPairs).find((pair) => pair.name === keyName);
  if (keyPair === undefined)
    throw new ServiceError(400, 'InvalidKeyPair.NotFound', `The key pair '${keyName}' does not exist`);
  return {
    image,
    type,
    subnet,
    publicIp: nic.flag('AssociatePublicIpAddress', subnet.mapPublicIp),
    spot: spotWish(call, type),
    groupIds: groupsFor(call, nic, subnet),
    keyName,
    publicKeys: [...(keyPair === null ? [] : [keyPair.publicKey]), ...readUserData(userData).authorizedKeys],
    profile: passableProfile(call, parameters.structure('IamInstanceProfile')),
    userData,
    devices: devicesFor(call, image),
    instanceTags: tagsFor(parameters, 'instance'),
    volumeTags: tagsFor(parameters, 'volume'),
    interfaceTags: tagsFor(parameters, 'network-interface'),
  };
}

function touchedBy(call: Call, plan: Plan): Touched[] {
  const profileArn = plan.profile === null ? {} : { 'ec2:InstanceProfile': call.profiles.arn(plan.profile) };
  const groups = plan.groupIds.map((id) => ({
    resource: `security-group/${id}`,
    tags: call.region.groups[id]?.tags ?? {},
  }));
  const key = Object.values(call.region.keyPairs).find((pair) => pair.name === plan.keyName);
  return [
    {
      resource: 'instance/*',
      newTags: plan.instanceTags,
      context: {
        'ec2:InstanceType': plan.type.name,
        'ec2:InstanceMarketType': plan.spot === null ? 'on-demand' : 'spot',
        'ec2:MetadataHttpTokens': call.parameters.get('MetadataOptions.HttpTokens') ?? 'required',
        ...profileArn,
      },
    },
    { resource: `image/${plan.image.id}`, owner: '' },
    { resource: `subnet/${plan.subnet.id}`, tags: plan.subnet.tags },
    ...(plan.spot === null ? [] : [{ resource: 'spot-instances-request/*', newTags: plan.spot.tags }]),
    { resource: 'network-interface/*', newTags: plan.interfaceTags },
    ...plan.devices.map((device) => ({
      resource: 'volume/*',
      newTags: plan.volumeTags,
      context: { 'ec2:Encrypted': String(device.encrypted), 'ec2:VolumeType': device.type },
    })),
    ...groups,
    ...(key === undefined ? [] : [{ resource: `key-pair/${key.name}`, tags: key.tags }]),
  ];
}

function typeFor(name: string, image: Image): InstanceType {
  const type = INSTANCE_TYPES.find((one) => one.name === name);
  if (type === undefined)
    throw new ServiceError(400, 'InvalidParameterValue', `Invalid value '${name}' for InstanceType.`);
  if (type.architecture !== image.architecture)
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `The architecture '${type.architecture}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI.`,
    );
  return type;
}

/** The subnet asked for, that of the zone asked for, or the first default one whose zone has the type. */
function subnetFor(call: Call, nic: Parameters, type: InstanceType): Subnet {
  const { parameters, network } = call;
  const id = parameters.get('SubnetId') ?? nic.get('SubnetId');
  const zone = parameters.get('Placement.AvailabilityZone');
  if (id !== undefined) {
    const subnet = subnetById(call, id);
    if (zone !== undefined && zone !== subnet.zone)
      throw new ServiceError(
        400,
        'InvalidParameterValue',
        `The specified availability zone '${zone}' does not match the zone of the subnet '${id}'`,
      );
    return subnet;
  }
  const free = network.subnets.find((one) => call.capacity.against(type.name, one.zone) === null) ?? network.subnets[0];
  const subnet = zone === undefined ? free : network.subnets.find((one) => one.zone === zone);
  if (subnet === undefined)
    throw new ServiceError(400, 'InvalidParameterValue', `Invalid availability zone: [${zone}]`);
  return subnet;
}

/** All in the network of the subnet; without any, that network's default group. */
function groupsFor(call: Call, nic: Parameters, subnet: Subnet): string[] {
  const ids = [...call.parameters.list('SecurityGroupId'), ...nic.list('SecurityGroupId')];
  const named = call.parameters.list('SecurityGroup').map((name) => groupByName(call, name, subnet.vpcId));
  const all = [...ids.map((id) => groupById(call, id)), ...named];
  const stranger = all.find((group) => group.vpcId !== subnet.vpcId);
  if (stranger !== undefined)
    throw new ServiceError(
      400,
      'InvalidParameter',
      `Security group ${stranger.id} and subnet ${subnet.id} belong to different networks.`,
    );
  if (all.length === 0) return [groupByName(call, 'default', subnet.vpcId).id];
  return [...new Set(all.map((group) => group.id))];
}

/** Longest user data before base64, as EC2 limits it. */
const MAX_USER_DATA = 16_384;

function userDataOf(parameters: Parameters): string {
  const text = parameters.get('UserData') ?? '';
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text))
    throw new ServiceError(400, 'InvalidParameterValue', 'Invalid BASE64 encoding of user data.');
  if (Buffer.from(text, 'base64').length > MAX_USER_DATA)
    throw new ServiceError(400, 'InvalidParameterValue', 'User data is limited to 16384 bytes');
  return text;
}

/** The disks of the image, changed and added to by the request. */
function devicesFor(call: Call, image: Image): Device[] {
  const nothing = new Parameters([]);
  const of = new Map(mappingsOf(image).map((mapping) => [mapping.device, mapping]));
  const devices = new Map<string, Device>();
  for (const mapping of of.values()) devices.set(mapping.device, deviceOf(call, nothing, mapping.device, mapping));
  for (const mapping of call.parameters.structures('BlockDeviceMapping')) {
    const name = mapping.required('DeviceName');
    if (!/^(\/dev\/)?(sd|xvd)[a-z][a-z0-9]*$/.test(name))
      throw invalid('BlockDeviceMapping.DeviceName', name, 'Invalid device name');
    if (mapping.get('VirtualName') !== undefined) continue;
    if (mapping.get('NoDevice') === undefined)
      devices.set(name, deviceOf(call, mapping.structure('Ebs'), name, of.get(name) ?? null));
    else if (name !== image.rootDevice) devices.delete(name);
  }
  return [...devices.values()];
}

/** Sizes and encryption come from the snapshot when the request does not say. `by` is what the image has there. */
function deviceOf(call: Call, ebs: Parameters, device: string, by: ImageMapping | null): Device {
  const asked = ebs.get('SnapshotId');
  const snapshotId = asked ?? by?.snapshotId ?? '';
  const known = asked === undefined ? own(call.region.snapshots, snapshotId) : completedSnapshot(call, asked);
  const settings = ebsSettings(call, ebs, {
    snapshot: known,
    sizeGiB: asked === undefined && by !== null ? by.sizeGiB : (known?.sizeGiB ?? null),
    typeByDefault: by?.type ?? 'gp2',
  });
  // Snapshots of the catalog's images have no record: their size is the image's.
  const least = known ?? (by === null ? null : { id: by.snapshotId, sizeGiB: by.sizeGiB });
  checkFits(device, settings.sizeGiB, least);
  return {
    ...settings,
    ...{ device, snapshotId, deleteOnTermination: ebs.flag('DeleteOnTermination', by?.deleteOnTermination ?? true) },
  };
}

async function makeInstance(
  call: Call,
  plan: Plan,
  reservationId: string,
  launchIndex: number,
  clientToken: string,
): Promise<InstanceRecord> {
  const { region, parameters } = call;
  const now = call.context.now();
  const id = newId('i');
  const privateIp = freeAddress(call, plan.subnet);
  const hostKey = injectedHostKey(plan.userData) ?? (await makeKeyPair('ed25519'));
  const place = { subnetId: plan.subnet.id, zone: plan.subnet.zone, privateIp };
  const interfaceId = newId('eni');
  region.interfaces[interfaceId] = {
    ...{ id: interfaceId, instanceId: id, groupIds: [...plan.groupIds], ...place },
    mac: `0e:${(randomBytes(5).toString('hex').match(/../g) ?? []).join(':')}`,
    createdAt: now,
    tags: { ...plan.interfaceTags },
  };
  const attachments: Attachment[] = [];
  for (const device of plan.devices) attachments.push(await makeVolume(call, plan, device, now));
  const metadata = parameters.structure('MetadataOptions');
  const instance: InstanceRecord = {
    ...{ id, reservationId, launchIndex, clientToken, interfaceId, ...place },
    imageId: plan.image.id,
    instanceType: plan.type.name,
    architecture: plan.image.architecture,
    keyName: plan.keyName,
    publicKeys: plan.publicKeys,
    rootDevice: plan.image.rootDevice,
    shutdownBehavior: parameters.get('InstanceInitiatedShutdownBehavior') === 'terminate' ? 'terminate' : 'stop',
    userData: plan.userData,
    hostKey: hostKey.privateKey,
    hostPublicKey: hostKey.publicKey,
    groupIds: [...plan.groupIds],
    attachments,
    tags: { ...plan.instanceTags },
    metadata: {
      tokens: metadata.get('HttpTokens') ?? 'required',
      hopLimit: metadata.integer('HttpPutResponseHopLimit', 2, 1, 64),
      endpoint: metadata.get('HttpEndpoint') ?? 'enabled',
      instanceTags: metadata.get('InstanceMetadataTags') ?? 'disabled',
    },
    launchTime: now,
    state: 'pending',
    stateReason: null,
    terminatedAt: null,
    association: plan.profile === null ? null : associationOf(call, plan.profile, now),
    sshPort: 0,
    metadataPort: 0,
    mode: null,
    autoPublicIp: plan.publicIp,
    ...(plan.spot === null ? {} : { spotRequestId: keepRequest(call, plan.spot, id) }),
  };
  region.instances[id] = instance;
  return instance;
}

/** The host key of user data; one that cannot be read is passed over, as cloud-init does. */
function injectedHostKey(userData: string): SshKeyPair | null {
  const { hostKey } = readUserData(userData);
  try {
    return hostKey === null ? null : { privateKey: hostKey, publicKey: publicHalf(hostKey) };
  } catch {
    return null;
  }
}

function associationOf(call: Call, profile: ProfileRecord, since: number): ProfileAssociation {
  return { associationId: newId('iip-assoc'), arn: call.profiles.arn(profile), id: profile.id, since };
}

async function makeVolume(call: Call, plan: Plan, from: Device, now: number): Promise<Attachment> {
  const id = newId('vol');
  const { device, deleteOnTermination, ...settings } = from;
  await fillVolume(call, id, from.snapshotId);
  call.region.volumes[id] = { id, zone: plan.subnet.zone, ...settings, createdAt: now, tags: { ...plan.volumeTags } };
  return { volumeId: id, device, attachTime: now, deleteOnTermination };
}

/** The first address of the subnet that no interface of its network has; AWS keeps the first four and the last. */
function freeAddress(call: Call, subnet: Subnet): string {
  const inVpc = Object.values(call.region.interfaces).filter((one) => vpcIdOf(call, one.subnetId) === subnet.vpcId);
  const taken = new Set(inVpc.map((one) => one.privateIp));
  const range = readCidr(subnet.cidr);
  for (let n = 4; range !== null && n < range.size - 1; n++) {
    const address = addressIn(range, n);
    if (!taken.has(address)) return address;
  }
  throw new ServiceError(400, 'InsufficientFreeAddressesInSubnet', `The subnet ${subnet.id} has no free addresses`);
}
