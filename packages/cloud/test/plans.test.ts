import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { HostarkError } from '@hostark/protocol';
import fc from 'fast-check';
import ssh2 from 'ssh2';
import { describe, expect, it } from 'vitest';
import { cloudError } from '../src/aws-error.ts';
import { useKey } from '../src/bucket-key.ts';
import { bucketPlan } from '../src/bucket-plan.ts';
import { mergePolicy, type PolicyDocument } from '../src/bucket-policy.ts';
import { sameToAws } from '../src/canonical.ts';
import { layoutFolders, parseKey } from '../src/download-layout.ts';
import { isLoopback } from '../src/endpoint.ts';
import { checkHostName, hostPrefix } from '../src/host-name.ts';
import {
  checkBucketName,
  downloadCost,
  encodeSshKey,
  generateSshKey,
  planIdentity,
  storageMonthly,
} from '../src/index.ts';
import { sshSources } from '../src/network.ts';
import { hostPrice } from '../src/prices.ts';
import { hostKeyUserData } from '../src/user-data.ts';

const place = { region: 'us-east-1', partition: 'aws', account: '123456789012', endpoint: null };

describe('bucket names', () => {
  it.each(['abc', 'my.backups', 'a'.repeat(63), '1-2', 'x-backup'])('%s is accepted', (name) => {
    expect(() => checkBucketName(name)).not.toThrow();
  });
  it.each([
    'ab',
    'a'.repeat(64),
    'Backups',
    'a_b',
    '-ab',
    'ab-',
    '.ab',
    'a..b',
    '192.168.5.4',
    'xn--abc',
    'sthree-x',
    'amzn-s3-demo-x',
    'x-s3alias',
    'x--ol-s3',
    'x.mrap',
    'x--x-s3',
    'x--table-s3',
    'a b',
    'bücket',
    '',
  ])('%j is refused with its rule', (name) => {
    expect(() => checkBucketName(name)).toThrow(
      expect.objectContaining({ code: 'bucket-name', hint: expect.any(String) }),
    );
  });
});

describe('a bucket plan', () => {
  it('is plain JSON and lists the hardening', () => {
    const plan = bucketPlan(place, { name: 'backups' });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(plan.settings.map((setting) => setting.setting)).toEqual([
      'public-access-block',
      'ownership',
      'versioning',
      'encryption',
      'policy',
      'lifecycle',
      'tags',
    ]);
  });

  it('has Object Lock only when asked, in governance mode', () => {
    const plan = bucketPlan(place, { name: 'backups', objectLockDays: 30 });
    expect(plan.objectLock).toBe(true);
    expect(plan.settings.at(-1)?.wanted).toEqual({
      ObjectLockEnabled: 'Enabled',
      Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 30 } },
    });
  });

  it('refuses overwriting of what is written once, and leaves locks alone', () => {
    const text = JSON.stringify(
      bucketPlan(place, { name: 'backups' }).settings.find((one) => one.setting === 'policy')?.wanted,
    );
    for (const part of ['data/*', 'index/*', 'snapshots/*', 'keys/*', 'config'])
      expect(text).toContain(`backups/*/${part}`);
    expect(text).not.toContain('locks');
  });

  it('asks for no TLS where an endpoint has none, except on loopback', () => {
    const sids = (endpoint: string | null): string =>
      JSON.stringify(bucketPlan({ ...place, endpoint }, { name: 'backups' }).settings);
    expect(sids('http://minio.example:9000')).not.toContain('HostarkTlsOnly');
    expect(sids('http://127.0.0.1:9000')).toContain('HostarkTlsOnly');
    expect(sids(null)).toContain('HostarkTlsOnly');
  });

  it.each([0, -1, 1.5, 40_000])('refuses %s days', (days) => {
    expect(() => bucketPlan(place, { name: 'backups', expireNoncurrentDays: days })).toThrow(HostarkError);
  });

  it('costs what the price file says at the sizes asked for, and says so when it does not know', () => {
    const price = (more: object): unknown =>
      bucketPlan({ ...place, ...more }, { name: 'backups', sizesGib: [1, 2000], ...more }).price.monthly;
    expect(price({})).toEqual([
      { gib: 1, dollars: expect.closeTo(0.023) },
      { gib: 2000, dollars: expect.closeTo(46) },
    ]);
    const unknown = [
      { gib: 1, dollars: null },
      { gib: 2000, dollars: null },
    ];
    expect(price({ region: 'mars-1' })).toEqual(unknown);
    expect(price({ endpoint: 'https://s3.example.org' })).toEqual(unknown);
    expect(price({ storageClass: 'INTELLIGENT_TIERING' })).toEqual(unknown);
    expect(bucketPlan(place, { name: 'backups' }).price).toMatchObject({
      asOf: expect.any(String),
      source: expect.stringContaining('AWS'),
    });
  });

  it('moves packs to a class that can be read at once, warns of what it costs, and refuses the others', () => {
    const plan = bucketPlan(place, { name: 'backups', storageClass: 'STANDARD_IA' });
    const lifecycle = plan.settings.find(({ setting }) => setting === 'lifecycle');
    expect(lifecycle?.summary).toContain('move to STANDARD_IA after 30 days');
    expect(JSON.stringify(lifecycle?.wanted)).toContain('"ObjectSizeGreaterThan":131072');
    expect(plan.warnings.join()).toMatch(/charged for 30 days.*moving an object.*\$0\.01/);
    expect(bucketPlan(place, { name: 'backups' }).warnings).toEqual([]);
    const cold = { name: 'backups', storageClass: 'DEEP_ARCHIVE' as never };
    expect(() => bucketPlan(place, cold)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining('hours') }),
    );
  });

  it('keeps the statements of others when it replaces ours', () => {
    const theirs = {
      Version: '2012-10-17',
      Statement: [{ Sid: 'Theirs' }, { Sid: 'HostarkOld' }],
    } as unknown as PolicyDocument;
    const ours = { Version: '2012-10-17', Statement: [{ Sid: 'HostarkNew' }] } as unknown as PolicyDocument;
    expect(mergePolicy(theirs, ours).Statement.map((one) => one.Sid)).toEqual(['Theirs', 'HostarkNew']);
  });
});

describe('comparing with AWS', () => {
  it('does not mind order, lists of one, or booleans as text', () => {
    expect(sameToAws({ a: ['x'], b: true, c: ['p', 'q'] }, { c: ['q', 'p'], b: 'true', a: 'x' })).toBe(true);
    expect(sameToAws({ a: ['x', 'y'] }, { a: ['x'] })).toBe(false);
    expect(sameToAws({ a: 1, b: undefined }, { a: 1 })).toBe(true);
  });
});

describe("a host's identity", () => {
  const plan = planIdentity({ partition: 'aws', region: 'us-east-1' }, { host: 'web', bucket: 'backups' });
  const allowed = plan.policy.Statement.filter((one) => one.Effect === 'Allow');

  it('reaches nothing beyond its own prefix but agents, which it may read', () => {
    const elsewhere = allowed.filter(({ Resource }) =>
      [Resource]
        .flat()
        .some((one) => !one?.startsWith('arn:aws:s3:::backups/hosts/web/') && one !== 'arn:aws:s3:::backups'),
    );
    expect(elsewhere.map(({ Action, Resource }) => [Action, Resource])).toEqual([
      ['s3:GetObject', 'arn:aws:s3:::backups/agents/*'],
    ]);
    const list = allowed.find((one) => one.Action === 's3:ListBucket');
    expect(list?.Condition).toEqual({ StringLike: { 's3:prefix': ['hosts/web', 'hosts/web/*'] } });
  });

  it('deletes locks and nothing else', () => {
    const deletes = allowed.filter((one) => [one.Action].flat().some((action) => /Delete|\*/.test(action)));
    expect(deletes.map((one) => [one.Action, one.Resource])).toEqual([
      ['s3:DeleteObject', 'arn:aws:s3:::backups/hosts/web/locks/*'],
    ]);
  });

  it('creates config and keys only when it is to initialize', () => {
    const writes = (initialize: boolean): string =>
      JSON.stringify(
        planIdentity(
          { partition: 'aws', region: 'us-east-1' },
          { host: 'web', bucket: 'backups', initialize },
        ).policy.Statement.filter((one) => one.Sid === 'CreateOwn'),
      );
    expect(writes(false)).not.toMatch(/keys|config/);
    expect(writes(true)).toMatch(/keys.*|config/);
  });

  it.each(['*', 'a*b', '$'.concat('{aws:username}'), 'a b', 'a//b', '/'])('refuses the prefix %j', (prefix) => {
    expect(() =>
      planIdentity({ partition: 'aws', region: 'us-east-1' }, { host: 'web', bucket: 'backups', prefix }),
    ).toThrow(HostarkError);
  });

  it('has prefixes with one slash at the end, and no other host below them', () => {
    expect(hostPrefix('web', undefined)).toBe('hosts/web/');
    expect(hostPrefix('web', '/a/b//'.replace('//', '/'))).toBe('a/b/');
  });
});

describe('the key of a bucket', () => {
  it('is a resource, and by its alias a condition, since KMS knows aliases nowhere else', () => {
    const key = 'arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555';
    expect(useKey(key)).toMatchObject({ Effect: 'Allow', Resource: key });
    expect(useKey(key)).not.toHaveProperty('Condition');
    expect(useKey('arn:aws:kms:eu-west-1:123456789012:alias/back/ups')).toMatchObject({
      Resource: 'arn:aws:kms:eu-west-1:123456789012:key/*',
      Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/back/ups' } },
    });
  });
});

describe('host names', () => {
  it.each(['web', 'web-1', '1', 'a'.repeat(40)])('%s is accepted', (name) =>
    expect(() => checkHostName(name)).not.toThrow(),
  );
  it.each(['', 'Web', '-a', 'a-', 'a_b', 'a.b', '../x', 'a'.repeat(41)])('%j is refused', (name) => {
    expect(() => checkHostName(name)).toThrow(HostarkError);
  });
});

describe('SSH sources', () => {
  it('are loopback on a loopback endpoint, and must be named elsewhere', () => {
    expect(sshSources(undefined, 'http://127.0.0.1:1')).toEqual(['127.0.0.1/32']);
    expect(() => sshSources([], null)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
  it('may be plain addresses, and never everybody', () => {
    expect(sshSources(['203.0.113.7', '10.0.0.0/8'], null)).toEqual(['203.0.113.7/32', '10.0.0.0/8']);
    for (const bad of ['0.0.0.0/0', '1.2.3', '1.2.3.256', '1.2.3.4/33', 'example.org']) {
      expect(() => sshSources([bad], null)).toThrow(HostarkError);
    }
  });
});

describe('keys', () => {
  it('are read back by another implementation, and the halves belong together', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.string({ unit: 'grapheme-ascii' }),
        (seed, comment) => {
          const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
          const { x } = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
          const pair = encodeSshKey(
            seed,
            Buffer.from(x!, 'base64url'),
            comment.replaceAll(/\s/g, '-'),
            Buffer.from([1, 2, 3, 4]),
          );
          const key = ssh2.utils.parseKey(pair.privateKey);
          if (key instanceof Error) throw key;
          const signature = key.sign(Buffer.from('message'));
          const reader = ssh2.utils.parseKey(pair.publicKey);
          if (reader instanceof Error || signature instanceof Error) throw new Error('unreadable');
          expect(reader.verify(Buffer.from('message'), signature as unknown as Buffer)).toBe(true);
        },
      ),
      { seed: 3, numRuns: 50 },
    );
  });

  const keygen = spawnSync('ssh-keygen', ['-?']).error === undefined;
  it.skipIf(!keygen)('are read by ssh-keygen (needs ssh-keygen on the PATH)', () => {
    const directory = mkdtempSync(join(tmpdir(), 'hostark-keys-'));
    const pair = generateSshKey('comment');
    writeFileSync(join(directory, 'id'), pair.privateKey, { mode: 0o600 });
    const derived = spawnSync('ssh-keygen', ['-y', '-f', join(directory, 'id')])
      .stdout.toString()
      .trim();
    rmSync(directory, { recursive: true });
    expect(derived).toBe(pair.publicKey);
  });

  it('differ each time', () => {
    expect(generateSshKey('a').publicKey).not.toBe(generateSshKey('a').publicKey);
  });
});

describe('user data', () => {
  it('is a cloud-config with the host key indented as one block', () => {
    const pair = generateSshKey('web-host-key');
    const lines = hostKeyUserData(pair).split('\n');
    expect(lines[0]).toBe('#cloud-config');
    const start = lines.indexOf('  ed25519_private: |') + 1;
    const block = lines.slice(
      start,
      lines.findIndex((line) => line.startsWith('  ed25519_public')),
    );
    expect(`${block.map((line) => line.slice(4)).join('\n')}\n`).toBe(pair.privateKey);
    expect(lines.find((line) => line.startsWith('  ed25519_public: '))).toBe(`  ed25519_public: ${pair.publicKey}`);
  });
});

describe('keys of a repository in a bucket', () => {
  const name = 'ab'.repeat(32);
  it('become paths, and strangers are ignored', () => {
    expect(parseKey(`p/data/ab/${name}`, 'p/', 5)).toEqual({
      kind: 'data',
      name,
      key: `p/data/ab/${name}`,
      path: `data/ab/${name}`,
      bytes: 5,
      storageClass: 'STANDARD',
    });
    expect(parseKey(`snapshots/${name}`, '', 5)?.kind).toBe('snapshots');
    for (const stranger of [
      `p/data/cd/${name}`,
      `p/data/${name}`,
      `p/locks/${name}`,
      'p/config',
      `p/index/${name}.tmp`,
      `p/../${name}`,
      `q/data/ab/${name}`,
    ]) {
      expect(parseKey(stranger, 'p/', 5)).toBeNull();
    }
  });
  it('have 256 folders of packs', () => expect(layoutFolders().length).toBe(5 + 256));
});

describe('prices', () => {
  it('are known for the region of the file and null elsewhere', () => {
    const host = { instanceType: 't3.small', volumes: [{ sizeGiB: 10, type: 'gp3' }], addresses: 1 };
    const here = hostPrice({ ...host, region: 'us-east-1' });
    expect(here).toMatchObject({ complete: true, asOf: expect.stringMatching(/^\d{4}-\d\d$/) });
    expect(here.parts.map(({ what, monthly }) => [what, Number(monthly?.toFixed(2))])).toEqual([
      ['instance t3.small', 15.18],
      ['volume 10 GiB gp3', 0.8],
      ['public address', 3.65],
    ]);
    expect(here.monthly).toBeCloseTo(19.63, 2);
    expect(hostPrice({ ...host, region: 'eu-west-1' })).toMatchObject({ complete: false, monthly: 0 });
    const odd = hostPrice({ ...host, region: 'us-east-1', instanceType: 'u-12tb1.metal' });
    expect([odd.parts[0]?.hourly, odd.complete, odd.monthly]).toEqual([null, false, expect.closeTo(4.45)]);
    expect(hostPrice({ ...host, region: 'us-east-1', spot: true }).complete).toBe(false);
    expect(storageMonthly('us-east-1', 'STANDARD', 100 * 2 ** 30)).toBeCloseTo(2.3);
    expect(downloadCost('us-east-1', 'STANDARD', 2 ** 30, 1_000)).toBeCloseTo(0.0904);
    expect(downloadCost('mars-1', 'STANDARD', 1, 1)).toBeNull();
  });
});

describe('endpoints', () => {
  it('are loopback or not', () => {
    for (const url of ['http://127.0.0.1:4', 'http://localhost:4', 'http://a.localhost', 'http://[::1]:4'])
      expect(isLoopback(url)).toBe(true);
    for (const url of [null, 'https://s3.example', 'https://127.example.org']) expect(isLoopback(url)).toBe(false);
  });
});

describe('errors of the cloud', () => {
  const sdk = (name: string, more: object = {}): Error => Object.assign(new Error('said'), { name, ...more });
  it.each([
    ['ExpiredToken', {}, 'cloud-auth'],
    ['CredentialsProviderError', {}, 'cloud-auth'],
    ['InvalidClientTokenId', { $metadata: { httpStatusCode: 403 } }, 'cloud-auth'],
    ['UnauthorizedOperation', {}, 'cloud-denied'],
    ['403', { $metadata: { httpStatusCode: 403 } }, 'cloud-denied'],
    ['RequestLimitExceeded', {}, 'cloud-unavailable'],
    ['Whatever', { $metadata: { httpStatusCode: 503 } }, 'cloud-unavailable'],
    ['Error', { code: 'ECONNREFUSED' }, 'cloud-unavailable'],
    ['InvalidParameterValue', { $metadata: { httpStatusCode: 400 } }, 'cloud-refused'],
    ['AbortError', {}, 'interrupted'],
  ])('%s becomes its code, with a hint and its cause', (name, more, code) => {
    const error = cloudError(
      'ec2',
      'RunInstances',
      sdk(name, { ...more, $response: { headers: { authorization: 'secret' } } }),
    );
    expect(error).toMatchObject({
      code,
      cause: { name, message: 'said' },
      context: { action: 'ec2:RunInstances', awsCode: name },
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('authorization');
  });

  it('names the right that is missing as AWS does, where that differs from the call', () => {
    const denied = (operation: string, message: string): unknown =>
      cloudError('s3', operation, Object.assign(new Error(message), { name: 'AccessDenied' }));
    const said = 'User: u is not authorized to perform: s3:GetBucketPublicAccessBlock on resource: "b"';
    expect(denied('GetPublicAccessBlock', said)).toMatchObject({
      hint: expect.stringContaining('allow s3:GetBucketPublicAccessBlock,'),
    });
    expect(denied('HeadObject', '')).toMatchObject({ hint: expect.stringContaining('allow s3:GetObject,') });
  });
});
