/**
 * What is remembered of the key that opened a repository: its name, its salt and its cost. None of it is a secret (the salt
 * stands in the key file as it is), and without the sealed part of that file no password can be tried with it. It lets the key
 * be derived while its file is on its way, and spares the list of keys.
 */
import type { Platform, Sealer } from '@hostark/kernels';
import { base64, fromBase64, sameBytes, textOf, utf8 } from '../encoding/bytes.ts';
import { isHexId, type KeyId, objectId } from '../ids.ts';
import { type KeyFile, SALT_BYTES, type ScryptCost } from './key-file.ts';
import { KEY_COST, type Password, passwordSealer } from './password.ts';

export interface KnownKey {
  readonly id: KeyId;
  readonly salt: Uint8Array;
  readonly cost: ScryptCost;
}

/** Where such things are kept. Neither call throws; what cannot be read is not there. */
export interface KeyMemory {
  recall(): KnownKey | null;
  remember(known: KnownKey): void;
}

/** A known key while the password is made into its sealer. */
export interface LikelyKey {
  readonly known: KnownKey;
  readonly sealer: Promise<Sealer>;
}

/** Of what a hostile memory says no more is believed than this many times the usual cost. */
const MOST_COST = 8;

/** Begins to derive a known key, unless the hint (the beginning of an id) names another. */
export function beginKey(
  platform: Platform,
  password: Password,
  known: KnownKey | null,
  keyHint: string | undefined,
): LikelyKey | null {
  if (known === null || !known.id.startsWith(keyHint ?? '')) return null;
  const sealer = passwordSealer(platform, password, known.salt, known.cost);
  sealer.catch(() => {}); // told to whoever wants it
  return { known, sealer };
}

/** Whether what was derived for a known key is good for this key file. */
export function fits({ known }: LikelyKey, { salt, cost }: KeyFile): boolean {
  return sameBytes(known.salt, salt) && sameCost(known.cost, cost);
}

export function sameKnownKey(a: KnownKey, b: KnownKey): boolean {
  return a.id === b.id && sameBytes(a.salt, b.salt) && sameCost(a.cost, b.cost);
}

/** Returns a known key as JSON. */
export function encodeKnownKey({ id, salt, cost: { n, r, p } }: KnownKey): Uint8Array {
  return utf8(JSON.stringify({ id, salt: base64(salt), N: n, r, p }));
}

/** Returns what was encoded; null for anything else, or a cost that nobody asks for. */
export function decodeKnownKey(bytes: Uint8Array): KnownKey | null {
  let fields: Readonly<Record<string, unknown>> | null;
  try {
    fields = JSON.parse(textOf(bytes));
  } catch {
    return null;
  }
  if (typeof fields?.id !== 'string' || !isHexId(fields.id) || typeof fields.salt !== 'string') return null;
  const salt = fromBase64(fields.salt);
  const { N: n, r, p } = fields;
  if (salt?.length !== SALT_BYTES || !isCount(n) || !isCount(r) || !isCount(p)) return null;
  const isUsual = n * r <= 2 * KEY_COST.n * KEY_COST.r && n * r * p <= MOST_COST * KEY_COST.n * KEY_COST.r * KEY_COST.p;
  return isUsual ? { id: objectId('keys', fields.id), salt, cost: { n, r, p } } : null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function sameCost(a: ScryptCost, b: ScryptCost): boolean {
  return a.n === b.n && a.r === b.r && a.p === b.p;
}
