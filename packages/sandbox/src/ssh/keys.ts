/** SSH key pairs as EC2 makes, imports and fingerprints them. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import ssh2 from 'ssh2';

export type KeyPairType = 'ed25519' | 'rsa';

export interface SshKeyPair {
  /** OpenSSH text for ed25519, PKCS#1 PEM for rsa, as EC2 returns them. */
  readonly privateKey: string;
  /** One line: type and base64. */
  readonly publicKey: string;
}

/** 2048 bits, as EC2 makes them. */
const RSA_BITS = 2048;

export async function makeKeyPair(type: KeyPairType): Promise<SshKeyPair> {
  if (type === 'ed25519') return makeEd25519();
  const pair = await promisify(generateKeyPair)('rsa', {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  return { privateKey: pair.privateKey, publicKey: publicHalf(pair.privateKey) };
}

/** ssh2 can make these too, but about one in 250 of its keys cannot be read again (it drops a leading zero byte). */
async function makeEd25519(): Promise<SshKeyPair> {
  const { privateKey } = await promisify(generateKeyPair)('ed25519');
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  const seed = Buffer.from(d, 'base64url');
  const point = Buffer.from(x, 'base64url');
  const publicKey = Buffer.concat([field(ED25519), field(point)]);
  return {
    privateKey: armor(privateSection(seed, point), publicKey),
    publicKey: `${ED25519} ${publicKey.toString('base64')}`,
  };
}

const ED25519 = 'ssh-ed25519';

/** OpenSSH's PROTOCOL.key: two equal check numbers, the key, a comment, and padding 1, 2, 3 ... to 8 bytes. */
function privateSection(seed: Buffer, point: Buffer): Buffer {
  const check = randomBytes(4);
  const body = Buffer.concat([
    check,
    check,
    field(ED25519),
    field(point),
    field(Buffer.concat([seed, point])),
    field(''),
  ]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (body.length % 8)) % 8));
  return Buffer.concat([body, padding]);
}

function armor(section: Buffer, publicKey: Buffer): string {
  const one = Buffer.from([0, 0, 0, 1]);
  const file = Buffer.concat([
    ...[Buffer.from('openssh-key-v1\0'), field('none'), field('none'), field('')],
    ...[one, field(publicKey), field(section)],
  ]);
  const lines = file.toString('base64').match(/.{1,70}/g) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

/** A length-prefixed string (RFC 4251 section 5). */
function field(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The public half of a private key, as one line. Throws when the text is not a private key. */
export function publicHalf(privateKey: string): string {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}

/** A public key as imported: type and its line without comment, or null when EC2 would refuse the text. */
export function parsePublicKey(text: string): { type: KeyPairType; publicKey: string } | null {
  const key = ssh2.utils.parseKey(text.trim());
  if (key instanceof Error || key.isPrivateKey()) return null;
  const type = key.type === 'ssh-ed25519' ? 'ed25519' : key.type === 'ssh-rsa' ? 'rsa' : null;
  return type && { type, publicKey: `${key.type} ${key.getPublicSSH().toString('base64')}` };
}

/**
 * Fingerprint of a created pair: for rsa the SHA-1 of the private key in DER (PKCS#8), else SHA-256 of the public
 * key in base64, as the EC2 guide documents.
 */
export function createdFingerprint(type: KeyPairType, pair: SshKeyPair): string {
  if (type === 'ed25519') return sha256Fingerprint(pair.publicKey);
  const der = createPrivateKey(pair.privateKey).export({ type: 'pkcs8', format: 'der' });
  return colons(createHash('sha1').update(der).digest('hex'));
}

/** Fingerprint of an imported key: for rsa the MD5 of the public key in DER, else SHA-256 in base64. */
export function importedFingerprint(type: KeyPairType, publicKey: string): string {
  if (type === 'ed25519') return sha256Fingerprint(publicKey);
  const key = ssh2.utils.parseKey(publicKey);
  if (key instanceof Error) throw key;
  const der = createPublicKey(key.getPublicPEM()).export({ type: 'spki', format: 'der' });
  return colons(createHash('md5').update(der).digest('hex'));
}

/** SHA-256 of a public key line's bytes, base64 with padding (EC2) ; ssh-keygen shows it without. */
export function sha256Fingerprint(publicKey: string): string {
  return createHash('sha256')
    .update(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64'))
    .digest('base64');
}

function colons(hex: string): string {
  return (hex.match(/../g) ?? []).join(':');
}
