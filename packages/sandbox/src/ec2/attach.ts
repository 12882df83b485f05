/** AttachVolume and DetachVolume: a volume appears in the running instance below /mnt, and goes again. */
import { ServiceError } from '../http/service-error.ts';
import { authorize, type Operation } from './call.ts';
import { instanceById, volumeById } from './lookup.ts';
import type { Attachment } from './model.ts';
import { attachmentXml, useOf, volumeStatus } from './volumes.ts';

export const attachVolume: Operation = async (call) => {
  const { parameters } = call;
  const volume = volumeById(call, parameters.required('VolumeId'));
  const instance = instanceById(call, parameters.required('InstanceId'));
  const device = deviceName(parameters.required('Device'));
  authorize(
    call,
    { resource: `instance/${instance.id}`, tags: instance.tags },
    { resource: `volume/${volume.id}`, tags: volume.tags },
  );
  if (useOf(call, volume) !== null)
    throw new ServiceError(400, 'VolumeInUse', `${volume.id} is already attached to an instance`);
  if (volumeStatus(call, volume) !== 'available')
    throw new ServiceError(400, 'IncorrectState', `${volume.id} is not 'available'.`);
  if (instance.state !== 'running' && instance.state !== 'stopped')
    throw new ServiceError(400, 'IncorrectState', `Instance '${instance.id}' is not 'running'.`);
  if (instance.zone !== volume.zone)
    throw new ServiceError(
      400,
      'InvalidVolume.ZoneMismatch',
      `The volume '${volume.id}' is not in the same availability zone as instance '${instance.id}'`,
    );
  if (instance.attachments.some((one) => shortName(one.device) === shortName(device)))
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Invalid value '${device}' for unixDevice. Attachment point ${device} is already in use`,
    );
  const attachment: Attachment = {
    ...{ volumeId: volume.id, device, attachTime: call.context.now(), deleteOnTermination: false },
  };
  await call.lifecycle.attach(instance, attachment);
  return attachmentXml(call, { instance, attachment }, 'attaching');
};

export const detachVolume: Operation = async (call) => {
  const { parameters } = call;
  const volume = volumeById(call, parameters.required('VolumeId'));
  const use = useOf(call, volume);
  authorize(
    call,
    { resource: `volume/${volume.id}`, tags: volume.tags },
    ...(use === null ? [] : [{ resource: `instance/${use.instance.id}`, tags: use.instance.tags }]),
  );
  if (use === null) throw new ServiceError(400, 'IncorrectState', `Volume '${volume.id}' is in the 'available' state.`);
  const { instance, attachment } = use;
  const named = parameters.get('InstanceId') ?? instance.id;
  const at = parameters.get('Device') ?? attachment.device;
  if (named !== instance.id || at !== attachment.device)
    throw new ServiceError(
      400,
      'InvalidAttachment.NotFound',
      `Volume '${volume.id}' is not attached to instance '${named}' as device '${at}'`,
    );
  if (attachment.device === instance.rootDevice && instance.state !== 'stopped')
    throw new ServiceError(
      400,
      'OperationNotPermitted',
      `Unable to detach root volume '${volume.id}' from instance '${instance.id}'`,
    );
  await call.lifecycle.detach(instance, attachment, parameters.flag('Force'));
  return attachmentXml(call, use, attachment.busy ? 'busy' : 'detaching');
};

function deviceName(name: string): string {
  if (/^(\/dev\/)?(sd|xvd)[a-z][a-z0-9]*$/.test(name)) return name;
  throw new ServiceError(
    400,
    'InvalidParameterValue',
    `Value (${name}) for parameter device is invalid. ${name} is not a valid EBS device name.`,
  );
}

/** `/dev/sdf` and `sdf` are one place. */
function shortName(device: string): string {
  return device.replace(/^.*\//, '');
}
