/**
 * The sealed channel between an operator and a host that meet through a bucket: numbered parts in each direction that
 * only the other side can read, and that nobody else can write, repeat, reorder or leave out unnoticed.
 *
 * Each side makes an X25519 key pair (RFC 7748) for one run. The public halves travel through Systems Manager, which has
 * proven who sends and where it arrives; the bucket sees sealed parts alone. Both derive one key for each direction:
 * HKDF-SHA-256 (RFC 5869) over the shared secret, salt = host's public key | operator's public key, info = version, run,
 * direction. A part is AES-256-GCM; its IV is its number, which is safe because a key lives for one run and direction and
 * parts are created, never overwritten: the same number always seals the same bytes.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
} from 'node:crypto';
import { HostarkError } from '@hostark/protocol';

/** Base64url of the 32 bytes (RFC 8037: `x` and `d` of an OKP key). The private half is a secret. */
export interface ChannelKeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

const TAG_BYTES = 16;
const KEY = /^[A-Za-z0-9_-]{43}$/;

export function newChannelKeys(): ChannelKeyPair {
  const { privateKey } = generateKeyPairSync('x25519');
  const { x, d } = privateKey.export({ format: 'jwk' });
  return { publicKey: x!, privateKey: d! };
}

/** Returns true for what `newChannelKeys` makes. */
export function isChannelKey(text: string): boolean {
  return KEY.test(text);
}

export interface SealedChannel {
  /** Seals part `number` of this side's direction. `plain` is not kept. */
  seal(number: number, plain: Uint8Array): Uint8Array;
  /** Opens part `number` of the other side. Throws 'agent-failed' when it is not what the other side sealed. */
  open(number: number, sealed: Uint8Array): Uint8Array;
}

export interface ChannelOptions {
  readonly side: 'operator' | 'host';
  /** Printable name of the run; both sides must agree on it. */
  readonly run: string;
  readonly own: ChannelKeyPair;
  /** Public key of the other side. */
  readonly other: string;
}

/** Throws TypeError for a malformed key. */
export function sealedChannel({ side, run, own, other }: ChannelOptions): SealedChannel {
  if (!isChannelKey(other)) throw new TypeError('channel: expected a public key of 43 base64url characters');
  const secret = diffieHellman({ privateKey: privateKeyOf(own), publicKey: publicKeyOf(other) });
  const [host, operator] = side === 'host' ? [own.publicKey, other] : [other, own.publicKey];
  const salt = Buffer.concat([Buffer.from(host, 'base64url'), Buffer.from(operator, 'base64url')]);
  const derive = (direction: string): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, salt, `hostark channel 1 ${run} ${direction}`, 32));
  const toHost = derive('to-host');
  const toOperator = derive('to-operator');
  const [mine, theirs] = side === 'host' ? [toOperator, toHost] : [toHost, toOperator];
  return {
    seal(number, plain) {
      const cipher = createCipheriv('aes-256-gcm', mine, ivOf(number));
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(number, sealed) {
      try {
        if (sealed.length < TAG_BYTES) throw new RangeError(`expected at least ${TAG_BYTES} bytes`);
        const decipher = createDecipheriv('aes-256-gcm', theirs, ivOf(number));
        decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
        return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final()]);
      } catch (cause) {
        throw new HostarkError('agent-failed', `run ${run}: part ${number} was not sealed by the other side`, {
          hint: 'somebody else writes into this run in the bucket; find out who may, then run the command again',
          cause,
        });
      }
    },
  };
}

/** 96 bits (NIST SP 800-38D, 8.2.1): a fixed field of zeros, then the number. */
function ivOf(number: number): Uint8Array {
  const iv = Buffer.alloc(12);
  iv.writeUIntBE(number, 6, 6);
  return iv;
}

function privateKeyOf({ publicKey, privateKey }: ChannelKeyPair) {
  return createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x: publicKey, d: privateKey } });
}

function publicKeyOf(x: string) {
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x } });
}
