import { expect, test } from 'vitest';
import { IdentityStore, type RoleRecord, uniqueId } from '../../src/auth/identities.ts';
import { policyText, temporaryDirectory } from '../harness.ts';

const role = (): RoleRecord => ({
  name: 'host',
  path: '/',
  id: uniqueId('AROA'),
  createdAt: 0,
  tags: {},
  description: '',
  trustPolicy: policyText(),
  maxSessionSeconds: 3600,
  inlinePolicies: {},
  attachedPolicyArns: [],
});

test('a session dies with its role, and a new role of that name does not revive it', () => {
  const store = new IdentityStore(temporaryDirectory(), Date.now);
  store.putRole(role());
  const session = store.openSession({ kind: 'role', roleName: 'host', sessionName: 's' }, { seconds: 900 });
  expect(store.credential(session.accessKeyId)?.principal).toMatchObject({ kind: 'assumed-role', roleName: 'host' });
  store.removeRole('host');
  expect(store.credential(session.accessKeyId)).toBeNull();
  store.putRole(role());
  expect(store.credential(session.accessKeyId)).toBeNull();
});

test('an inactive key signs nothing', () => {
  const store = new IdentityStore(temporaryDirectory(), Date.now);
  const { accessKeyId } = store.adminCredentials();
  const [key] = store.accessKeys('sandbox-admin');
  expect(store.credential(accessKeyId)).not.toBeNull();
  if (key !== undefined) store.putAccessKey({ ...key, active: false });
  expect(store.credential(accessKeyId)).toBeNull();
});

test('names of JavaScript’s own are no names of ours', () => {
  const store = new IdentityStore(temporaryDirectory(), Date.now);
  expect(store.credential('constructor')).toBeNull();
  expect(store.user('__proto__')).toBeNull();
  expect(store.role('toString')).toBeNull();
});

test('everything is there again after a restart', () => {
  const directory = temporaryDirectory();
  const store = new IdentityStore(directory, Date.now);
  store.putRole(role());
  const session = store.openSession(
    { kind: 'role', roleName: 'host', sessionName: 's' },
    { seconds: 900, policies: [policyText()] },
  );
  const again = new IdentityStore(directory, Date.now);
  const credential = again.credential(session.accessKeyId);
  expect(credential).toEqual(store.credential(session.accessKeyId));
  expect(credential && again.policiesOf(credential.principal).session).toEqual([policyText()]);
});
