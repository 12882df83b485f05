/** Roles: trust policies, tags, deletion with AWS's conflicts. */
import { type RoleRecord, uniqueId } from '../auth/identities.ts';
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
  type Operation,
  paged,
  pathIn,
  policyIn,
  requestTags,
  roleIn,
  tagList,
  tagsIn,
  underPath,
} from './call.ts';

export function roleXml(call: Call, role: RoleRecord): XmlValue {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: call.context.identities.roleArn(role),
    CreateDate: iso(role.createdAt),
    AssumeRolePolicyDocument: encoded(role.trustPolicy),
    Description: role.description === '' ? undefined : role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    PermissionsBoundary:
      role.permissionsBoundaryArn === undefined
        ? undefined
        : { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: role.permissionsBoundaryArn },
    Tags: Object.keys(role.tags).length > 0 ? tagList(role.tags) : undefined,
  };
}

const createRole: Operation = (call) => {
  const name = nameIn(call, 'RoleName', 64);
  const path = pathIn(call);
  const tags = tagsIn(call);
  const boundary = call.parameters.get('PermissionsBoundary');
  const more = boundary === undefined ? {} : { 'iam:PermissionsBoundary': boundary };
  authorize(call, arn(call, 'role', path, name), {}, { ...requestTags(tags), ...more });
  const trustPolicy = policyIn(call, 'AssumeRolePolicyDocument', 'trust');
  const { identities } = call.context;
  if (identities.role(name) !== null) throw exists(`Role with name ${name} already exists.`);
  const role: RoleRecord = {
    ...{ name, path, tags, trustPolicy, id: uniqueId('AROA'), createdAt: call.context.now() },
    description: call.parameters.get('Description') ?? '',
    maxSessionSeconds: call.parameters.integer('MaxSessionDuration', 3600, 3600, 43_200),
    inlinePolicies: {},
    attachedPolicyArns: [],
    ...(boundary === undefined ? {} : { permissionsBoundaryArn: boundary }),
  };
  identities.putRole(role);
  return { Role: roleXml(call, role) };
};

const getRole: Operation = (call) => ({ Role: roleXml(call, roleIn(call)) });

const listRoles: Operation = (call) => {
  authorize(call, arn(call, 'role', '/', '*'));
  return paged(call, 'Roles', underPath(call, call.context.identities.roles()), (role) => roleXml(call, role));
};

const deleteRole: Operation = (call) => {
  const role = roleIn(call);
  if (call.profiles.all().some((profile) => profile.roleName === role.name))
    throw conflict('Cannot delete entity, must remove roles from instance profile first.');
  if (Object.keys(role.inlinePolicies).length > 0) throw conflict('Cannot delete entity, must delete policies first.');
  if (role.attachedPolicyArns.length > 0) throw conflict('Cannot delete entity, must detach all policies first.');
  call.context.identities.removeRole(role.name);
  return null;
};

const updateTrust: Operation = (call) => {
  const role = roleIn(call);
  call.context.identities.putRole({ ...role, trustPolicy: policyIn(call, 'PolicyDocument', 'trust') });
  return null;
};

const updateRole: Operation = (call) => {
  const role = roleIn(call);
  call.context.identities.putRole({
    ...role,
    description: call.parameters.get('Description') ?? role.description,
    maxSessionSeconds: call.parameters.integer('MaxSessionDuration', role.maxSessionSeconds, 3600, 43_200),
  });
  return {};
};

const tagRole: Operation = (call) => {
  const role = roleIn(call);
  call.context.identities.putRole({ ...role, tags: { ...role.tags, ...tagsIn(call) } });
  return null;
};

const untagRole: Operation = (call) => {
  const role = roleIn(call);
  const gone = call.parameters.list('TagKeys');
  const tags = Object.fromEntries(Object.entries(role.tags).filter(([key]) => !gone.includes(key)));
  call.context.identities.putRole({ ...role, tags });
  return null;
};

const listRoleTags: Operation = (call) => ({ Tags: tagList(roleIn(call).tags), IsTruncated: false });

export const ROLE_OPERATIONS: Readonly<Record<string, Operation>> = {
  CreateRole: createRole,
  DeleteRole: deleteRole,
  GetRole: getRole,
  ListRoleTags: listRoleTags,
  ListRoles: listRoles,
  TagRole: tagRole,
  UntagRole: untagRole,
  UpdateAssumeRolePolicy: updateTrust,
  UpdateRole: updateRole,
};
