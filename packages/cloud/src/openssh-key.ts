/**
 * Ed25519 keys in OpenSSH's formats: the public line of RFC 4253 section 6.6 and RFC 8709 section 4, and the private
 * file of OpenSSH's PROTOCOL.key (unencrypted: the file's mode protects it).
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';

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
