/**
 * Key files: plain JSON that holds the master key, sealed with a key derived from a password.
 * Format: restic `internal/repository/key.go`.
 */
import type { SealingKey } from '@hostark/kernels';
import { ByteWriter } from '../encoding/byte-writer.ts';
import { base64, copyOf, fromBase64, textOf, utf8 } from '../encoding/bytes.ts';
import { formatInstant, parseInstant } from '../encoding/instant-text.ts';
import { writeJsonText } from '../encoding/json-write.ts';
import { type Instant, ZERO_INSTANT } from '../encoding/time.ts';

/** Parameters of scrypt (RFC 7914): memory 128 * n * r bytes, time proportional to n * r * p. */
export interface ScryptCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** One key file, parsed. */
export interface KeyFile {
  readonly created: Instant;
  readonly username: string;
  readonly hostname: string;
  readonly cost: ScryptCost;
  readonly salt: Uint8Array;
  /** The sealed master key. */
  readonly data: Uint8Array;
}

export const SALT_BYTES = 64;

/** Returns the bytes of a key file, fields in restic's order. */
export function encodeKeyFile(key: KeyFile): Uint8Array {
  const out = new ByteWriter(1024);
  out.ascii(`{"created":"${formatInstant(key.created)}","username":`);
  writeJsonText(out, key.username);
  out.ascii(',"hostname":');
  writeJsonText(out, key.hostname);
  const { n, r, p } = key.cost;
  out.ascii(`,"kdf":"scrypt","N":${n},"r":${r},"p":${p},"salt":"${base64(key.salt)}","data":"${base64(key.data)}"}`);
  return out.take();
}

/** Parses a key file. Throws SyntaxError that says what is wrong. */
export function decodeKeyFile(bytes: Uint8Array): KeyFile {
  const fields = record(JSON.parse(textOf(bytes)));
  if (fields.kdf !== 'scrypt') throw new SyntaxError(`expected kdf "scrypt", got ${JSON.stringify(fields.kdf)}`);
  const salt = fromBase64(text(fields.salt));
  if (salt?.length !== SALT_BYTES) throw new SyntaxError(`expected a salt of ${SALT_BYTES} bytes`);
  const data = fromBase64(text(fields.data));
  // IV and MAC alone are 32 bytes.
  if (data === null || data.length < 32) throw new SyntaxError('expected at least 32 bytes of sealed data');
  const cost = { n: integer(fields.N), r: integer(fields.r), p: integer(fields.p) };
  if (!isUsable(cost))
    throw new SyntaxError(`expected usable scrypt parameters, got N=${cost.n} r=${cost.r} p=${cost.p}`);
  return {
    created: parseInstant(text(fields.created)) ?? ZERO_INSTANT,
    username: text(fields.username),
    hostname: text(fields.hostname),
    cost,
    salt,
    data,
  };
}

/** The bounds of RFC 7914 section 6, and 1 GiB of memory, so that a hostile file cannot take the machine. */
function isUsable({ n, r, p }: ScryptCost): boolean {
  const powerOfTwo = n > 1 && n <= 2 ** 30 && (n & (n - 1)) === 0;
  return powerOfTwo && r >= 1 && p >= 1 && r * p < 2 ** 30 && 128 * n * r <= 2 ** 30 && n * r * p <= 2 ** 32;
}

/** Returns the JSON of a master key: what a key file holds sealed. */
export function encodeMasterKey(key: SealingKey): Uint8Array {
  return utf8(`{"mac":{"k":"${base64(key.macK)}","r":"${base64(key.macR)}"},"encrypt":"${base64(key.encrypt)}"}`);
}

/** Parses an opened master key. Throws SyntaxError. */
export function decodeMasterKey(bytes: Uint8Array): SealingKey {
  const fields = record(JSON.parse(textOf(bytes)));
  const mac = record(fields.mac);
  const encrypt = fromBase64(text(fields.encrypt));
  const macK = fromBase64(text(mac.k));
  const macR = fromBase64(text(mac.r));
  if (encrypt?.length !== 32 || macK?.length !== 16 || macR?.length !== 16) {
    throw new SyntaxError('expected a master key of 32, 16 and 16 bytes');
  }
  return { encrypt, macK, macR };
}

/** Returns the three parts of 64 key bytes: AES-256 key, Poly1305-AES k, Poly1305-AES r. */
export function splitKey(bytes: Uint8Array): SealingKey {
  return { encrypt: copyOf(bytes, 0, 32), macK: copyOf(bytes, 32, 48), macR: copyOf(bytes, 48, 64) };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new SyntaxError('expected a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function integer(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : 0;
}
