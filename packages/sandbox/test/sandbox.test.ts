import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { beforeAll, describe, expect, test } from 'vitest';
import { type RequestLogEntry, startSandbox } from '../src/index.ts';
import { refusal, s3Client, sandbox, stsClient, temporaryDirectory } from './harness.ts';

describe('state', () => {
  test('survives a restart: account, keys, objects, versions, uploads under way', async () => {
    const directory = temporaryDirectory();
    const first = await sandbox({ directory, durable: true });
    const s3 = s3Client(first);
    await s3.send(new CreateBucketCommand({ Bucket: 'kept' }));
    await s3.send(new PutBucketVersioningCommand({ Bucket: 'kept', VersioningConfiguration: { Status: 'Enabled' } }));
    const { VersionId } = await s3.send(
      new PutObjectCommand({ Bucket: 'kept', Key: 'k', Body: 'one', Metadata: { a: 'b' } }),
    );
    await s3.send(new PutObjectCommand({ Bucket: 'kept', Key: 'k', Body: 'two' }));
    const at = { Bucket: 'kept', Key: 'u' };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(at));
    const { ETag } = await s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'part' }));
    const inventory = await first.inventory();
    await first.stop();
    // What a crash in the middle of a write leaves: half a line, and a body that nothing names.
    const home = `${directory}/s3/buckets/kept`;
    appendFileSync(`${home}/journal.jsonl`, '{"is":"version","version":{"key":"to');
    mkdirSync(`${home}/data/zz`, { recursive: true });
    writeFileSync(`${home}/data/zz/zz-orphan`, 'orphan');

    const second = await sandbox({ directory });
    expect(second.accountId).toBe(first.accountId);
    expect(second.adminCredentials).toEqual(first.adminCredentials);
    expect(await second.inventory()).toEqual(inventory);
    expect(readdirSync(`${home}/data/zz`)).toEqual([]);
    const again = s3Client(second);
    const text = async (VersionId?: string) =>
      (await again.send(new GetObjectCommand({ Bucket: 'kept', Key: 'k', VersionId }))).Body?.transformToString();
    expect(await text()).toBe('two');
    expect(await text(VersionId)).toBe('one');
    expect((await again.send(new HeadObjectCommand({ Bucket: 'kept', Key: 'k', VersionId }))).Metadata).toEqual({
      a: 'b',
    });
    await again.send(
      new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }),
    );
  });

  test('a folder has one sandbox at a time, and stop() may be called again', async () => {
    const directory = temporaryDirectory();
    const first = await startSandbox({ directory });
    await expect(startSandbox({ directory })).rejects.toMatchObject({ code: 'EBUSY' });
    await Promise.all([first.stop(), first.stop()]);
    await first.stop();
    const second = await startSandbox({ directory });
    await second.stop();
  });

  test('a lock of a process that is gone is taken over', async () => {
    const directory = temporaryDirectory();
    writeFileSync(`${directory}/lock`, '999999999 1');
    await (await startSandbox({ directory })).stop();
  });

  test('a taken port ends the start and leaves the folder free', async () => {
    const port = Number(new URL((await sandbox()).endpoint).port);
    const directory = temporaryDirectory();
    await expect(startSandbox({ directory, port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await (await startSandbox({ directory })).stop();
  });
});

describe('faults', async () => {
  const log: RequestLogEntry[] = [];
  const box = await sandbox({ log: (entry) => log.push(entry) });
  const s3 = s3Client(box);
  const Bucket = 'faults';
  const put = (Key: string) => s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
  const exists = (Key: string) =>
    s3.send(new HeadObjectCommand({ Bucket, Key })).then(
      () => true,
      () => false,
    );

  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket }));
  });

  test('throttle after some requests, for some requests', async () => {
    const fault = box.faults.add({ service: 's3', operation: 'PutObject', kind: 'error', after: 1, times: 2 });
    await put('t/1');
    expect(await refusal(put('t/2'))).toMatchObject({ code: 'SlowDown', status: 503 });
    expect(await refusal(put('t/2'))).toMatchObject({ code: 'SlowDown', status: 503 });
    await put('t/2');
    expect(fault.struck).toBe(2);
    fault.remove();
  });

  test('any status and code, on any service', async () => {
    box.faults.add({ service: '*', operation: '*', kind: 'error', status: 500, code: 'InternalError', times: 2 });
    expect(await refusal(put('e'))).toMatchObject({ code: 'InternalError', status: 500 });
    expect(await refusal(stsClient(box).send(new GetCallerIdentityCommand({})))).toMatchObject({
      code: 'InternalError',
    });
    await put('e');
  });

  test('a reset before the effect leaves nothing, one after it leaves the object', async () => {
    box.faults.add({ service: 's3', operation: 'PutObject', kind: 'drop' });
    await expect(put('before')).rejects.toThrow(/ECONNRESET|socket hang up/);
    expect(await exists('before')).toBe(false);
    box.faults.add({ service: 's3', operation: 'PutObject', kind: 'drop', when: 'after' });
    await expect(put('after')).rejects.toThrow(/ECONNRESET|socket hang up/);
    expect(await exists('after')).toBe(true);
  });

  test('a truncated answer breaks in the middle of the body', async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: 'long', Body: 'y'.repeat(300_000) }));
    box.faults.add({ service: 's3', operation: 'GetObject', kind: 'truncate' });
    const { Body, ContentLength } = await s3.send(new GetObjectCommand({ Bucket, Key: 'long' }));
    expect(ContentLength).toBe(300_000);
    await expect(Body?.transformToByteArray()).rejects.toThrow();
  });

  test('latency is added', async () => {
    box.faults.add({ service: 's3', operation: 'HeadObject', kind: 'delay', delayMs: 80 });
    const began = performance.now();
    await exists('long');
    expect(performance.now() - began).toBeGreaterThan(79);
  });

  test('a client that retries gets through', async () => {
    box.faults.add({ service: 's3', operation: 'PutObject', kind: 'error', times: 2 });
    const patient = s3Client(box, undefined, { maxAttempts: 4 });
    await patient.send(new PutObjectCommand({ Bucket, Key: 'patient', Body: 'x' }));
  });

  test('clear() takes all away', async () => {
    box.faults.add({ service: '*', operation: '*', kind: 'error', times: Number.POSITIVE_INFINITY });
    box.faults.clear();
    await put('clear');
  });

  test('the log and the counters know every request and no secret', async () => {
    await put('logged');
    expect(log.at(-1)).toMatchObject({
      service: 's3',
      operation: 'PutObject',
      method: 'PUT',
      status: 200,
      principal: expect.stringContaining('user/sandbox-admin'),
      resource: 'arn:aws:s3:::faults/logged',
    });
    await refusal(s3.send(new GetObjectCommand({ Bucket, Key: 'nothing' })));
    expect(log.at(-1)).toMatchObject({ operation: 'GetObject', status: 404, error: 'NoSuchKey' });
    expect(box.counts()['s3:CreateBucket']).toBe(1);
    expect(JSON.stringify(log)).not.toContain(box.adminCredentials.secretAccessKey);
  });
});

test('the environment is all that the clients of AWS need', async () => {
  const box = await sandbox({ region: 'eu-west-1' });
  expect(box.environment()).toMatchObject({
    AWS_ENDPOINT_URL: box.endpoint,
    AWS_REGION: 'eu-west-1',
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: box.adminCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: box.adminCredentials.secretAccessKey,
  });
});
