/** AWS on a bad day: throttling, lost answers, things that are not known everywhere yet. */
import { readFileSync } from 'node:fs';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { connectSsh, type Session } from '@hostark/remote';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type AwsClients,
  awsClients,
  createBucket,
  destroyHost,
  type Host,
  type LaunchPlan,
  type Ledger,
  launchHost,
  planBucket,
  planCleanup,
  planDestroy,
  planLaunch,
  runCleanup,
} from '../src/index.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
let before: unknown;
beforeAll(async () => {
  cloud = await startTestCloud();
  await createBucket(cloud.clients, await planBucket(cloud.clients, { name: 'weather-test' }), {
    ledger: cloud.ledger,
  });
  await planLaunch(cloud.clients, { name: 'warm-up' });
  before = await cloud.sandbox.inventory();
});
afterEach(() => cloud.sandbox.faults.clear());
afterAll(() => cloud.stop());

function plan(clients: AwsClients = cloud.clients): Promise<LaunchPlan> {
  return planLaunch(clients, { name: 'storm', bucket: 'weather-test', initialize: true });
}

async function launch(ledger: Ledger, clients: AwsClients = cloud.clients, planned?: LaunchPlan): Promise<Host> {
  return await launchHost(clients, planned ?? (await plan(clients)), { ledger });
}

async function destroy(ledger: Ledger): Promise<void> {
  await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'storm'), { ledger });
  expect(await cloud.sandbox.inventory()).toEqual(before);
  expect(await ledger.openResources()).toEqual([]);
}

const CREATES = [
  ['iam', 'CreateRole'],
  ['iam', 'CreateInstanceProfile'],
  ['iam', 'AddRoleToInstanceProfile'],
  ['ec2', 'ImportKeyPair'],
  ['ec2', 'CreateSecurityGroup'],
  ['ec2', 'AuthorizeSecurityGroupIngress'],
  ['ec2', 'RunInstances'],
] as const;

describe('a launch', () => {
  it('lives through the loss of the answer to every create call', async () => {
    const rules = CREATES.map(([service, operation]) =>
      cloud.sandbox.faults.add({ service, operation, kind: 'drop', when: 'after' }),
    );
    const ledger = await cloud.freshLedger();
    await launch(ledger);
    expect(rules.map((rule) => rule.struck)).toEqual(CREATES.map(() => 1));
    await destroy(ledger);
  });

  it('lives through throttling of every call', async () => {
    for (const [service, operation] of CREATES) {
      const code = service === 'ec2' ? 'RequestLimitExceeded' : 'Throttling';
      cloud.sandbox.faults.add({ service, operation, kind: 'error', code, status: service === 'ec2' ? 503 : 400 });
    }
    const ledger = await cloud.freshLedger();
    await launch(ledger);
    await destroy(ledger);
  });

  it('waits until EC2 knows the instance profile, and IAM its own role', async () => {
    const late = { kind: 'error', status: 400, times: 2 } as const;
    const planned = await plan();
    const rules = [
      cloud.sandbox.faults.add({
        ...late,
        service: 'ec2',
        operation: 'RunInstances',
        code: 'InvalidParameterValue',
        message: 'Value (x) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN',
      }),
      cloud.sandbox.faults.add({
        ...late,
        service: 'iam',
        operation: 'PutRolePolicy',
        status: 404,
        code: 'NoSuchEntity',
      }),
      cloud.sandbox.faults.add({
        ...late,
        service: 'ec2',
        operation: 'AuthorizeSecurityGroupIngress',
        code: 'InvalidGroup.NotFound',
      }),
      cloud.sandbox.faults.add({
        ...late,
        service: 'ec2',
        operation: 'DescribeInstances',
        code: 'InvalidInstanceID.NotFound',
      }),
    ];
    const ledger = await cloud.freshLedger();
    await launch(ledger, cloud.clients, planned);
    expect(rules.map((rule) => rule.struck)).toEqual([2, 2, 2, 2]);
    await destroy(ledger);
  });

  it('says what to change when the zone has no such instance left, and goes on from there', async () => {
    const ledger = await cloud.freshLedger();
    const planned = await plan();
    const fault = cloud.sandbox.faults.add({
      service: 'ec2',
      operation: 'RunInstances',
      kind: 'error',
      status: 400,
      code: 'InsufficientInstanceCapacity',
      times: 99,
    });
    await expect(launch(ledger, cloud.clients, planned)).rejects.toMatchObject({
      code: 'cloud-refused',
      message: expect.stringMatching(/t3.small in us-east-1a, t3.small in us-east-1b, t3.small in us-east-1c/),
      hint: expect.stringContaining('--zone'),
    });
    fault.remove();
    await launch(ledger);
    // What was created before is reused; the refused instance was never there, and its entry is closed.
    expect((await ledger.entries()).map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      'role created',
      'instance-profile created',
      'key-pair created',
      'security-group created',
      'instance deleted',
      'instance created',
    ]);
    await destroy(ledger);
  });

  it('that may not do something names the action', async () => {
    const ledger = await cloud.freshLedger();
    cloud.sandbox.faults.add({
      service: 'ec2',
      operation: 'CreateSecurityGroup',
      kind: 'error',
      status: 403,
      code: 'UnauthorizedOperation',
    });
    await expect(launch(ledger)).rejects.toMatchObject({
      code: 'cloud-denied',
      message: expect.stringContaining('ec2:CreateSecurityGroup'),
    });
    await runCleanup(cloud.clients, await planCleanup(cloud.clients, ledger), { ledger });
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('can be given up while it waits, and leaves nothing after cleanup', async () => {
    const ledger = await cloud.freshLedger();
    const stop = new AbortController();
    const plan = await planLaunch(cloud.clients, { name: 'storm', bucket: 'weather-test' });
    const running = launchHost(cloud.clients, plan, {
      ledger,
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step.startsWith('wait') && stop.abort(),
    });
    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
    await runCleanup(cloud.clients, await planCleanup(cloud.clients, ledger), { ledger });
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });
});

describe('a destruction', () => {
  it('goes on after one stubborn resource, names it, and finishes the next time', async () => {
    const ledger = await cloud.freshLedger();
    await launch(ledger);
    const fault = cloud.sandbox.faults.add({
      service: 'ec2',
      operation: 'DeleteKeyPair',
      kind: 'error',
      status: 403,
      code: 'UnauthorizedOperation',
      times: 99,
    });
    const plan = await planDestroy(cloud.clients, ledger, 'storm');
    await expect(destroyHost(cloud.clients, plan, { ledger })).rejects.toMatchObject({
      code: 'leftovers',
      message: expect.stringMatching(/key-pair key-.*DeleteKeyPair/),
    });
    expect((await ledger.openResources()).map((entry) => entry.kind)).toEqual(['key-pair']);
    fault.remove();
    await destroy(ledger);
  });

  it('waits while a network interface still holds the group', async () => {
    const ledger = await cloud.freshLedger();
    await launch(ledger);
    const fault = cloud.sandbox.faults.add({
      service: 'ec2',
      operation: 'DeleteSecurityGroup',
      kind: 'error',
      status: 400,
      code: 'DependencyViolation',
      times: 2,
    });
    await destroy(ledger);
    expect(fault.struck).toBe(2);
  });
});

describe("a host's own credentials", () => {
  let ledger: Ledger;
  let session: Session;
  let asHost: AwsClients;
  const prefix = 'hosts/storm';
  const name = 'ab'.repeat(32);

  beforeAll(async () => {
    ledger = await cloud.freshLedger();
    const host = await launch(ledger);
    session = await connectSsh({
      host: host.address!,
      port: host.port,
      user: host.user,
      privateKey: readFileSync(host.privateKeyFile!, 'utf8'),
      hostKeys: host.hostKeys,
      waitMs: 30_000,
    });
    asHost = await hostCredentials(session);
    const s3 = await cloud.clients.s3();
    await s3.send(
      new PutObjectCommand({
        Bucket: 'weather-test',
        Key: `hosts/other/data/ab/${name}`,
        Body: 'theirs',
        IfNoneMatch: '*',
      }),
    );
  });
  afterAll(async () => {
    asHost.close();
    await session.close();
    await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'storm'), { ledger });
  });

  const put = async (Key: string, more: object = { IfNoneMatch: '*' }): Promise<unknown> =>
    (await asHost.s3()).send(new PutObjectCommand({ Bucket: 'weather-test', Key, Body: 'x', ...more }));
  const remove = async (Key: string, more: object = {}): Promise<unknown> =>
    (await asHost.s3()).send(new DeleteObjectCommand({ Bucket: 'weather-test', Key, ...more }));

  it('create, read and list below its own prefix, and come and go with locks', async () => {
    for (const path of [
      'config',
      `keys/${name}`,
      `data/ab/${name}`,
      `index/${name}`,
      `snapshots/${name}`,
      `locks/${name}`,
    ]) {
      await put(`${prefix}/${path}`);
    }
    const s3 = await asHost.s3();
    await s3.send(new GetObjectCommand({ Bucket: 'weather-test', Key: `${prefix}/config` }));
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'weather-test', Prefix: `${prefix}/data/` }));
    expect(listed.KeyCount).toBe(1);
    await remove(`${prefix}/locks/${name}`);
  });

  it.each([
    ['overwrite a pack', () => put(`${prefix}/data/ab/${name}`, {})],
    ['overwrite the config', () => put(`${prefix}/config`, {})],
    ['overwrite a snapshot', () => put(`${prefix}/snapshots/${name}`, {})],
    ['write elsewhere below its prefix', () => put(`${prefix}/other`)],
    ['delete a pack', () => remove(`${prefix}/data/ab/${name}`)],
    ['delete a snapshot', () => remove(`${prefix}/snapshots/${name}`)],
    ['delete a version', () => remove(`${prefix}/locks/${name}`, { VersionId: 'null' })],
    [
      'read another host',
      async () =>
        (await asHost.s3()).send(new GetObjectCommand({ Bucket: 'weather-test', Key: `hosts/other/data/ab/${name}` })),
    ],
    [
      'list another host',
      async () =>
        (await asHost.s3()).send(new ListObjectsV2Command({ Bucket: 'weather-test', Prefix: 'hosts/other/' })),
    ],
    [
      'list the whole bucket',
      async () => (await asHost.s3()).send(new ListObjectsV2Command({ Bucket: 'weather-test' })),
    ],
    ['write for another host', () => put(`hosts/other/locks/${name}`)],
    ['write for a host whose name starts alike', () => put(`hosts/storm-2/locks/${name}`)],
    [
      'change the bucket policy',
      async () =>
        (await asHost.s3()).send(
          new PutBucketPolicyCommand({ Bucket: 'weather-test', Policy: '{"Version":"2012-10-17","Statement":[]}' }),
        ),
    ],
  ])('may not %s', async (_what, act) => {
    await expect(act()).rejects.toMatchObject({ code: 'cloud-denied' });
  });

  it('lose the right to add keys when the identity is narrowed after the first backup', async () => {
    const { createIdentity, planIdentity } = await import('../src/index.ts');
    await createIdentity(cloud.clients, planIdentity(cloud.clients, { host: 'storm', bucket: 'weather-test' }), {
      ledger,
    });
    await expect(put(`${prefix}/keys/${'cd'.repeat(32)}`)).rejects.toMatchObject({ code: 'cloud-denied' });
    await put(`${prefix}/data/cd/${'cd'.repeat(32)}`);
    expect((await ledger.entries()).length).toBe(5);
  });
});

/** What the host itself gets from its metadata endpoint (IMDSv2), fetched there. */
async function hostCredentials(session: Session): Promise<AwsClients> {
  const script = `
const base = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? 'http://169.254.169.254';
const token = await (await fetch(base + '/latest/api/token', { method: 'PUT', headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' } })).text();
const get = async (p) => (await fetch(base + '/latest/meta-data/iam/security-credentials/' + p, { headers: { 'x-aws-ec2-metadata-token': token } })).text();
console.log(await get((await get('')).trim()));`;
  const { stdout, stderr } = await session.exec(`${process.execPath} --input-type=module -`, { stdin: script });
  if (!stdout.startsWith('{')) throw new Error(`no credentials: ${stdout} ${stderr}`);
  const { AccessKeyId, SecretAccessKey, Token } = JSON.parse(stdout) as Record<string, string>;
  return await awsClients({
    endpoint: cloud.sandbox.endpoint,
    region: cloud.sandbox.region,
    credentials: { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: Token! },
  });
}
