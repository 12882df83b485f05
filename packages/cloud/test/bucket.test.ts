import { inspect } from 'node:util';
import { PutBucketPolicyCommand, PutBucketVersioningCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  auditBucket,
  awsClients,
  type CloudEvent,
  createBucket,
  fixBucket,
  planBucket,
  showBucket,
} from '../src/index.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.stop());

describe('a bucket', () => {
  it('is created with every setting, and audited as wanted', async () => {
    const plan = await planBucket(cloud.clients, { name: 'first-backups' });
    const events: CloudEvent[] = [];
    const report = await createBucket(cloud.clients, plan, {
      ledger: cloud.ledger,
      onEvent: (event) => events.push(event),
    });
    expect(report.created).toBe(true);
    expect(report.settings.map((setting) => setting.setting)).toEqual(plan.settings.map((setting) => setting.setting));
    expect(events[0]).toMatchObject({ type: 'step', step: 'create', state: 'started', id: 'first-backups' });
    const audit = await auditBucket(cloud.clients, plan);
    expect(audit.findings.filter((finding) => finding.state !== 'as-wanted')).toEqual([]);
    expect(audit).toMatchObject({ exists: true, asWanted: true });
  });

  it('is on the ledger and carries its tags', async () => {
    const [entry] = await cloud.ledger.openResources();
    expect(entry).toMatchObject({ kind: 'bucket', name: 'first-backups', state: 'created', resource: 'first-backups' });
    const audit = await auditBucket(cloud.clients, await planBucket(cloud.clients, { name: 'first-backups' }));
    const tags = audit.findings.find((finding) => finding.setting.setting === 'tags')?.found;
    expect(tags).toMatchObject({ ...entry!.tags });
  });

  it('is left alone by a second run', async () => {
    const plan = await planBucket(cloud.clients, { name: 'first-backups' });
    const report = await createBucket(cloud.clients, plan, { ledger: cloud.ledger });
    expect(report.created).toBe(false);
    expect(report.settings.filter((setting) => setting.changed)).toEqual([]);
    expect((await cloud.ledger.entries()).length).toBe(1);
  });

  it('that drifted is found out by the audit and put right by its fix, keeping what others set', async () => {
    const s3 = await cloud.clients.s3();
    const theirs = {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'Theirs',
          Effect: 'Deny',
          Principal: '*',
          Action: 's3:PutObject',
          Resource: 'arn:aws:s3:::first-backups/secret/*',
        },
      ],
    };
    await s3.send(new PutBucketPolicyCommand({ Bucket: 'first-backups', Policy: JSON.stringify(theirs) }));
    await s3.send(
      new PutBucketVersioningCommand({ Bucket: 'first-backups', VersioningConfiguration: { Status: 'Suspended' } }),
    );
    const plan = await planBucket(cloud.clients, { name: 'first-backups' });
    const audit = await auditBucket(cloud.clients, plan);
    const off = audit.findings
      .filter((finding) => finding.state !== 'as-wanted')
      .map((finding) => finding.setting.setting);
    expect(off).toEqual(['versioning', 'policy']);
    const fixed = await fixBucket(cloud.clients, audit, { ledger: cloud.ledger });
    expect(fixed.settings.filter((setting) => setting.changed).map((setting) => setting.setting)).toEqual([
      'versioning',
      'policy',
    ]);
    const after = await auditBucket(cloud.clients, plan);
    expect(after.asWanted).toBe(true);
    expect(JSON.stringify(after.findings)).toContain('"Theirs"');
  });

  it('lets repository objects be created and not overwritten, even by its owner', async () => {
    const s3 = await cloud.clients.s3();
    const key = `hosts/web/data/ab/${'ab'.repeat(32)}`;
    const put = (IfNoneMatch?: string): Promise<unknown> =>
      s3.send(
        new PutObjectCommand({
          Bucket: 'first-backups',
          Key: key,
          Body: 'x',
          ...(IfNoneMatch === undefined ? {} : { IfNoneMatch }),
        }),
      );
    await put('*');
    await expect(put()).rejects.toMatchObject({ code: 'cloud-denied' });
    await expect(put('*')).rejects.toMatchObject({ context: expect.objectContaining({ status: 412 }) });
  });

  it('is counted by listing', async () => {
    expect(await showBucket(cloud.clients, { name: 'first-backups' })).toEqual({
      objects: 1,
      bytes: 1,
      hosts: ['web'],
    });
    expect(await showBucket(cloud.clients, { name: 'first-backups', prefix: 'hosts/other/' })).toMatchObject({
      objects: 0,
    });
  });

  it('of another region is created there, and refused when expected elsewhere', async () => {
    const plan = await planBucket(cloud.clients, { name: 'frankfurt-backups', region: 'eu-central-1' });
    expect((await createBucket(cloud.clients, plan, { ledger: cloud.ledger })).created).toBe(true);
    const wrong = await planBucket(cloud.clients, { name: 'frankfurt-backups' });
    await expect(createBucket(cloud.clients, wrong, { ledger: cloud.ledger })).rejects.toMatchObject({
      code: 'bucket-taken',
      hint: expect.stringContaining('eu-central-1'),
    });
  });

  it('with Object Lock gets it at creation and never later', async () => {
    const plan = await planBucket(cloud.clients, { name: 'locked-backups', objectLockDays: 7 });
    await createBucket(cloud.clients, plan, { ledger: cloud.ledger });
    expect((await auditBucket(cloud.clients, plan)).asWanted).toBe(true);
    const late = await planBucket(cloud.clients, { name: 'first-backups', objectLockDays: 7 });
    const audit = await auditBucket(cloud.clients, late);
    expect(audit.findings.at(-1)).toMatchObject({ state: 'missing', fixable: false });
    await expect(createBucket(cloud.clients, late, { ledger: cloud.ledger })).rejects.toMatchObject({
      code: 'cloud-refused',
    });
  });

  it('created by a run that was killed right after is taken over by the next, with its marks', async () => {
    const ledger = await cloud.freshLedger();
    const plan = await planBucket(cloud.clients, { name: 'half-made' });
    const killed = await cloud.connect({
      observer: {
        after: ({ operation }) => {
          if (operation === 'CreateBucket') throw new Error('killed');
        },
      },
    });
    await expect(createBucket(killed, plan, { ledger })).rejects.toThrow('killed');
    expect((await ledger.openResources()).map((entry) => entry.state)).toEqual(['intended']);
    await createBucket(cloud.clients, plan, { ledger });
    const [entry] = await ledger.openResources();
    expect(entry).toMatchObject({ state: 'created' });
    const tags = (await auditBucket(cloud.clients, plan)).findings.find(
      (finding) => finding.setting.setting === 'tags',
    );
    expect(tags?.found).toMatchObject({ 'hostark:ledger': entry!.id });
  });

  it('with a bad name is refused before any call', async () => {
    const calls: string[] = [];
    const clients = await cloud.connect({ observer: { before: (call) => calls.push(call.operation) } });
    await expect(planBucket(clients, { name: 'Bad_Name' })).rejects.toMatchObject({ code: 'bucket-name' });
    expect(calls).toEqual([]);
  });
});

describe('clients', () => {
  it('say which credentials were refused and how to get others', async () => {
    const clients = await awsClients({
      endpoint: cloud.sandbox.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'AKIAWRONGWRONGWRONG1', secretAccessKey: 'wrong' },
    });
    const error = await clients.caller().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'cloud-auth', hint: expect.any(String) });
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/authorization|Signature=/i);
    clients.close();
  });

  it('know a cloud that is not AWS, and say so when it is away', async () => {
    expect(cloud.clients.endpoint).toBe(cloud.sandbox.endpoint);
    const aws = await awsClients({ region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
    expect(aws).toMatchObject({ endpoint: null, region: 'eu-west-1', partition: 'aws' });
    aws.close();
    const away = await awsClients({
      endpoint: 'http://127.0.0.1:1',
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      maxAttempts: 1,
    });
    await expect(away.caller()).rejects.toMatchObject({ code: 'cloud-unavailable', retry: 'later' });
    away.close();
  });

  it('live through throttling', async () => {
    const fault = cloud.sandbox.faults.add({ service: 's3', operation: 'ListObjectsV2', kind: 'error', times: 2 });
    expect((await showBucket(cloud.clients, { name: 'first-backups' })).objects).toBe(1);
    expect(fault.struck).toBe(2);
  });
});
