/** The pure parts of launching and adopting: keys read back, consoles read, volumes and types chosen. */
import { generateKeyPairSync } from 'node:crypto';
import ssh2 from 'ssh2';
import { describe, expect, it } from 'vitest';
import { parseConsoleKeys } from '../src/console-keys.ts';
import { planVolumes } from '../src/extra-volumes.ts';
import { generateSshKey, parseVolume, publicKeyOf } from '../src/index.ts';
import { siblingTypes } from '../src/launch-attempts.ts';

describe('the public half of a private key', () => {
  const rsa = (type: 'pkcs1' | 'pkcs8', modulusLength: number): string =>
    generateKeyPairSync('rsa', {
      modulusLength,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type, format: 'pem' },
    }).privateKey;

  it.each([
    ['OpenSSH Ed25519', generateSshKey('x').privateKey],
    ['PEM RSA, as EC2 makes them', rsa('pkcs1', 2048)],
  ])('of %s is the one that another implementation finds', (_what, key) => {
    const other = ssh2.utils.parseKey(key);
    if (other instanceof Error) throw other;
    const [type, base64, comment] = publicKeyOf(key, 'mine').split(' ');
    expect([type, base64, comment]).toEqual([other.type, other.getPublicSSH().toString('base64'), 'mine']);
  });

  it('is not found in what is none, is cut off, or needs a passphrase, and nothing of the file is said', () => {
    const sealed = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
    }).privateKey;
    const whole = generateSshKey('x').privateKey;
    const body = whole.split('\n');
    const cut = [...body.slice(0, 2), body.at(-2), ''].join('\n');
    const curve = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'sec1', format: 'pem' },
    }).privateKey;
    expect(() => publicKeyOf(sealed, '')).toThrow('passphrase');
    expect(() => publicKeyOf(cut, '')).toThrow('cut off');
    expect(() => publicKeyOf('ssh-ed25519 AAAA', '')).toThrow('not a private key');
    expect(() => publicKeyOf(curve, '')).toThrow('RSA or Ed25519');
    expect(() => publicKeyOf(rsa('pkcs8', 2048), '')).toThrow('ssh-keygen -p'); // a login with it would fail
  });
});

describe('a console', () => {
  const keys = ['ecdsa-sha2-nistp256 AAAAE2Vj root@ip', 'ssh-ed25519 AAAAC3Nz root@ip', 'ssh-rsa AAAAB3Nz== root@ip'];
  const block = (lines: readonly string[], prefix = ''): string =>
    ['-----BEGIN SSH HOST KEY KEYS-----', ...lines, '-----END SSH HOST KEY KEYS-----']
      .map((line) => `${prefix}${line}\r\n`)
      .join('');

  it('tells the keys between its markers, whatever stands before each line', () => {
    const wanted = ['ecdsa-sha2-nistp256 AAAAE2Vj', 'ssh-ed25519 AAAAC3Nz', 'ssh-rsa AAAAB3Nz=='];
    expect(parseConsoleKeys(`boot\r\n${block(keys)}login:`)).toEqual(wanted);
    expect(parseConsoleKeys(block(keys, 'ec2: '))).toEqual(wanted);
    expect(parseConsoleKeys(block(keys, '[   12.345678] cloud-init[900]: '))).toEqual(wanted);
  });

  it('tells none that stand elsewhere, in fingerprints, or in a block that is cut off', () => {
    expect(parseConsoleKeys('ssh-ed25519 AAAAC3Nz evil')).toEqual([]);
    expect(parseConsoleKeys(block(keys).slice(0, -40))).toEqual([]);
    expect(parseConsoleKeys('-----BEGIN SSH HOST KEY FINGERPRINTS-----\n256 SHA256:x (ED25519)\n')).toEqual([]);
  });

  it('that saw two first boots tells the keys of the last', () => {
    expect(parseConsoleKeys(block(['ssh-ed25519 OLD x']) + block(['ssh-ed25519 NEW x']))).toEqual(['ssh-ed25519 NEW']);
  });
});

describe('extra volumes', () => {
  it('are read as SIZE[:TYPE[:DEVICE]]', () => {
    expect(['8', '500:st1', '20::/dev/sdm'].map(parseVolume)).toEqual([
      { sizeGiB: 8 },
      { sizeGiB: 500, type: 'st1' },
      { sizeGiB: 20, device: '/dev/sdm' },
    ]);
    for (const bad of ['', 'x', '8:gp3:/dev/sdf:y', '-1'])
      expect(() => parseVolume(bad)).toThrow('SIZE[:TYPE[:DEVICE]]');
  });

  it('get devices that neither the image nor another one has, and no more than there are', () => {
    const planned = planVolumes([{ sizeGiB: 1 }, { sizeGiB: 2, device: '/dev/sdf' }, { sizeGiB: 3 }], ['/dev/sda1']);
    expect(planned.map(({ device }) => device)).toEqual(['/dev/sdg', '/dev/sdf', '/dev/sdh']);
    expect(() => planVolumes([{ sizeGiB: 1, device: '/dev/sdf' }], ['/dev/sdf'])).toThrow('twice');
    expect(() => planVolumes(Array(12).fill({ sizeGiB: 1 }), [])).toThrow('at most 11');
  });
});

describe('types that stand in for another', () => {
  it('have its size and its architecture', () => {
    expect(siblingTypes('m7i.large')).toEqual(['m7a.large', 'm6i.large', 'm6a.large']);
    expect(siblingTypes('c7g.xlarge')).toEqual(['c6g.xlarge']);
    expect(siblingTypes('u-12tb1.metal')).toEqual([]);
  });
});
