import { describe, expect, test } from 'vitest';
import { newChannelKeys, type SealedChannel, sealedChannel } from '../src/index.ts';

const RUN = '20261122T120000Z-0123456789abcdef';

function pair(run = RUN, hostRun = run): { operator: SealedChannel; host: SealedChannel } {
  const [operator, host] = [newChannelKeys(), newChannelKeys()];
  return {
    operator: sealedChannel({ side: 'operator', run, own: operator, other: host.publicKey }),
    host: sealedChannel({ side: 'host', run: hostRun, own: host, other: operator.publicKey }),
  };
}

const refused = expect.objectContaining({ code: 'agent-failed' });

describe('a sealed channel', () => {
  test('carries parts in both directions, and adds 16 bytes to each', () => {
    const { operator, host } = pair();
    for (const number of [0, 1, 255, 256, 2 ** 33]) {
      const plain = Buffer.from(`part ${number}`);
      expect(Buffer.from(host.open(number, operator.seal(number, plain)))).toEqual(plain);
      expect(Buffer.from(operator.open(number, host.seal(number, plain)))).toEqual(plain);
      expect(host.seal(number, plain).length).toBe(plain.length + 16);
    }
    expect(host.open(7, operator.seal(7, new Uint8Array())).length).toBe(0);
  });

  test('seals the same part to the same bytes, so that an attempt may be repeated', () => {
    const { operator } = pair();
    expect(operator.seal(3, Buffer.from('x'))).toEqual(operator.seal(3, Buffer.from('x')));
  });

  test('refuses a part under another number, of the own direction, of another run, or changed by a bit', () => {
    const { operator, host } = pair();
    const sealed = operator.seal(4, Buffer.from('secret'));
    expect(() => host.open(5, sealed)).toThrow(refused);
    expect(() => operator.open(4, sealed)).toThrow(refused);
    expect(() => pair().host.open(4, sealed)).toThrow(refused);
    const differing = pair(RUN, RUN.replace('f', 'e'));
    expect(() => differing.host.open(0, differing.operator.seal(0, Buffer.from('x')))).toThrow(refused);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Uint8Array.from(sealed);
      changed[at]! ^= 1;
      expect(() => host.open(4, changed)).toThrow(refused);
    }
    expect(() => host.open(4, sealed.subarray(0, 15))).toThrow(refused);
  });

  test('refuses a public key that is none', () => {
    expect(() => sealedChannel({ side: 'host', run: RUN, own: newChannelKeys(), other: 'short' })).toThrow(TypeError);
    // RFC 7748, section 6.1: the all-zero result of a low-order point is no secret
    const zero = Buffer.alloc(32).toString('base64url');
    expect(() => sealedChannel({ side: 'host', run: RUN, own: newChannelKeys(), other: zero })).toThrow();
  });
});
