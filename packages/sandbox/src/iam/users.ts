/** Users and their access keys. */
import { newSecret, type UserRecord, uniqueId } from '../auth/identities.ts';
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import {
  arn,
  authorize,
  type Call,
  conflict,
  exists,
  iso,
  nameIn,
  noSuch,
  type Operation,
  paged,
  pathIn,
  requestTags,
  tagList,
  tagsIn,
  underPath,
  userIn,
} from './call.ts';

function userXml(call: Call, user: UserRecord): XmlValue {
  return {
    Path: user.path,
    UserName: user.name,
    UserId: user.id,
    Arn: call.context.identities.userArn(user),
    CreateDate: iso(user.createdAt),
    Tags: Object.keys(user.tags).length > 0 ? tagList(user.tags) : undefined,
  };
}

const createUser: Operation = (call) => {
  const name = nameIn(call, 'UserName', 64);
  const path = pathIn(call);
  const tags = tagsIn(call);
  authorize(call, arn(call, 'user', path, name), {}, requestTags(tags));
  const { identities } = call.context;
  if (identities.user(name) !== null) throw exists(`User with name ${name} already exists.`);
  const user: UserRecord = {
    ...{ name, path, tags, id: uniqueId('AIDA'), createdAt: call.context.now() },
    inlinePolicies: {},
    attachedPolicyArns: [],
  };
  identities.putUser(user);
  return { User: userXml(call, user) };
};

const getUser: Operation = (call) => ({ User: userXml(call, userIn(call)) });

const listUsers: Operation = (call) => {
  authorize(call, arn(call, 'user', '/', '*'));
  return paged(call, 'Users', underPath(call, call.context.identities.users()), (user) => userXml(call, user));
};

const deleteUser: Operation = (call) => {
  const user = userIn(call);
  const { identities } = call.context;
  if (user.bootstrap)
    throw new ServiceError(409, 'DeleteConflict', 'The administrator of the sandbox cannot be deleted.');
  if (identities.accessKeys(user.name).length > 0)
    throw conflict('Cannot delete entity, must delete access keys first.');
  if (Object.keys(user.inlinePolicies).length > 0) throw conflict('Cannot delete entity, must delete policies first.');
  if (user.attachedPolicyArns.length > 0) throw conflict('Cannot delete entity, must detach all policies first.');
  identities.removeUser(user.name);
  return null;
};

const tagUser: Operation = (call) => {
  const user = userIn(call);
  call.context.identities.putUser({ ...user, tags: { ...user.tags, ...tagsIn(call) } });
  return null;
};

const untagUser: Operation = (call) => {
  const user = userIn(call);
  const gone = call.parameters.list('TagKeys');
  const tags = Object.fromEntries(Object.entries(user.tags).filter(([key]) => !gone.includes(key)));
  call.context.identities.putUser({ ...user, tags });
  return null;
};

/** Most access keys of one user. */
const MAX_KEYS = 2;

const createAccessKey: Operation = (call) => {
  const user = userIn(call);
  const { identities } = call.context;
  if (identities.accessKeys(user.name).length >= MAX_KEYS)
    throw new ServiceError(409, 'LimitExceeded', `Cannot exceed quota for AccessKeysPerUser: ${MAX_KEYS}`);
  const key = {
    accessKeyId: uniqueId('AKIA'),
    secretAccessKey: newSecret(),
    userName: user.name,
    active: true,
    createdAt: call.context.now(),
  };
  identities.putAccessKey(key);
  return {
    AccessKey: {
      UserName: user.name,
      AccessKeyId: key.accessKeyId,
      Status: 'Active',
      SecretAccessKey: key.secretAccessKey,
      CreateDate: iso(key.createdAt),
    },
  };
};

const listAccessKeys: Operation = (call) => {
  const user = userIn(call);
  return paged(call, 'AccessKeyMetadata', call.context.identities.accessKeys(user.name), (key) => ({
    UserName: user.name,
    AccessKeyId: key.accessKeyId,
    Status: key.active ? 'Active' : 'Inactive',
    CreateDate: iso(key.createdAt),
  }));
};

function accessKeyIn(call: Call) {
  const user = userIn(call);
  const id = call.parameters.required('AccessKeyId');
  const key = call.context.identities.accessKeys(user.name).find((one) => one.accessKeyId === id);
  if (key === undefined) throw noSuch(`The Access Key with id ${id} cannot be found.`);
  return key;
}

const updateAccessKey: Operation = (call) => {
  const key = accessKeyIn(call);
  const status = call.parameters.required('Status');
  if (status !== 'Active' && status !== 'Inactive')
    throw new ServiceError(400, 'ValidationError', 'Status must be Active or Inactive');
  call.context.identities.putAccessKey({ ...key, active: status === 'Active' });
  return null;
};

const deleteAccessKey: Operation = (call) => {
  call.context.identities.removeAccessKey(accessKeyIn(call).accessKeyId);
  return null;
};

export const USER_OPERATIONS: Readonly<Record<string, Operation>> = {
  CreateAccessKey: createAccessKey,
  CreateUser: createUser,
  DeleteAccessKey: deleteAccessKey,
  DeleteUser: deleteUser,
  GetUser: getUser,
  ListAccessKeys: listAccessKeys,
  ListUsers: listUsers,
  TagUser: tagUser,
  UntagUser: untagUser,
  UpdateAccessKey: updateAccessKey,
};
