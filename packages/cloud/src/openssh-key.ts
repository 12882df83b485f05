/**
 * Ed25519 keys in OpenSSH's formats: the public line of RFC 4253 section 6.6 and RFC 8709 section 4, and the private
 * file of OpenSSH's PROTOCOL.key (unencrypted: the file's mode protects it).
 */
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';

export interface SshKeyPair {
  /** PEM text. Secret. */
  readonly privateKey: string;
  /** 'ssh-ed25519 AAAA… comment'. */
  readonly publicKey: string;
}

const TYPE = 'ssh-ed25519';

/** Makes a fresh pair. */
export function generateSshKey(comment: string): SshKeyPair {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return encodeSshKey(Buffer.from(d!, 'base64url'), Buffer.from(x!, 'base64url'), comment, randomBytes(4));
}

/** `seed` and `point` are the 32-byte private and public halves (RFC 8032); `check` is 4 arbitrary bytes. */
export function encodeSshKey(seed: Uint8Array, point: Uint8Array, comment: string, check: Uint8Array): SshKeyPair {
  const blob = Buffer.concat([field(Buffer.from(TYPE)), field(point)]);
  const secret = Buffer.concat([
    check,
    check, // PROTOCOL.key: the same number twice tells a right passphrase from a wrong one
    blob,
    field(Buffer.concat([seed, point])),
    field(Buffer.from(comment)),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field(Buffer.from('none')), // cipher
    field(Buffer.from('none')), // key derivation
    field(Buffer.alloc(0)), // its options
    number(1),
    field(blob),
    field(Buffer.concat([secret, padding])),
  ]);
  const lines = file.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `${TYPE} ${blob.toString('base64')} ${comment}`,
  };
}

/** RFC 4251 section 5, "string": a length of 32 bits, then the bytes. */
function field(bytes: Uint8Array): Buffer {
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/**
 * The public line of a private key file: OpenSSH's own format (any type), or an RSA key in PEM as EC2 makes them. Throws
 * TypeError, which never quotes the file, when it is none, needs a passphrase, or has a format that SSH does not log in with.
 */
export function publicKeyOf(privateKey: string, comment: string): string {
  const own = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END OPENSSH PRIVATE KEY-----/.exec(privateKey)?.[1];
  const blob = own === undefined ? blobOfPem(privateKey) : blobOfFile(Buffer.from(own, 'base64'));
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
  return `${type} ${blob.toString('base64')} ${comment}`;
}

/** PROTOCOL.key: magic, cipher, KDF, its options, number of keys, then the first public key. */
function blobOfFile(file: Buffer): Buffer {
  const magic = 'openssh-key-v1\0';
  if (file.subarray(0, magic.length).toString('latin1') !== magic) throw new TypeError('not an OpenSSH private key');
  let at = magic.length;
  const next = (): Buffer => {
    const length = at + 4 <= file.length ? file.readUInt32BE(at) : Number.POSITIVE_INFINITY;
    if (at + 4 + length > file.length) throw new TypeError('the OpenSSH private key is cut off');
    at += 4 + length;
    return file.subarray(at - length, at);
  };
  if (next().toString('latin1') !== 'none') throw new TypeError('the private key needs a passphrase');
  next();
  next();
  at += 4;
  return next();
}

function blobOfPem(pem: string): Buffer {
  if (/ENCRYPTED/.test(pem)) throw new TypeError('the private key needs a passphrase');
  if (/BEGIN PRIVATE KEY/.test(pem)) throw new TypeError('PKCS#8, expected OpenSSH or PEM: ssh-keygen -p converts it');
  let key: ReturnType<typeof createPublicKey>;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new TypeError('not a private key in OpenSSH or PEM format');
  }
  const { n, e } = key.export({ format: 'jwk' });
  if (n === undefined || e === undefined) throw new TypeError('expected an RSA or Ed25519 key: EC2 knows no other');
  // RFC 4253 section 6.6: e and n as "mpint", which is signed: a set top bit gets a zero before it (RFC 4251 section 5)
  const mpint = (text: string): Buffer => {
    const bytes = Buffer.from(text, 'base64url');
    return field((bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
  };
  return Buffer.concat([field(Buffer.from('ssh-rsa')), mpint(e), mpint(n)]);
}
