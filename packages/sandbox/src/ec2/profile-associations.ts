/** Instance profiles on instances: the PassRole check, associate, replace, disassociate, describe. */
import { ServiceError } from '../http/service-error.ts';
import type { ProfileRecord } from '../iam/profiles.ts';
import { denial } from '../policy/authorizer.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, iso, list, type Operation, type Touched } from './call.ts';
import { filtered, page } from './filters.ts';
import { instanceById } from './lookup.ts';
import { type InstanceRecord, newId } from './model.ts';
import type { Parameters } from './parameters.ts';

/**
 * The instance profile that a request names by Arn or Name, null when it names none. The caller must be allowed
 * to pass its role to EC2. Throws the errors of the window in which EC2 has not heard of a new profile yet.
 */
export function passableProfile(call: Call, specification: Parameters): ProfileRecord | null {
  const arn = specification.get('Arn');
  const name = specification.get('Name') ?? arn?.slice(arn.lastIndexOf('/') + 1);
  if (name === undefined) return null;
  const profile = call.profiles.get(name);
  const now = call.context.now();
  const known =
    profile !== null &&
    (arn === undefined || call.profiles.arn(profile) === arn) &&
    call.consistency.settled('profile', profile.id, profile.createdAt, now);
  if (!known) {
    const parameter = arn === undefined ? 'iamInstanceProfile.name' : 'iamInstanceProfile.arn';
    const which = arn === undefined ? 'Name' : 'ARN';
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Value (${arn ?? name}) for parameter ${parameter} is invalid. Invalid IAM Instance Profile ${which}`,
    );
  }
  const role = profile.roleName === null ? null : call.context.identities.role(profile.roleName);
  if (role === null || !call.consistency.settled('profile', `${profile.id} role`, profile.roleSince, now))
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `IAM Instance Profile "${call.profiles.arn(profile)}" has no associated IAM Roles`,
    );
  const question = {
    action: 'iam:PassRole',
    resource: call.context.identities.roleArn(role),
    context: { 'iam:PassedToService': 'ec2.amazonaws.com' },
  };
  const decision = call.context.decide(call.request, question);
  if (!decision.allowed)
    throw new ServiceError(
      403,
      'UnauthorizedOperation',
      `You are not authorized to perform this operation. ${denial(call.request, question, decision)}`,
    );
  return profile;
}

export const associateProfile: Operation = (call) => {
  const instance = instanceById(call, call.parameters.required('InstanceId'));
  authorize(call, instanceTouched(instance));
  const profile = requiredProfile(call);
  if (instance.association !== null)
    throw new ServiceError(400, 'IncorrectState', `There is an existing association for instance ${instance.id}`);
  if (instance.state !== 'running' && instance.state !== 'stopped' && instance.state !== 'pending')
    throw new ServiceError(
      400,
      'IncorrectInstanceState',
      `The instance '${instance.id}' is not in the 'running' or 'stopped' states.`,
    );
  return associate(call, instance, profile, 'associating');
};

export const replaceProfile: Operation = (call) => {
  const instance = byAssociation(call, call.parameters.required('AssociationId'));
  authorize(call, instanceTouched(instance));
  return associate(call, instance, requiredProfile(call), 'associating');
};

export const disassociateProfile: Operation = (call) => {
  const instance = byAssociation(call, call.parameters.required('AssociationId'));
  authorize(call, instanceTouched(instance));
  const answer = associationXml(instance, 'disassociating');
  instance.association = null;
  call.store.save();
  return { iamInstanceProfileAssociation: answer };
};

export const describeAssociations: Operation = (call) => {
  authorize(call);
  const ids = call.parameters.list('AssociationId');
  const all = Object.values(call.region.instances).filter((instance) => instance.association !== null);
  for (const id of ids) byAssociation(call, id);
  const found = filtered(all, call.parameters, {
    'instance-id': (instance) => instance.id,
    state: () => 'associated',
  }).filter((instance) => ids.length === 0 || ids.includes(instance.association?.associationId ?? ''));
  const { items, nextToken } = page(found, call.parameters);
  return {
    iamInstanceProfileAssociationSet: list(items.map((instance) => associationXml(instance, 'associated'))),
    nextToken,
  };
};

function requiredProfile(call: Call): ProfileRecord {
  const profile = passableProfile(call, call.parameters.structure('IamInstanceProfile'));
  if (profile === null)
    throw new ServiceError(400, 'MissingParameter', 'The request must contain the parameter IamInstanceProfile');
  return profile;
}

function associate(call: Call, instance: InstanceRecord, profile: ProfileRecord, state: string): XmlValue {
  instance.association = {
    associationId: newId('iip-assoc'),
    arn: call.profiles.arn(profile),
    id: profile.id,
    since: call.context.now(),
  };
  call.store.save();
  return { iamInstanceProfileAssociation: associationXml(instance, state) };
}

function byAssociation(call: Call, id: string): InstanceRecord {
  const instance = Object.values(call.region.instances).find((one) => one.association?.associationId === id);
  if (instance === undefined)
    throw new ServiceError(400, 'NoSuchAssociation', `An invalid association-id of '${id}' was given`);
  return instance;
}

function associationXml(instance: InstanceRecord, state: string): XmlValue {
  const { association } = instance;
  if (association === null) return {};
  return {
    associationId: association.associationId,
    instanceId: instance.id,
    iamInstanceProfile: { arn: association.arn, id: association.id },
    state,
    timestamp: iso(association.since),
  };
}

export function instanceTouched(instance: InstanceRecord): Touched {
  return {
    resource: `instance/${instance.id}`,
    tags: instance.tags,
    context: {
      'ec2:InstanceType': instance.instanceType,
      ...(instance.association === null ? {} : { 'ec2:InstanceProfile': instance.association.arn }),
    },
  };
}
