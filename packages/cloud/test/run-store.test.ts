/** The bucket between an operator and a host, seen from the operator: what lies there may come from anybody. */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBucket, openRunStore, planBucket } from '../src/index.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
  const plan = await planBucket(cloud.clients, { name: 'run-store' });
  await createBucket(cloud.clients, plan, { ledger: cloud.ledger });
});
afterAll(() => cloud.stop());

it('reads the parts of a run, and refuses one that would fill the memory', async () => {
  const run = (await openRunStore(cloud.clients, 'run-store', 'hosts/web/')).run('20261122T120000Z-0123456789abcdef');
  await run.put('out/0000000000', Buffer.from('sealed'));
  await run.put('out/0000000000', Buffer.from('other')); // created once
  expect(await run.list('out/', '')).toEqual(['out/0000000000']);
  expect(Buffer.from(await run.get('out/0000000000')).toString()).toBe('sealed');
  const s3 = await cloud.clients.s3();
  const Key = 'hosts/web/runs/20261122T120000Z-0123456789abcdef/out/0000000001';
  const Body = Buffer.alloc(33_554_433);
  await s3.send(new PutObjectCommand({ Bucket: 'run-store', Key, Body, IfNoneMatch: '*' }));
  await expect(run.get('out/0000000001')).rejects.toMatchObject({
    code: 'agent-failed',
    message: expect.stringContaining('expected at most 33554432 bytes, found 33554433'),
  });
});
