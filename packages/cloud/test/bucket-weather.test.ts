import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createBucket,
  downloadRepository,
  locateBucket,
  planBucket,
  planBucketAudit,
  planDownload,
  planMaintenance,
  runBucketAudit,
  showBucket,
} from '../src/index.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
const far = 'frankfurt-weather';

beforeAll(async () => {
  cloud = await startTestCloud();
  const plan = await planBucket(cloud.clients, { name: far, region: 'eu-central-1' });
  await createBucket(cloud.clients, plan, { ledger: cloud.ledger });
  const s3 = await cloud.clients.s3('eu-central-1');
  const put = (Key: string, Body: string): Promise<unknown> =>
    s3.send(new PutObjectCommand({ Bucket: far, Key, Body, IfNoneMatch: '*' }));
  await put('hosts/web/config', 'config');
  for (const text of ['one', 'two', 'three']) {
    const name = createHash('sha256').update(text).digest('hex');
    await put(`hosts/web/data/${name.slice(0, 2)}/${name}`, text);
  }
});
afterAll(() => cloud.stop());
afterEach(() => cloud.sandbox.faults.clear());

const expired = { service: 's3', kind: 'error', status: 400, code: 'ExpiredToken', message: 'expired' } as const;

describe('a bucket of another region', () => {
  it('is found, counted, audited, mended, downloaded and given a role from anywhere', async () => {
    const { clients, ledger } = cloud;
    expect(await locateBucket(clients, far)).toBe('eu-central-1');
    expect(await showBucket(clients, { name: far })).toMatchObject({ objects: 4, hosts: ['web'] });
    const plan = await planBucket(clients, { name: far, region: await locateBucket(clients, far) });
    const audit = await planBucketAudit(clients, plan);
    expect(audit.deviations).toEqual([]);
    await runBucketAudit(clients, audit, { ledger });
    const directory = mkdtempSync(join(cloud.root, 'far-'));
    const source = { bucket: far, prefix: 'hosts/web', directory };
    expect(await planDownload(clients, source)).toMatchObject({ region: 'eu-central-1', price: { dollars: null } });
    expect(await downloadRepository(clients, source)).toMatchObject({ objects: 4 });
    expect(await planMaintenance(clients, { bucket: far })).toMatchObject({ region: 'eu-central-1' });
  });
});

describe('a token that expires in the middle', () => {
  it('of hardening a bucket is told with what to do, and the next run finishes the bucket', async () => {
    const { clients, ledger } = cloud;
    const plan = await planBucket(clients, { name: 'half-hardened' });
    cloud.sandbox.faults.add({ ...expired, operation: 'PutBucketPolicy' });
    await expect(createBucket(clients, plan, { ledger })).rejects.toMatchObject({
      code: 'cloud-auth',
      hint: expect.stringContaining('sign in again'),
    });
    const report = await createBucket(clients, await planBucket(clients, { name: 'half-hardened' }), { ledger });
    expect(report.created).toBe(false);
    expect(report.settings.filter(({ changed }) => changed).map(({ setting }) => setting)).toContain('policy');
    expect((await planBucketAudit(clients, plan)).deviations).toEqual([]);
  });

  it('of a download leaves no repository, and the next run goes on', async () => {
    const directory = mkdtempSync(join(cloud.root, 'expired-'));
    const source = { bucket: far, prefix: 'hosts/web', directory };
    cloud.sandbox.faults.add({ ...expired, operation: 'GetObject', after: 2, times: 1 });
    await expect(downloadRepository(cloud.clients, source, { connections: 1 })).rejects.toMatchObject({
      code: 'cloud-auth',
    });
    expect(existsSync(join(directory, 'config'))).toBe(false);
    expect(await downloadRepository(cloud.clients, source)).toMatchObject({ objects: 3, kept: 1 });
  });

  it('or throttling of an audit is lived through or told', async () => {
    const fault = cloud.sandbox.faults.add({ service: 's3', operation: 'GetBucketPolicy', kind: 'error', times: 2 });
    const plan = await planBucket(cloud.clients, { name: 'half-hardened' });
    expect((await planBucketAudit(cloud.clients, plan)).deviations).toEqual([]);
    expect(fault.struck).toBe(2);
  });
});

describe("another account's bucket", () => {
  it('stops everything before anything is asked of it', async () => {
    const forbidden = {
      service: 's3',
      operation: 'HeadBucket',
      kind: 'error',
      status: 403,
      code: 'AccessDenied',
    } as const;
    cloud.sandbox.faults.add({ ...forbidden, times: Infinity });
    const plan = await planBucket(cloud.clients, { name: 'somebody-elses' });
    const before = cloud.sandbox.counts();
    await expect(planBucketAudit(cloud.clients, plan)).rejects.toMatchObject({ code: 'bucket-taken' });
    await expect(createBucket(cloud.clients, plan, { ledger: cloud.ledger })).rejects.toMatchObject({
      code: 'bucket-taken',
    });
    const after = cloud.sandbox.counts();
    const puts = Object.keys(after).filter((name) => /:(Put|Create)/.test(name) && after[name] !== before[name]);
    expect(puts).toEqual([]);
  });
});
