/** The S3 backend against the sandbox: signatures checked, policies evaluated, faults on demand. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutBucketPolicyCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { type Sandbox, startSandbox } from '@hostark/sandbox';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Handle } from '../../src/backend.ts';
import { openBackend } from '../../src/backends/open.ts';
import type { Retry } from '../../src/backends/retrying.ts';
import { s3Backend } from '../../src/backends/s3/backend.ts';
import type { CachingBackend } from '../../src/cache/caching.ts';
import { collect, describeBackend, expectBytes, handleOf, patternBytes } from '../conformance.ts';

const REGION = 'eu-central-1';
let directory: string;
let sandbox: Sandbox;

async function start(): Promise<{ sandbox: Sandbox; stop: () => Promise<void> }> {
  const path = mkdtempSync(join(tmpdir(), 'hostark-s3-'));
  const started = await startSandbox({ directory: path, region: REGION });
  return {
    sandbox: started,
    stop: async () => {
      await started.stop();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

describeBackend('S3, sandbox', async () => {
  const { sandbox, stop } = await start();
  const backend = s3Backend(`s3:${sandbox.endpoint}/conformance/hosts/web-1`, {
    credentials: sandbox.adminCredentials,
    region: REGION,
  });
  await backend.createBucket();
  return {
    backend,
    plant: (path, bytes) => plant(sandbox, 'conformance', `hosts/web-1/${path}`, bytes),
    dispose: stop,
  };
});

describeBackend('S3, sandbox, opened by its location with a cache', async () => {
  const { sandbox, stop } = await start();
  const cacheDirectory = mkdtempSync(join(tmpdir(), 'hostark-s3-cache-'));
  const backend = await openBackend(`s3:${sandbox.endpoint}/opened/repo`, {
    create: true,
    cacheDirectory,
    s3: { credentials: sandbox.adminCredentials, region: REGION },
  });
  backend.useRepository('c'.repeat(64));
  return {
    backend,
    plant: (path, bytes) => plant(sandbox, 'opened', `repo/${path}`, bytes),
    dispose: async () => {
      await stop();
      rmSync(cacheDirectory, { recursive: true, force: true });
    },
  };
});

async function plant(where: Sandbox, Bucket: string, Key: string, Body: Uint8Array): Promise<void> {
  await clientOf(where).send(new PutObjectCommand({ Bucket, Key, Body }));
}

function clientOf(of: Sandbox): S3Client {
  return new S3Client({
    endpoint: of.endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: of.adminCredentials,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hostark-s3-'));
  sandbox = await startSandbox({ directory, region: REGION });
  await clientOf(sandbox).send(
    new CreateBucketCommand({ Bucket: 'faulty', CreateBucketConfiguration: { LocationConstraint: REGION } }),
  );
});
afterEach(() => sandbox.faults.clear());
afterAll(async () => {
  await sandbox.stop();
  rmSync(directory, { recursive: true, force: true });
});

const content = patternBytes(100_000, 17);
const pack = handleOf('data', content);
const config: Handle = { type: 'config', name: '' };

function open(prefix: string, told: Retry[] = []): Promise<CachingBackend> {
  return openBackend(`s3:${sandbox.endpoint}/faulty/${prefix}`, {
    s3: { credentials: sandbox.adminCredentials, region: REGION },
    retry: { firstDelayMs: 5, onRetry: (retry) => told.push(retry) },
  });
}

describe('faults', () => {
  test.each([
    ['PutObject', 'error', 'before'],
    ['PutObject', 'error', 'after'],
    ['PutObject', 'drop', 'before'],
    ['PutObject', 'drop', 'after'],
  ] as const)('%s with %s %s the effect ends in one whole object', async (operation, kind, when) => {
    const backend = await open(`put-${kind}-${when}`);
    sandbox.faults.add({ service: 's3', operation, kind, when, times: 3 });
    await backend.save(pack, [content.subarray(0, 500), content.subarray(500)]);
    await backend.save(config, content.subarray(0, 155), { createOnly: true });
    expectBytes(await backend.load(pack), content);
    await backend.close();
  });

  test.each(['error', 'drop', 'truncate'] as const)(
    'a GET with %s is tried again and gives the right bytes',
    async (kind) => {
      const told: Retry[] = [];
      const backend = await open(`get-${kind}`, told);
      await backend.save(pack, content);
      sandbox.faults.add({ service: 's3', operation: 'GetObject', kind, times: 3 });
      expectBytes(await backend.load(pack), content);
      expectBytes(await backend.load(pack, { offset: 7, length: 60_000 }), content.subarray(7, 60_007));
      expect(told.length).toBeGreaterThan(0);
      await backend.close();
    },
  );

  test('a listing in whose midst requests fail names everything once', async () => {
    const backend = await open('list');
    const expected = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const bytes = patternBytes(40, 300 + i);
      expected.add(handleOf('snapshots', bytes).name);
      await backend.save(handleOf('snapshots', bytes), bytes);
    }
    sandbox.faults.add({ service: 's3', operation: '*', kind: 'error', times: 4 });
    const names = (await collect(backend.list('snapshots'))).map((entry) => entry.name);
    expect(names).toHaveLength(20);
    expect(new Set(names)).toEqual(expected);
    await backend.close();
  });
});

describe('least privilege', () => {
  test('wrong keys are cloud-auth, and the message names neither', async () => {
    const backend = s3Backend(`s3:${sandbox.endpoint}/faulty/x`, {
      credentials: { ...sandbox.adminCredentials, secretAccessKey: 'not-the-secret' },
      region: REGION,
    });
    const error = await backend.load(pack).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'cloud-auth' });
    expect(`${error.message} ${error.hint} ${error.cause}`).not.toContain('not-the-secret');
    await backend.close();
  });

  test('what a bucket policy denies is backend-denied and not retried', async () => {
    const Statement = [
      { Effect: 'Deny', Principal: '*', Action: 's3:DeleteObject', Resource: 'arn:aws:s3:::faulty/denied/data/*' },
    ];
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    await clientOf(sandbox).send(new PutBucketPolicyCommand({ Bucket: 'faulty', Policy }));
    const told: Retry[] = [];
    const backend = await open('denied', told);
    await backend.save(pack, content);
    await expect(backend.remove(pack)).rejects.toMatchObject({
      code: 'backend-denied',
      hint: expect.stringContaining('s3:DeleteObject'),
    });
    expect(told).toEqual([]);
    await backend.close();
  });
});

test('a region that is not the bucket’s is corrected by its answer', async () => {
  const backend = s3Backend(`s3:${sandbox.endpoint}/faulty/region`, {
    credentials: sandbox.adminCredentials,
    region: 'us-west-2',
  });
  await backend.save(pack, content);
  expectBytes(await backend.load(pack), content);
  await backend.close();
});
