import { DescribeRegionsCommand, DescribeVpcsCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { fromInstanceMetadata } from '@smithy/credential-provider-imds';
import { describe, expect, test } from 'vitest';
import { EC2_TRUST, ec2Client, iamClient, launch, newKey } from '../ec2/cloud.ts';
import { policyText, refusal, sandbox } from '../harness.ts';

const clock = { ms: Date.now() };
const box = await sandbox({ now: () => clock.ms });
const ec2 = ec2Client(box);
const iam = iamClient(box);
await newKey(ec2, 'key');
await iam.send(new CreateRoleCommand({ RoleName: 'host', AssumeRolePolicyDocument: EC2_TRUST }));
const PolicyDocument = policyText({ Effect: 'Allow', Action: 'ec2:DescribeRegions', Resource: '*' });
await iam.send(new PutRolePolicyCommand({ RoleName: 'host', PolicyName: 'p', PolicyDocument }));
await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: 'host' }));
await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: 'host', RoleName: 'host' }));
const instance = await launch(ec2, {
  KeyName: 'key',
  IamInstanceProfile: { Name: 'host' },
  UserData: Buffer.from('hello').toString('base64'),
});
const port = (await box.inventory()).find((entry) => entry.id === instance.InstanceId)?.detail?.metadataPort;
const base = `http://127.0.0.1:${port}/latest`;

async function token(seconds = 60): Promise<string> {
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': String(seconds) };
  return (await fetch(`${base}/api/token`, { method: 'PUT', headers })).text();
}

async function get(path: string, with_?: string): Promise<{ status: number; text: string }> {
  const headers = { 'X-aws-ec2-metadata-token': with_ ?? (await token()) };
  const answer = await fetch(`${base}/${path}`, { headers });
  return { status: answer.status, text: await answer.text() };
}

interface Credentials {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  readonly Expiration: string;
}

const CREDENTIALS = 'meta-data/iam/security-credentials/host';

describe('the metadata endpoint', () => {
  test('wants a token made by PUT, for a limited time, and no forwarding', async () => {
    expect((await fetch(`${base}/meta-data/`)).status).toBe(401);
    expect((await get('meta-data/', 'wrong')).status).toBe(401);
    expect((await fetch(`${base}/api/token`)).status).toBe(405);
    expect((await fetch(`${base}/api/token`, { method: 'PUT' })).status).toBe(400);
    const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60', 'X-Forwarded-For': '10.0.0.1' };
    expect((await fetch(`${base}/api/token`, { method: 'PUT', headers })).status).toBe(403);
    const short = await token(1);
    expect((await get('meta-data/', short)).status).toBe(200);
    clock.ms += 2000;
    expect((await get('meta-data/', short)).status).toBe(401);
  });

  test.each([
    ['meta-data/instance-id', instance.InstanceId],
    ['meta-data/placement/region', 'us-east-1'],
    ['meta-data/placement/availability-zone', instance.Placement?.AvailabilityZone],
    ['meta-data/local-ipv4', instance.PrivateIpAddress],
    ['meta-data/iam/security-credentials/', 'host'],
    ['meta-data/public-keys/', '0=key'],
    ['user-data', 'hello'],
  ])('shows %s', async (path, value) => {
    expect(await get(path)).toEqual({ status: 200, text: value });
  });

  test('lists folders, and answers 404 for what is not there', async () => {
    expect((await get('meta-data/iam/')).text).toBe('info\nsecurity-credentials\nsecurity-credentials/');
    expect((await get('meta-data/nothing')).status).toBe(404);
    expect((await get('meta-data/public-keys/0/openssh-key')).text).toMatch(/^ssh-ed25519 \S+ key\n$/);
  });

  test('describes the instance in its identity document', async () => {
    const document = JSON.parse((await get('dynamic/instance-identity/document')).text) as Record<string, string>;
    expect(document).toMatchObject({ instanceId: instance.InstanceId, accountId: box.accountId, region: 'us-east-1' });
  });

  test('hands out credentials that the services accept within the role’s policy', async () => {
    process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = `http://127.0.0.1:${port}`;
    const keys = await fromInstanceMetadata({ timeout: 2000 })();
    delete process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
    const client = ec2Client(box, { ...keys, sessionToken: keys.sessionToken ?? '' });
    expect((await client.send(new DescribeRegionsCommand({}))).Regions?.length).toBeGreaterThan(1);
    const denied = await refusal(client.send(new DescribeVpcsCommand({})));
    expect(denied.code).toBe('UnauthorizedOperation');
  });

  test('renews credentials before they end; the old ones then expire', async () => {
    const first = JSON.parse((await get(CREDENTIALS)).text) as Credentials;
    expect(JSON.parse((await get(CREDENTIALS)).text)).toEqual(first);
    clock.ms += 5.5 * 3600_000;
    const second = JSON.parse((await get(CREDENTIALS)).text) as Credentials;
    expect(second.AccessKeyId).not.toBe(first.AccessKeyId);
    clock.ms += 3600_000;
    const old = { accessKeyId: first.AccessKeyId, secretAccessKey: first.SecretAccessKey, sessionToken: first.Token };
    // Requests must be signed by the sandbox's clock, which has moved on.
    const { EC2Client } = await import('@aws-sdk/client-ec2');
    const client = new EC2Client({
      endpoint: box.endpoint,
      region: box.region,
      credentials: old,
      maxAttempts: 1,
      systemClockOffset: clock.ms - Date.now(),
    });
    const answer = await refusal(client.send(new DescribeRegionsCommand({})));
    client.destroy();
    expect(answer.code).toMatch(/ExpiredToken|RequestExpired/);
  });

  test('says when EC2 may not assume the role', async () => {
    const { IAMClient } = await import('@aws-sdk/client-iam');
    const admin = new IAMClient({
      endpoint: box.endpoint,
      region: box.region,
      credentials: { ...box.adminCredentials },
      systemClockOffset: clock.ms - Date.now(),
    });
    const other = EC2_TRUST.replace('ec2.amazonaws.com', 'lambda.amazonaws.com');
    await admin.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'host', PolicyDocument: other }));
    admin.destroy();
    expect(JSON.parse((await get(CREDENTIALS)).text)).toMatchObject({ Code: 'AssumeRoleUnauthorizedAccess' });
  });

  test('ends with the instance', async () => {
    const { EC2Client } = await import('@aws-sdk/client-ec2');
    const admin = new EC2Client({
      endpoint: box.endpoint,
      region: box.region,
      credentials: { ...box.adminCredentials },
      systemClockOffset: clock.ms - Date.now(),
    });
    await admin.send(new TerminateInstancesCommand({ InstanceIds: [instance.InstanceId ?? ''] }));
    const deadline = Date.now() + 10_000;
    const answers = async (): Promise<boolean> =>
      fetch(base).then(
        () => true,
        () => false,
      );
    while ((await answers()) && Date.now() < deadline) await new Promise((done) => setTimeout(done, 20));
    admin.destroy();
    expect(await answers()).toBe(false);
  });
});
