/** Instances after their launch: describe, status, stop, start, reboot, terminate, console, attributes. */
import { readFileSync } from 'node:fs';
import { ServiceError } from '../http/service-error.ts';
import { sha256Fingerprint } from '../ssh/keys.ts';
import type { XmlValue } from '../xml/write.ts';
import { publicIpOf } from './addresses.ts';
import { authorize, type Call, iso, list, type Operation } from './call.ts';
import { type FilterTable, filtered, page } from './filters.ts';
import { groupItems, reservationsXml, stateXml, visibleTags } from './instance-xml.ts';
import { groupById, instanceById, instancesById } from './lookup.ts';
import { INSTANCE_STATES, type InstanceRecord } from './model.ts';
import { vpcIdOf } from './networks.ts';
import { invalid } from './parameters.ts';
import { instanceTouched } from './profile-associations.ts';

/** Terminated instances are shown for this long, as on AWS. */
const TERMINATED_SHOWN_MS = 3600_000;

function filtersOf(call: Call): FilterTable<InstanceRecord> {
  return {
    architecture: (i) => i.architecture,
    'availability-zone': (i) => i.zone,
    'client-token': (i) => i.clientToken,
    'dns-name': (i) => (publicIpOf(call.region, i) === '127.0.0.1' ? 'localhost' : []),
    'iam-instance-profile.arn': (i) => i.association?.arn ?? [],
    'iam-instance-profile.id': (i) => i.association?.id ?? [],
    'image-id': (i) => i.imageId,
    'instance-id': (i) => i.id,
    'instance-state-code': (i) => String(INSTANCE_STATES[i.state]),
    'instance-state-name': (i) => i.state,
    'instance-type': (i) => i.instanceType,
    'instance.group-id': (i) => i.groupIds,
    'instance.group-name': (i) => i.groupIds.map((id) => call.region.groups[id]?.name ?? ''),
    'instance-lifecycle': (i) => (i.spotRequestId === undefined ? [] : 'spot'),
    'ip-address': (i) => publicIpOf(call.region, i) ?? [],
    'key-name': (i) => i.keyName ?? [],
    'network-interface.network-interface-id': (i) => i.interfaceId,
    'private-ip-address': (i) => i.privateIp,
    'reservation-id': (i) => i.reservationId,
    'spot-instance-request-id': (i) => i.spotRequestId ?? [],
    'subnet-id': (i) => i.subnetId,
    'vpc-id': (i) => vpcIdOf(call, i.subnetId),
    'block-device-mapping.volume-id': (i) => i.attachments.map((one) => one.volumeId),
    'block-device-mapping.device-name': (i) => i.attachments.map((one) => one.device),
  };
}

/** The instances that a Describe call asks for: named ones must exist, others must be settled. */
function selected(call: Call): InstanceRecord[] {
  const ids = call.parameters.list('InstanceId');
  const now = call.context.now();
  const all = Object.values(call.region.instances);
  const candidates =
    ids.length > 0
      ? instancesById(call, ids)
      : all.filter((one) => call.consistency.settled('instance', one.id, one.launchTime, now));
  return filtered(candidates, call.parameters, filtersOf(call), visibleTags);
}

export const describeInstances: Operation = (call) => {
  authorize(call);
  forgetOld(call);
  const { items, nextToken } = page(selected(call), call.parameters);
  return { reservationSet: list(reservationsXml(call, items)), nextToken };
};

function forgetOld(call: Call): void {
  const limit = call.context.now() - TERMINATED_SHOWN_MS;
  for (const instance of Object.values(call.region.instances))
    if (instance.terminatedAt !== null && instance.terminatedAt < limit) delete call.region.instances[instance.id];
}

export const describeInstanceStatus: Operation = (call) => {
  authorize(call);
  const all = call.parameters.flag('IncludeAllInstances');
  const chosen = selected(call).filter((instance) => all || instance.state === 'running');
  const { items, nextToken } = page(chosen, call.parameters);
  return {
    instanceStatusSet: list(
      items.map((instance) => ({
        instanceId: instance.id,
        availabilityZone: instance.zone,
        instanceState: stateXml(instance.state),
        systemStatus: health(instance),
        instanceStatus: health(instance),
      })),
    ),
    nextToken,
  };
};

function health(instance: InstanceRecord): XmlValue {
  if (instance.state !== 'running') return { status: 'not-applicable' };
  return { status: 'ok', details: list([{ name: 'reachability', status: 'passed' }]) };
}

/** The `instancesSet` of operations that change states. */
function changes(before: readonly (readonly [InstanceRecord, InstanceRecord['state']])[]): XmlValue {
  return {
    instancesSet: list(
      before.map(([instance, previous]) => ({
        instanceId: instance.id,
        currentState: stateXml(instance.state),
        previousState: stateXml(previous),
      })),
    ),
  };
}

/** Resolves and authorizes the instances of a change; returns them with their states of now. */
function changed(call: Call): (readonly [InstanceRecord, InstanceRecord['state']])[] {
  const instances = instancesById(call, call.parameters.list('InstanceId'));
  authorize(call, ...instances.map(instanceTouched));
  return instances.map((instance) => [instance, instance.state] as const);
}

export const terminateInstances: Operation = (call) => {
  const before = changed(call);
  for (const [instance] of before)
    if (instance.state !== 'terminated' && instance.state !== 'shutting-down')
      void call.lifecycle.terminate(call.regionName, instance);
  return changes(before);
};

export const stopInstances: Operation = (call) => {
  const before = changed(call);
  for (const [instance] of before)
    if (instance.state === 'terminated' || instance.state === 'shutting-down')
      throw incorrectState(instance, 'stopped');
  for (const [{ id, spotRequestId = '' }] of before)
    if (call.region.spotRequests[spotRequestId]?.type === 'one-time')
      throw new ServiceError(
        400,
        'UnsupportedOperation',
        `You can't stop the Spot Instance '${id}' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.`,
      );
  for (const [instance] of before)
    if (instance.state === 'running' || instance.state === 'pending')
      void call.lifecycle.stop(instance, 'Client.UserInitiatedShutdown');
  return changes(before);
};

export const startInstances: Operation = (call) => {
  const before = changed(call);
  for (const [instance] of before)
    if (!['stopped', 'running', 'pending'].includes(instance.state)) throw incorrectState(instance, 'started');
  for (const [instance] of before) {
    if (instance.state !== 'stopped') continue;
    call.capacity.demand(instance.instanceType, instance.zone, []);
    if (!instance.attachments.some((one) => one.device === instance.rootDevice))
      throw new ServiceError(
        400,
        'InvalidParameterValue',
        `Invalid value '${instance.id}' for instanceId. Instance does not have a volume attached at root (${instance.rootDevice})`,
      );
  }
  for (const [instance] of before) {
    if (instance.state !== 'stopped') continue;
    instance.state = 'pending';
    instance.stateReason = null;
    void call.lifecycle.launch(call.regionName, instance);
  }
  call.store.save();
  return changes(before);
};

export const rebootInstances: Operation = (call) => {
  for (const [instance] of changed(call)) {
    if (instance.state !== 'running') throw incorrectState(instance, 'rebooted');
    void call.lifecycle.reboot(call.regionName, instance);
  }
  return { return: true };
};

function incorrectState(instance: InstanceRecord, verb: string): ServiceError {
  return new ServiceError(
    400,
    'IncorrectInstanceState',
    `The instance '${instance.id}' is not in a state from which it can be ${verb}.`,
  );
}

/** Console output is cut to its last 64 KiB, as on AWS. */
const CONSOLE_BYTES = 65_536;

export const getConsoleOutput: Operation = (call) => {
  const instance = instanceById(call, call.parameters.required('InstanceId'));
  authorize(call, instanceTouched(instance));
  const now = call.context.now();
  const printed = instance.mode !== null && call.consistency.settled('console', instance.id, instance.launchTime, now);
  const text = printed ? consoleText(call, instance) : '';
  return {
    instanceId: instance.id,
    timestamp: iso(now),
    output: Buffer.from(text).subarray(-CONSOLE_BYTES).toString('base64'),
  };
};

function consoleText(call: Call, instance: InstanceRecord): string {
  const fingerprint = sha256Fingerprint(instance.hostPublicKey).replace(/=+$/, '');
  const host = `root@ip-${instance.privateIp.replaceAll('.', '-')}`;
  return [
    `Hostark sandbox instance ${instance.id} (${instance.mode})`,
    ...(instance.mode === 'folder'
      ? ['This system forbids namespaces: commands run in a plain folder, without isolation.']
      : []),
    lastLines(call.lifecycle.consoleFile(instance.id)),
    '-----BEGIN SSH HOST KEY FINGERPRINTS-----',
    `256 SHA256:${fingerprint} ${host} (ED25519)`,
    '-----END SSH HOST KEY FINGERPRINTS-----',
    '-----BEGIN SSH HOST KEY KEYS-----',
    `${instance.hostPublicKey} ${host}`,
    '-----END SSH HOST KEY KEYS-----',
    '',
  ].join('\r\n');
}

function lastLines(path: string): string {
  try {
    return readFileSync(path, 'utf8')
      .replace(/^unshare: sigprocmask.*\n/gm, '')
      .replace(/\r?\n/g, '\r\n');
  } catch {
    return '';
  }
}

export const describeInstanceAttribute: Operation = (call) => {
  const instance = instanceById(call, call.parameters.required('InstanceId'));
  authorize(call, instanceTouched(instance));
  const attribute = call.parameters.required('Attribute');
  const values: Record<string, XmlValue> = {
    instanceType: { value: instance.instanceType },
    userData: instance.userData === '' ? {} : { value: instance.userData },
    rootDeviceName: { value: instance.rootDevice },
    disableApiTermination: { value: false },
    instanceInitiatedShutdownBehavior: { value: instance.shutdownBehavior },
    groupSet: list(groupItems(call, instance.groupIds)),
    ebsOptimized: { value: false },
    sourceDestCheck: { value: true },
  };
  if (!Object.hasOwn(values, attribute)) throw invalid('Attribute', attribute, 'Unknown or unsupported attribute');
  return { instanceId: instance.id, [attribute]: values[attribute] };
};

/** Security groups and DeleteOnTermination; other attributes are refused. */
export const modifyInstanceAttribute: Operation = (call) => {
  const instance = instanceById(call, call.parameters.required('InstanceId'));
  authorize(call, instanceTouched(instance));
  const groups = call.parameters.list('GroupId');
  const mappings = call.parameters.structures('BlockDeviceMapping');
  if (groups.length === 0 && mappings.length === 0)
    throw new ServiceError(400, 'UnsupportedOperation', 'The sandbox changes only GroupId and BlockDeviceMapping');
  const ids = groups.map((id) => groupById(call, id).id);
  for (const mapping of mappings) {
    const device = mapping.required('DeviceName');
    const attachment = instance.attachments.find((one) => one.device === device);
    if (attachment === undefined)
      throw new ServiceError(400, 'InvalidInstanceAttributeValue', `No device is currently mapped at ${device}`);
    attachment.deleteOnTermination = mapping.flag('Ebs.DeleteOnTermination', attachment.deleteOnTermination);
  }
  if (ids.length > 0)
    for (const held of [instance.groupIds, call.region.interfaces[instance.interfaceId]?.groupIds])
      held?.splice(0, held.length, ...ids);
  call.store.save();
  return { return: true };
};
