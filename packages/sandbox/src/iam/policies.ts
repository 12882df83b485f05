/** Policies: inline and attached ones of users and roles, and customer managed ones (one version each). */
import { type ManagedPolicyRecord, type RoleRecord, type UserRecord, uniqueId } from '../auth/identities.ts';
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import {
  arn,
  authorize,
  type Call,
  conflict,
  encoded,
  exists,
  iso,
  nameIn,
  noSuch,
  type Operation,
  paged,
  pathIn,
  policyIn,
  requestTags,
  roleIn,
  tagList,
  tagsIn,
  underPath,
  userIn,
} from './call.ts';

/** What differs between the policies of users and those of roles. */
interface Holders<T extends UserRecord | RoleRecord> {
  readonly noun: 'User' | 'Role';
  readonly read: (call: Call) => T;
  readonly write: (call: Call, record: T) => void;
}

const USERS: Holders<UserRecord> = {
  noun: 'User',
  read: userIn,
  write: (call, user) => call.context.identities.putUser(user),
};
const ROLES: Holders<RoleRecord> = {
  noun: 'Role',
  read: (call) => roleIn(call),
  write: (call, role) => call.context.identities.putRole(role),
};

function holderOperations<T extends UserRecord | RoleRecord>(holders: Holders<T>): Record<string, Operation> {
  const { noun, read, write } = holders;
  const named = (call: Call, holder: T): string => {
    const name = call.parameters.required('PolicyName');
    if (!Object.hasOwn(holder.inlinePolicies, name))
      throw noSuch(`The ${noun.toLowerCase()} policy with name ${name} cannot be found.`);
    return name;
  };
  return {
    [`Put${noun}Policy`]: (call) => {
      const holder = read(call);
      const name = nameIn(call, 'PolicyName', 128);
      const document = policyIn(call, 'PolicyDocument', 'identity');
      write(call, { ...holder, inlinePolicies: { ...holder.inlinePolicies, [name]: document } });
      return null;
    },
    [`Get${noun}Policy`]: (call) => {
      const holder = read(call);
      const name = named(call, holder);
      return {
        [`${noun}Name`]: holder.name,
        PolicyName: name,
        PolicyDocument: encoded(holder.inlinePolicies[name] ?? ''),
      };
    },
    [`List${noun}Policies`]: (call) =>
      paged(call, 'PolicyNames', Object.keys(read(call).inlinePolicies).sort(), (name) => name),
    [`Delete${noun}Policy`]: (call) => {
      const holder = read(call);
      const { [named(call, holder)]: _, ...inlinePolicies } = holder.inlinePolicies;
      write(call, { ...holder, inlinePolicies });
      return null;
    },
    [`Attach${noun}Policy`]: (call) => {
      const holder = read(call);
      const policy = managed(call);
      if (!holder.attachedPolicyArns.includes(policy.arn))
        write(call, { ...holder, attachedPolicyArns: [...holder.attachedPolicyArns, policy.arn] });
      return null;
    },
    [`Detach${noun}Policy`]: (call) => {
      const holder = read(call);
      const policyArn = call.parameters.required('PolicyArn');
      if (!holder.attachedPolicyArns.includes(policyArn)) throw noSuch(`Policy ${policyArn} was not found.`);
      write(call, { ...holder, attachedPolicyArns: holder.attachedPolicyArns.filter((one) => one !== policyArn) });
      return null;
    },
    [`ListAttached${noun}Policies`]: (call) =>
      paged(call, 'AttachedPolicies', read(call).attachedPolicyArns, (policyArn) => ({
        PolicyName: policyArn.slice(policyArn.lastIndexOf('/') + 1),
        PolicyArn: policyArn,
      })),
  };
}

function managed(call: Call): ManagedPolicyRecord {
  const policyArn = call.parameters.required('PolicyArn');
  const policy = call.context.identities.managedPolicy(policyArn);
  if (policy === null) throw noSuch(`Policy ${policyArn} does not exist or is not attachable.`);
  return policy;
}

/** As `managed`, after asking for the action on the policy itself. */
function ownPolicy(call: Call): ManagedPolicyRecord {
  authorize(call, call.parameters.required('PolicyArn'));
  return managed(call);
}

function attachments(call: Call, policyArn: string): number {
  const { identities } = call.context;
  return [...identities.users(), ...identities.roles()].filter((one) => one.attachedPolicyArns.includes(policyArn))
    .length;
}

function policyXml(call: Call, policy: ManagedPolicyRecord): XmlValue {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: 'v1',
    AttachmentCount: attachments(call, policy.arn),
    IsAttachable: true,
    Description: policy.description === '' ? undefined : policy.description,
    CreateDate: iso(policy.createdAt),
    UpdateDate: iso(policy.createdAt),
    Tags: Object.keys(policy.tags).length > 0 ? tagList(policy.tags) : undefined,
  };
}

const createPolicy: Operation = (call) => {
  const name = nameIn(call, 'PolicyName', 128);
  const path = pathIn(call);
  const tags = tagsIn(call);
  const policyArn = arn(call, 'policy', path, name);
  authorize(call, policyArn, {}, requestTags(tags));
  const document = policyIn(call, 'PolicyDocument', 'identity');
  const { identities } = call.context;
  if (identities.managedPolicies().some((one) => one.name === name))
    throw exists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
  const policy = {
    ...{ arn: policyArn, name, path, tags, document, id: uniqueId('ANPA'), createdAt: call.context.now() },
    description: call.parameters.get('Description') ?? '',
  };
  identities.putManagedPolicy(policy);
  return { Policy: policyXml(call, policy) };
};

const getPolicyVersion: Operation = (call) => {
  const policy = ownPolicy(call);
  if (call.parameters.required('VersionId') !== 'v1') throw noSuch('The policy has only the version v1.');
  return {
    PolicyVersion: {
      ...{ Document: encoded(policy.document), VersionId: 'v1', IsDefaultVersion: true },
      CreateDate: iso(policy.createdAt),
    },
  };
};

const listPolicyVersions: Operation = (call) => {
  const policy = ownPolicy(call);
  return paged(call, 'Versions', [policy], () => ({
    ...{ VersionId: 'v1', IsDefaultVersion: true },
    CreateDate: iso(policy.createdAt),
  }));
};

const listPolicies: Operation = (call) => {
  authorize(call, '*');
  const all = call.parameters.get('Scope') === 'AWS' ? [] : call.context.identities.managedPolicies();
  return paged(call, 'Policies', underPath(call, all), (policy) => policyXml(call, policy));
};

const deletePolicy: Operation = (call) => {
  const policy = ownPolicy(call);
  if (policy.arn.startsWith('arn:aws:iam::aws:'))
    throw new ServiceError(403, 'AccessDenied', 'AWS managed policies cannot be deleted.');
  if (attachments(call, policy.arn) > 0) throw conflict('Cannot delete a policy attached to entities.');
  call.context.identities.removeManagedPolicy(policy.arn);
  return null;
};

export const POLICY_OPERATIONS: Readonly<Record<string, Operation>> = {
  ...holderOperations(USERS),
  ...holderOperations(ROLES),
  CreatePolicy: createPolicy,
  DeletePolicy: deletePolicy,
  GetPolicy: (call) => ({ Policy: policyXml(call, ownPolicy(call)) }),
  GetPolicyVersion: getPolicyVersion,
  ListPolicies: listPolicies,
  ListPolicyVersions: listPolicyVersions,
};
