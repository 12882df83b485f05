/** SSH key pairs as EC2 makes, imports and fingerprints them. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
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
  if (type === 'ed25519') {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    return { privateKey: pair.private, publicKey: wordsOf(pair.public) };
  }
  const pair = await promisify(generateKeyPair)('rsa', {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  return { privateKey: pair.privateKey, publicKey: publicHalf(pair.privateKey) };
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

function wordsOf(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(' ');
}
