import { scryptSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { type BegunKey, beginToDerive, type DeriveKey, deriveKey, expectKey } from '../src/crypto/scrypt.ts';

const password = Buffer.from('password');
const salt = Buffer.from('salt');
const expected = (secret: Uint8Array, n: number) => scryptSync(secret, salt, 64, { N: n, r: 8, p: 2 });

function begin(...of: Parameters<DeriveKey>): BegunKey {
  const begun = beginToDerive(of);
  expectKey(begun);
  return begun;
}

test('a key that was begun is taken over, once', async () => {
  const { key: begun } = begin(password, salt, 1024, 8, 2, 64);
  const taken = deriveKey(new Uint8Array(password), salt, 1024, 8, 2, 64);
  expect(taken).toBe(begun);
  expect(deriveKey(password, salt, 1024, 8, 2, 64)).not.toBe(begun);
  expect(Buffer.from(await taken)).toEqual(expected(password, 1024));
});

test('what was begun for another password, salt or cost is nobody’s key', async () => {
  const other = Buffer.from('passwore');
  begin(password, salt, 1024, 8, 2, 64);
  expect(Buffer.from(await deriveKey(other, salt, 1024, 8, 2, 64))).toEqual(expected(other, 1024));
  begin(password, salt, 1024, 8, 2, 64);
  expect(Buffer.from(await deriveKey(password, salt, 512, 8, 2, 64))).toEqual(expected(password, 512));
  begin(password, other, 1024, 8, 2, 64);
  expect(Buffer.from(await deriveKey(password, salt, 1024, 8, 2, 64))).toEqual(expected(password, 1024));
});

test('what was begun is not changed by what becomes of its arguments', async () => {
  const mine = new Uint8Array(password);
  const { key: begun } = begin(mine, salt, 1024, 8, 2, 64);
  mine.fill(0);
  expect(Buffer.from(await deriveKey(mine, salt, 1024, 8, 2, 64))).toEqual(expected(mine, 1024));
  expect(Buffer.from(await begun)).toEqual(expected(password, 1024));
});

test('a cost that cannot be is told to who asks, not to nobody', async () => {
  begin(password, salt, 1000, 8, 1, 64);
  await expect(deriveKey(password, salt, 1000, 8, 1, 64)).rejects.toThrow('N=1000');
});
