import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectRoom } from '../src/download-files.ts';
import { createBucket, type DownloadReport, downloadRepository, planBucket, planDownload } from '../src/index.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
let directory: string;
const bucket = 'download-test';
const objects = new Map<string, Uint8Array>();

async function put(key: string, body: Uint8Array): Promise<void> {
  const s3 = await cloud.clients.s3();
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, IfNoneMatch: '*' }));
}

async function addRepository(prefix: string, sizes: Readonly<Record<string, readonly number[]>>): Promise<void> {
  const all: [string, Uint8Array][] = [['config', randomBytes(155)]];
  for (const [kind, list] of Object.entries(sizes)) {
    for (const size of list) {
      const body = randomBytes(size);
      const name = createHash('sha256').update(body).digest('hex');
      all.push([kind === 'data' ? `data/${name.slice(0, 2)}/${name}` : `${kind}/${name}`, body]);
    }
  }
  await Promise.all(all.map(([path, body]) => put(`${prefix}${path}`, body)));
  for (const [path, body] of all) objects.set(`${prefix}${path}`, body);
}

beforeAll(async () => {
  cloud = await startTestCloud();
  await createBucket(cloud.clients, await planBucket(cloud.clients, { name: bucket }), { ledger: cloud.ledger });
  await addRepository('hosts/web/', {
    keys: [400],
    data: [0, 1, 100_000, 3_000_000, 17_000_000],
    index: [2_000, 9_000],
    snapshots: [300, 301],
  });
  await addRepository('hosts/other/', { keys: [10], data: [20], index: [30], snapshots: [40] });
  await put('hosts/web/data/stray-file', Buffer.from('ignored'));
  await put(`hosts/web/locks/${'a'.repeat(64)}`, Buffer.from('left behind'));
});
afterAll(() => cloud.stop());
beforeEach(() => {
  directory = mkdtempSync(join(cloud.root, 'download-'));
});
afterEach(() => cloud.sandbox.faults.clear());

const own = (prefix: string): [string, Uint8Array][] =>
  [...objects].filter(([key]) => key.startsWith(prefix)).map(([key, body]) => [key.slice(prefix.length), body]);

function expectWhole(prefix: string): void {
  for (const [path, body] of own(prefix)) expect(Buffer.compare(readFileSync(join(directory, path)), body)).toBe(0);
}

const download = (prefix = 'hosts/web', more: object = {}): Promise<DownloadReport> =>
  downloadRepository(cloud.clients, { bucket, prefix, directory }, more);

describe('a downloaded repository', () => {
  it('has every object with its bytes, in the local layout, and no more', async () => {
    const done: number[] = [];
    const report = await download('hosts/web', {
      onEvent: (event: { type: string; bytesDone?: number }) =>
        event.type === 'progress' && done.push(event.bytesDone ?? 0),
    });
    expectWhole('hosts/web/');
    const bytes = own('hosts/web/').reduce((sum, [, body]) => sum + body.length, 0);
    expect(report).toMatchObject({ objects: 11, bytes, kept: 0, keptBytes: 0 });
    expect(report.requests).toBe(11 + 4);
    expect(done.at(-1)).toBe(bytes);
    expect(existsSync(join(directory, 'data/stray-file'))).toBe(false);
    expect(readdirSync(join(directory, 'locks'))).toEqual([]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'config')).mode & 0o777).toBe(0o400);
  });

  it('is not fetched again when it is there', async () => {
    await download();
    const again = await download();
    expect(again).toMatchObject({ objects: 0, bytes: 0, kept: 11, requests: 5 });
  });

  it('is completed when something is missing or short', async () => {
    await download();
    const [short] = own('hosts/web/').filter(([path]) => path.startsWith('snapshots/'))[0]!;
    truncateSync(join(directory, short), 5);
    expect(await download()).toMatchObject({ objects: 1, kept: 10 });
    expectWhole('hosts/web/');
  });

  it('is no repository until it is complete, and goes on where it was stopped', async () => {
    const stop = new AbortController();
    const signal = stop.signal;
    const running = download('hosts/web', { connections: 1, signal, onEvent: () => stop.abort() });
    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
    expect(existsSync(join(directory, 'config'))).toBe(false);
    writeFileSync(join(directory, 'keys', 'x-tmp-0'), 'half of an object');
    const report = await download();
    expect(report.kept).toBeGreaterThan(0);
    expectWhole('hosts/web/');
    expect(readdirSync(join(directory, 'keys')).length).toBe(1);
  });

  it('survives transfers that break off', async () => {
    cloud.sandbox.faults.add({ service: 's3', operation: 'GetObject', kind: 'truncate', after: 2, times: 2 });
    cloud.sandbox.faults.add({ service: 's3', operation: 'GetObject', kind: 'drop', after: 5, times: 1 });
    await download('hosts/web', { connections: 2 });
    expectWhole('hosts/web/');
  });

  it('never contains an object whose bytes are not those of its name', async () => {
    const name = createHash('sha256').update('the right bytes').digest('hex');
    await put(`hosts/damaged/data/${name.slice(0, 2)}/${name}`, Buffer.from('the wrong bytes'));
    await put('hosts/damaged/config', Buffer.from('config'));
    await expect(download('hosts/damaged')).rejects.toMatchObject({
      code: 'object-damaged',
      context: expect.objectContaining({ expected: name, found: expect.any(String) }),
    });
    expect(readdirSync(join(directory, 'data', name.slice(0, 2)))).toEqual([]);
    expect(existsSync(join(directory, 'config'))).toBe(false);
  });

  it('is never mixed with another one', async () => {
    await download('hosts/other');
    await expect(download('hosts/web')).rejects.toMatchObject({ code: 'target-unusable' });
    expectWhole('hosts/other/');
  });

  it('is not put into a folder with other things in it', async () => {
    mkdirSync(join(directory, 'photos'));
    await expect(download()).rejects.toMatchObject({
      code: 'target-unusable',
      message: expect.stringContaining('photos'),
    });
  });

  it('is missed with a hint where there is none', async () => {
    await expect(download('hosts/none')).rejects.toMatchObject({
      code: 'no-repository',
      hint: expect.stringContaining('show'),
    });
    await expect(downloadRepository(cloud.clients, { bucket: 'no-such-bucket-here', directory })).rejects.toMatchObject(
      { code: 'no-repository' },
    );
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a download plan', () => {
  const source = { bucket, prefix: 'hosts/web' };

  it('says what will be fetched, asked and paid before anything is written', async () => {
    const target = join(directory, 'new', 'folder');
    const plan = await planDownload(cloud.clients, { ...source, directory: target });
    const bytes = own('hosts/web/').reduce((sum, [path, body]) => sum + (path === 'config' ? 0 : body.length), 0);
    expect(plan).toMatchObject({ objects: 11, bytes, kept: 0, keptBytes: 0, requests: 15, region: 'us-east-1' });
    expect(plan.price.dollars).toBeCloseTo((bytes / 2 ** 30) * 0.09 + (10 / 1000) * 0.0004, 9);
    expect(existsSync(join(directory, 'new'))).toBe(false);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    await download();
    expect(await planDownload(cloud.clients, { ...source, directory })).toMatchObject({
      objects: 1,
      bytes: 0,
      kept: 10,
    });
  });

  it('refuses a folder that cannot be used, before anything is asked', async () => {
    writeFileSync(join(directory, 'file'), 'x');
    const calls: string[] = [];
    const clients = await cloud.connect({ observer: { before: (call) => calls.push(call.operation) } });
    const refused = { code: 'target-unusable' };
    for (const folder of ['file', 'file/below'].map((path) => join(directory, path))) {
      await expect(planDownload(clients, { ...source, directory: folder })).rejects.toMatchObject(refused);
      await expect(downloadRepository(clients, { ...source, directory: folder })).rejects.toMatchObject(refused);
    }
    expect(calls).toEqual([]);
  });

  it('refuses what has no room on the disk, and says how much is missing', async () => {
    await expectRoom(join(directory, 'new'), 1);
    await expect(expectRoom(directory, 2 ** 60)).rejects.toMatchObject({
      code: 'disk-full',
      context: expect.objectContaining({ needed: 2 ** 60, free: expect.any(Number) }),
    });
  });

  it('refuses objects that S3 cannot read at once', async () => {
    const s3 = await cloud.clients.s3();
    const name = 'c'.repeat(64);
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: `hosts/asleep/data/cc/${name}`,
        Body: 'x',
        StorageClass: 'GLACIER',
        IfNoneMatch: '*',
      }),
    );
    await expect(planDownload(cloud.clients, { bucket, prefix: 'hosts/asleep', directory })).rejects.toMatchObject({
      code: 'cloud-refused',
      message: expect.stringContaining('GLACIER'),
    });
  });
});

describe('a selection', () => {
  const name = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

  it('brings its packs and snapshots, no index of the bucket, and calls for one when the packs are there', async () => {
    const [first, second] = own('hosts/web/').flatMap(([path]) => (path.startsWith('data/') ? [path] : []));
    const [snapshot] = own('hosts/web/').flatMap(([path]) => (path.startsWith('snapshots/') ? [path] : []));
    const only = { packs: [name(first!), name(second!)], snapshots: [name(snapshot!)] };
    const seen: boolean[] = [];
    const afterPacks = async (): Promise<void> => {
      seen.push(...[first!, snapshot!, 'config'].map((path) => existsSync(join(directory, path))));
    };
    const report = await downloadRepository(
      cloud.clients,
      { bucket, prefix: 'hosts/web', directory, only },
      { afterPacks },
    );
    expect(report).toMatchObject({ objects: 5 });
    expect(seen).toEqual([true, false, false]);
    expect(readdirSync(join(directory, 'index'))).toEqual([]);
    expect(existsSync(join(directory, snapshot!))).toBe(true);
  });

  it('that names what is not there is refused', async () => {
    const only = { packs: ['d'.repeat(64)], snapshots: [] };
    await expect(
      downloadRepository(cloud.clients, { bucket, prefix: 'hosts/web', directory, only }),
    ).rejects.toMatchObject({ code: 'object-missing' });
    expect(existsSync(join(directory, 'config'))).toBe(false);
  });
});
