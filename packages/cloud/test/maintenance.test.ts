import * as s3 from '@aws-sdk/client-s3';
import { GetObjectCommand, ListObjectVersionsCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AwsClients,
  awsClients,
  createBucket,
  createIdentity,
  planBucket,
  planCleanup,
  planIdentity,
  planMaintenance,
  removeMaintenance,
  runMaintenance,
  showMaintenance,
} from '../src/index.ts';
import { maintenanceRoleName } from '../src/maintenance.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
const Bucket = 'maintained';
const opened: AwsClients[] = [];

beforeAll(async () => {
  cloud = await startTestCloud();
  await createBucket(cloud.clients, await planBucket(cloud.clients, { name: Bucket }), { ledger: cloud.ledger });
});
afterAll(async () => {
  for (const clients of opened) clients.close();
  await cloud.stop();
});

/** Clients with a session of the role, taken as the administrator or as `from`. */
async function assume(
  RoleArn: string,
  from: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } = cloud.sandbox.adminCredentials,
): Promise<{ s3: S3Client; credentials: Required<typeof from> }> {
  const { endpoint, region } = cloud.sandbox;
  const sts = new STSClient({ endpoint, region, credentials: from });
  try {
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'test' }));
    const credentials = {
      accessKeyId: Credentials!.AccessKeyId!,
      secretAccessKey: Credentials!.SecretAccessKey!,
      sessionToken: Credentials!.SessionToken!,
    };
    const clients = await awsClients({ endpoint, region, credentials, maxAttempts: 1 });
    opened.push(clients);
    return { s3: await clients.s3(), credentials };
  } finally {
    sts.destroy();
  }
}

describe('a maintenance role', () => {
  it('is planned, made once, shown, and kept by cleanup', async () => {
    const plan = await planMaintenance(cloud.clients, { bucket: Bucket });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(await showMaintenance(cloud.clients, Bucket)).toBeNull();
    const role = await runMaintenance(cloud.clients, plan, { ledger: cloud.ledger });
    expect(role).toMatchObject({ roleArn: plan.roleArn, trust: plan.trust, policy: plan.policy, instanceProfiles: [] });
    await runMaintenance(cloud.clients, plan, { ledger: cloud.ledger });
    const open = (await cloud.ledger.openResources()).filter(({ kind }) => kind === 'role');
    expect(open.map(({ name, state }) => [name, state])).toEqual([[plan.roleName, 'created']]);
    const cleanup = await planCleanup(cloud.clients, cloud.ledger);
    expect(cleanup.removals).toEqual([]);
    expect(cleanup.kept).toMatchObject([{ kind: 'role', name: plan.roleName }]);
  });

  it('deletes below the bucket, and touches neither old versions nor the bucket', async () => {
    const admin = await cloud.clients.s3();
    const Key = `hosts/web/snapshots/${'a'.repeat(64)}`;
    await admin.send(new PutObjectCommand({ Bucket, Key, Body: 'history', IfNoneMatch: '*' }));
    const { roleArn } = (await showMaintenance(cloud.clients, Bucket))!;
    const { s3: role } = await assume(roleArn);
    await role.send(new s3.DeleteObjectCommand({ Bucket, Key }));
    await expect(role.send(new GetObjectCommand({ Bucket, Key }))).rejects.toMatchObject({ context: { status: 404 } });
    const { Versions } = await admin.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key }));
    const VersionId = Versions![0]!.VersionId!;
    const refused = { code: 'cloud-denied' };
    await expect(role.send(new s3.DeleteObjectCommand({ Bucket, Key, VersionId }))).rejects.toMatchObject(refused);
    await expect(role.send(new s3.DeleteBucketPolicyCommand({ Bucket }))).rejects.toMatchObject(refused);
    await expect(role.send(new s3.DeleteBucketLifecycleCommand({ Bucket }))).rejects.toMatchObject(refused);
    const VersioningConfiguration = { Status: 'Suspended' } as const;
    await expect(
      role.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration })),
    ).rejects.toMatchObject(refused);
  });

  it('can be taken by no host: its trust names no service and refuses the roles that hosts have', async () => {
    const { roleArn, trust } = (await showMaintenance(cloud.clients, Bucket))!;
    expect(JSON.stringify(trust)).not.toMatch(/amazonaws\.com|Service/);
    const host = planIdentity({ partition: 'aws', region: 'us-east-1' }, { host: 'web', bucket: Bucket });
    const account = { AWS: `arn:aws:iam::${cloud.sandbox.accountId}:root` };
    const Statement = [{ Effect: 'Allow', Principal: account, Action: 'sts:AssumeRole' }] as const;
    const generous = [...host.policy.Statement, { Effect: 'Allow', Action: 'sts:*', Resource: '*' }] as const;
    const plan = {
      ...host,
      trust: { Version: '2012-10-17', Statement },
      policy: { Version: '2012-10-17', Statement: generous },
    } as const;
    const { roleName } = await createIdentity(cloud.clients, plan, { ledger: cloud.ledger });
    const session = await assume(`arn:aws:iam::${cloud.sandbox.accountId}:role/hostark/${roleName}`);
    await expect(assume(roleArn, session.credentials)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('takes a user or a role as its principal, demands a second factor when told to, and refuses services', async () => {
    const principal = `arn:aws:iam::${cloud.sandbox.accountId}:user/operator`;
    const plan = await planMaintenance(cloud.clients, { bucket: Bucket, principal, mfa: true, prefix: 'hosts/web' });
    expect(plan.trust.Statement[0]).toMatchObject({
      Principal: { AWS: principal },
      Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } },
    });
    expect(JSON.stringify(plan.policy)).toContain(`${Bucket}/hosts/web/*`);
    for (const bad of ['ec2.amazonaws.com', '*', 'operator'])
      await expect(planMaintenance(cloud.clients, { bucket: Bucket, principal: bad })).rejects.toMatchObject({
        code: 'usage',
      });
    await expect(planMaintenance(cloud.clients, { bucket: 'nobody-made-this' })).rejects.toMatchObject({
      code: 'no-repository',
    });
  });

  it('that a killed run left without its policy is found by cleanup, and finished by the next run', async () => {
    const ledger = await cloud.freshLedger();
    await createBucket(cloud.clients, await planBucket(cloud.clients, { name: 'second-bucket' }), { ledger });
    const plan = await planMaintenance(cloud.clients, { bucket: 'second-bucket' });
    const killed = await cloud.connect({
      observer: {
        before: ({ operation }) => {
          if (operation === 'PutRolePolicy') throw new Error('killed');
        },
      },
    });
    await expect(runMaintenance(killed, plan, { ledger })).rejects.toThrow('killed');
    expect((await planCleanup(cloud.clients, ledger)).removals).toMatchObject([{ name: plan.roleName }]);
    expect((await runMaintenance(cloud.clients, plan, { ledger })).policy).toEqual(plan.policy);
    expect(await removeMaintenance(cloud.clients, 'second-bucket', { ledger })).toBe(true);
    expect(await removeMaintenance(cloud.clients, 'second-bucket', { ledger })).toBe(false);
    expect((await ledger.openResources()).filter(({ kind }) => kind === 'role')).toEqual([]);
  });

  it('has a name that IAM takes, whatever the bucket is called', () => {
    expect(maintenanceRoleName('a'.repeat(63)).length).toBeLessThanOrEqual(64);
    expect(maintenanceRoleName(`${'a'.repeat(62)}b`)).not.toBe(maintenanceRoleName('a'.repeat(63)));
  });
});
