/** Instance profiles: made empty, given one role, taken apart in that order. */
import { uniqueId } from '../auth/identities.ts';
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import {
  arn,
  authorize,
  type Call,
  conflict,
  exists,
  iso,
  list,
  nameIn,
  noSuch,
  type Operation,
  paged,
  pathIn,
  profileIn,
  requestTags,
  roleIn,
  tagList,
  tagsIn,
  underPath,
} from './call.ts';
import type { ProfileRecord } from './profiles.ts';
import { roleXml } from './roles.ts';

function profileXml(call: Call, profile: ProfileRecord): XmlValue {
  const role = profile.roleName === null ? null : call.context.identities.role(profile.roleName);
  return {
    Path: profile.path,
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: call.profiles.arn(profile),
    CreateDate: iso(profile.createdAt),
    Roles: list(role === null ? [] : [roleXml(call, role)]),
    Tags: Object.keys(profile.tags).length > 0 ? tagList(profile.tags) : undefined,
  };
}

const createInstanceProfile: Operation = (call) => {
  const name = nameIn(call, 'InstanceProfileName', 128);
  const path = pathIn(call);
  const tags = tagsIn(call);
  authorize(call, arn(call, 'instance-profile', path, name), {}, requestTags(tags));
  if (call.profiles.get(name) !== null) throw exists(`Instance Profile ${name} already exists.`);
  const createdAt = call.context.now();
  const profile = { name, path, tags, id: uniqueId('AIPA'), createdAt, roleName: null, roleSince: createdAt };
  call.profiles.put(profile);
  return { InstanceProfile: profileXml(call, profile) };
};

const listInstanceProfiles: Operation = (call) => {
  authorize(call, arn(call, 'instance-profile', '/', '*'));
  return paged(call, 'InstanceProfiles', underPath(call, call.profiles.all()), (one) => profileXml(call, one));
};

const listForRole: Operation = (call) => {
  const role = roleIn(call);
  const holders = call.profiles.all().filter((one) => one.roleName === role.name);
  return paged(call, 'InstanceProfiles', holders, (one) => profileXml(call, one));
};

const deleteInstanceProfile: Operation = (call) => {
  const profile = profileIn(call);
  if (profile.roleName !== null) throw conflict('Cannot delete entity, must remove roles from instance profile first.');
  call.profiles.remove(profile.name);
  return null;
};

/** Needs iam:PassRole on the role too, as on AWS. */
const addRole: Operation = (call) => {
  const profile = profileIn(call);
  const name = call.parameters.required('RoleName');
  const role = call.context.identities.role(name);
  if (role === null) throw noSuch(`The role with name ${name} cannot be found.`);
  authorize({ ...call, action: 'PassRole' }, call.context.identities.roleArn(role), role.tags);
  if (profile.roleName !== null)
    throw new ServiceError(409, 'LimitExceeded', 'Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1');
  call.profiles.put({ ...profile, roleName: role.name, roleSince: call.context.now() });
  return null;
};

const removeRole: Operation = (call) => {
  const profile = profileIn(call);
  const name = call.parameters.required('RoleName');
  if (profile.roleName !== name)
    throw noSuch(`The role with name ${name} cannot be found in the instance profile ${profile.name}.`);
  call.profiles.put({ ...profile, roleName: null });
  return null;
};

const tagProfile: Operation = (call) => {
  const profile = profileIn(call);
  call.profiles.put({ ...profile, tags: { ...profile.tags, ...tagsIn(call) } });
  return null;
};

const untagProfile: Operation = (call) => {
  const profile = profileIn(call);
  const gone = call.parameters.list('TagKeys');
  const tags = Object.fromEntries(Object.entries(profile.tags).filter(([key]) => !gone.includes(key)));
  call.profiles.put({ ...profile, tags });
  return null;
};

export const PROFILE_OPERATIONS: Readonly<Record<string, Operation>> = {
  AddRoleToInstanceProfile: addRole,
  CreateInstanceProfile: createInstanceProfile,
  DeleteInstanceProfile: deleteInstanceProfile,
  GetInstanceProfile: (call) => ({ InstanceProfile: profileXml(call, profileIn(call)) }),
  ListInstanceProfileTags: (call) => ({ Tags: tagList(profileIn(call).tags), IsTruncated: false }),
  ListInstanceProfiles: listInstanceProfiles,
  ListInstanceProfilesForRole: listForRole,
  RemoveRoleFromInstanceProfile: removeRole,
  TagInstanceProfile: tagProfile,
  UntagInstanceProfile: untagProfile,
};
