/** Key pairs: made (ed25519, rsa) or imported; the private half is returned once and kept nowhere. */
import { ServiceError } from '../http/service-error.ts';
import { createdFingerprint, importedFingerprint, type KeyPairType, makeKeyPair, parsePublicKey } from '../ssh/keys.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, checkTagTypes, iso, list, type Operation, tagSet, tagsFor } from './call.ts';
import { filtered } from './filters.ts';
import { own } from './lookup.ts';
import { type KeyPairRecord, newId } from './model.ts';
import { invalid } from './parameters.ts';

export const createKeyPair: Operation = async (call) => {
  const { parameters } = call;
  const name = newName(call);
  const type = parameters.get('KeyType') ?? 'rsa';
  if (type !== 'rsa' && type !== 'ed25519') throw invalid('KeyType', type, 'expected rsa or ed25519');
  if ((parameters.get('KeyFormat') ?? 'pem') !== 'pem')
    throw new ServiceError(400, 'UnsupportedOperation', 'The sandbox makes keys in the format pem only');
  const pair = await makeKeyPair(type);
  const record = keep(call, name, type, pair.publicKey, createdFingerprint(type, pair));
  return { ...(described(record) as object), keyMaterial: pair.privateKey };
};

export const importKeyPair: Operation = (call) => {
  const name = newName(call);
  const text = Buffer.from(call.parameters.required('PublicKeyMaterial'), 'base64').toString('utf8');
  const key = parsePublicKey(text);
  if (key === null) throw new ServiceError(400, 'InvalidKey.Format', 'Key is not in valid OpenSSH public key format');
  return described(keep(call, name, key.type, key.publicKey, importedFingerprint(key.type, key.publicKey)));
};

function newName(call: Call): string {
  const name = call.parameters.required('KeyName');
  checkTagTypes(call.parameters, ['key-pair']);
  authorize(call, { resource: `key-pair/${name}`, newTags: tagsFor(call.parameters, 'key-pair') });
  if (byName(call, name) !== undefined)
    throw new ServiceError(400, 'InvalidKeyPair.Duplicate', `The keypair '${name}' already exists.`);
  return name;
}

function keep(call: Call, name: string, type: KeyPairType, publicKey: string, fingerprint: string): KeyPairRecord {
  if (byName(call, name) !== undefined)
    throw new ServiceError(400, 'InvalidKeyPair.Duplicate', `The keypair '${name}' already exists.`);
  const id = newId('key');
  const tags = tagsFor(call.parameters, 'key-pair');
  const record = { id, name, type, publicKey, fingerprint, createdAt: call.context.now(), tags };
  call.region.keyPairs[id] = record;
  call.store.save();
  return record;
}

function byName(call: Call, name: string): KeyPairRecord | undefined {
  return Object.values(call.region.keyPairs).find((pair) => pair.name === name);
}

function described(pair: KeyPairRecord): XmlValue {
  return { keyName: pair.name, keyFingerprint: pair.fingerprint, keyPairId: pair.id, tagSet: tagSet(pair.tags) };
}

export const describeKeyPairs: Operation = (call) => {
  authorize(call);
  const { parameters, region } = call;
  const names = parameters.list('KeyName');
  const ids = parameters.list('KeyPairId');
  for (const name of names)
    if (byName(call, name) === undefined)
      throw new ServiceError(400, 'InvalidKeyPair.NotFound', `The key pair '${name}' does not exist`);
  for (const id of ids)
    if (own(region.keyPairs, id) === null)
      throw new ServiceError(400, 'InvalidKeyPair.NotFound', `The key pair '${id}' does not exist`);
  const named = Object.values(region.keyPairs).filter(
    (pair) => (names.length === 0 && ids.length === 0) || names.includes(pair.name) || ids.includes(pair.id),
  );
  const found = filtered(
    named,
    parameters,
    { 'key-name': (pair) => pair.name, 'key-pair-id': (pair) => pair.id, fingerprint: (pair) => pair.fingerprint },
    (pair) => pair.tags,
  );
  const withKey = parameters.flag('IncludePublicKey');
  return {
    keySet: list(
      found.map((pair) => ({
        ...(described(pair) as object),
        keyType: pair.type,
        createTime: iso(pair.createdAt),
        publicKey: withKey ? `${pair.publicKey} ${pair.name}` : undefined,
      })),
    ),
  };
};

/** Deleting a pair that does not exist succeeds, as on AWS. */
export const deleteKeyPair: Operation = (call) => {
  const { parameters, region } = call;
  const id = parameters.get('KeyPairId');
  const pair = id === undefined ? byName(call, parameters.required('KeyName')) : own(region.keyPairs, id);
  authorize(call, { resource: `key-pair/${pair?.name ?? parameters.get('KeyName') ?? '*'}`, tags: pair?.tags ?? {} });
  if (pair) {
    delete region.keyPairs[pair.id];
    call.store.save();
  }
  return { return: true, keyPairId: pair?.id };
};
