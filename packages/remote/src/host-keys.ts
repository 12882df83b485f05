/** Host keys in OpenSSH's public key format (RFC 4253 section 6.6: a length-prefixed algorithm name, then the key). */
import { createHash } from 'node:crypto';
import { HostarkError } from '@hostark/protocol';

/** A public key: `blob` is what goes over the wire, `type` its first field. */
export interface PublicKey {
  readonly type: string;
  readonly blob: Uint8Array;
}

/** Parses 'ssh-ed25519 AAAA… comment'. Throws TypeError on anything else. */
export function parsePublicKey(line: string): PublicKey {
  const [type, base64] = line.trim().split(/\s+/, 2);
  const blob = Buffer.from(base64 ?? '', 'base64');
  if (type === undefined || typeOfBlob(blob) !== type) {
    throw new TypeError(`host key: expected "<type> <base64>", got ${JSON.stringify(line.slice(0, 40))}`);
  }
  return { type, blob };
}

/** Returns the algorithm name inside a key blob; '' when it is malformed. */
export function typeOfBlob(blob: Uint8Array): string {
  if (blob.length < 4) return '';
  const length = new DataView(blob.buffer, blob.byteOffset).getUint32(0);
  return length > 64 || blob.length < 4 + length ? '' : Buffer.from(blob.subarray(4, 4 + length)).toString('latin1');
}

/** 'SHA256:…' as `ssh-keygen -l` prints it. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** One line without comment, as known_hosts and authorized_keys hold it. */
export function keyLine(blob: Uint8Array): string {
  return `${typeOfBlob(blob)} ${Buffer.from(blob).toString('base64')}`;
}

/** Returns null when `presented` is one of the expected keys, else the error to end the connection with. */
export function checkHostKey(
  where: string,
  presented: Uint8Array,
  expected: readonly PublicKey[],
): HostarkError | null {
  if (expected.some((key) => Buffer.compare(key.blob, presented) === 0)) return null;
  const found = fingerprint(presented);
  const context = { fingerprint: found, key: keyLine(presented) };
  if (expected.length === 0) {
    return new HostarkError('host-key-unknown', `${where}: no host key is known, and it presents ${found}`, {
      hint: 'nothing was sent; log in from the machine that launched the host: its state directory holds the key',
      context,
    });
  }
  const wanted = expected.map((key) => fingerprint(key.blob)).join(' or ');
  return new HostarkError('host-key-changed', `${where}: expected host key ${wanted}, found ${found}`, {
    hint: 'nothing was sent; someone may be answering in its place, or the host was rebuilt: then launch it anew',
    context: { ...context, expected: wanted },
  });
}

/** Signature algorithms for the known keys, best first: RSA keys sign with SHA-2 alone (RFC 8332). */
export function preferredAlgorithms(expected: readonly PublicKey[]): string[] {
  const types = expected.flatMap((key) => (key.type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [key.type]));
  return [...new Set(types)];
}
