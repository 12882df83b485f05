import {
  CancelSpotInstanceRequestsCommand,
  CopySnapshotCommand,
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DescribeInstanceStatusCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeRegionsCommand,
  DescribeSpotInstanceRequestsCommand,
  DescribeSpotPriceHistoryCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import { ListUsersCommand } from '@aws-sdk/client-iam';
import { CopyObjectCommand, CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { describe, expect, test } from 'vitest';
import { refusal, s3Client, sandbox, stsClient } from '../harness.ts';
import {
  connect,
  consoleHostKey,
  describe as describeInstance,
  ec2Client,
  iamClient,
  launch,
  launchInput,
  newKey,
  run,
  sshPort,
  until,
} from './cloud.ts';

const spot = { InstanceMarketOptions: { MarketType: 'spot' as const } };

/** Reads metadata of an instance by its loopback port: status and text. */
async function metadata(port: number, path: string): Promise<{ status: number; text: string }> {
  const at = `http://127.0.0.1:${port}/latest`;
  const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
  const token = await (await fetch(`${at}/api/token`, { method: 'PUT', headers })).text();
  const answer = await fetch(`${at}/${path}`, { headers: { 'x-aws-ec2-metadata-token': token } });
  return { status: answer.status, text: await answer.text() };
}

describe('a spot instance', async () => {
  const box = await sandbox();
  const ec2 = ec2Client(box);

  test('is told of its interruption in its metadata, and then ends', async () => {
    const instance = await launch(ec2, spot);
    const id = instance.InstanceId ?? '';
    expect(instance.InstanceLifecycle).toBe('spot');
    const request = instance.SpotInstanceRequestId ?? '';
    const port = Number((await box.inventory()).find((one) => one.id === id)?.detail?.metadataPort);
    expect((await metadata(port, 'meta-data/instance-life-cycle')).text).toBe('spot');
    expect((await metadata(port, 'meta-data/spot/instance-action')).status).toBe(404);
    const before = Date.now();
    box.interrupt(id, { noticeMs: 800 });
    const notice = await metadata(port, 'meta-data/spot/instance-action');
    expect(notice.status).toBe(200);
    const { action, time } = JSON.parse(notice.text) as { action: string; time: string };
    expect(action).toBe('terminate');
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Math.abs(Date.parse(time) - before - 800)).toBeLessThan(1500);
    const ended = await until(ec2, id, 'terminated');
    expect(ended.StateReason?.Code).toBe('Server.SpotInstanceTermination');
    const requests = await ec2.send(new DescribeSpotInstanceRequestsCommand({ SpotInstanceRequestIds: [request] }));
    expect(requests.SpotInstanceRequests).toMatchObject([
      { State: 'closed', Status: { Code: 'instance-terminated-no-capacity' }, InstanceId: id },
    ]);
    expect(() => box.interrupt(id)).toThrow(RangeError);
    expect(await box.inventory()).toEqual([]);
  });

  test('has a request that can be cancelled, prices, and the limits of one-time requests', async () => {
    const instance = await launch(ec2, spot);
    const id = instance.InstanceId ?? '';
    expect((await refusal(ec2.send(new StopInstancesCommand({ InstanceIds: [id] })))).code).toBe(
      'UnsupportedOperation',
    );
    const cancelled = await ec2.send(
      new CancelSpotInstanceRequestsCommand({ SpotInstanceRequestIds: [instance.SpotInstanceRequestId ?? ''] }),
    );
    expect(cancelled.CancelledSpotInstanceRequests?.[0]?.State).toBe('cancelled');
    expect((await describeInstance(ec2, id)).State?.Name).toBe('running');
    const cheap = await launchInput(ec2, {
      InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { MaxPrice: '0.0001' } },
    });
    expect((await refusal(ec2.send(new RunInstancesCommand(cheap)))).code).toBe('SpotMaxPriceTooLow');
    const prices = await ec2.send(new DescribeSpotPriceHistoryCommand({ InstanceTypes: ['t3.micro'] }));
    expect(prices.SpotPriceHistory?.map((row) => row.AvailabilityZone)).toEqual(
      ['a', 'b', 'c'].map((z) => box.region + z),
    );
  });
});

describe('capacity', async () => {
  const box = await sandbox();
  const ec2 = ec2Client(box);
  const zone = (letter: string): string => `${box.region}${letter}`;
  const inZone = (letter: string) => launchInput(ec2, { Placement: { AvailabilityZone: zone(letter) } });

  test('runs out for a type in a zone, and others are named', async () => {
    const lack = box.capacity.lack({ instanceType: 't3.micro', zone: zone('a') });
    const refused = await refusal(ec2.send(new RunInstancesCommand(await inZone('a'))));
    expect(refused).toMatchObject({ code: 'InsufficientInstanceCapacity', status: 500 });
    expect(refused.message).toContain(`choosing ${zone('b')}, ${zone('c')}.`);
    expect((await launch(ec2)).Placement?.AvailabilityZone).toBe(zone('b'));
    expect((await box.inventory()).filter((one) => one.kind === 'ec2:instance')).toHaveLength(1);
    box.capacity.lack({ instanceType: 't3.micro' });
    expect((await refusal(ec2.send(new RunInstancesCommand(await launchInput(ec2))))).code).toBe(
      'InsufficientInstanceCapacity',
    );
    box.capacity.clear();
    lack.restore();
    expect((await launch(ec2, await inZone('a'))).Placement?.AvailabilityZone).toBe(zone('a'));
  });

  test('a type that a zone does not have is unsupported there, and not among its offerings', async () => {
    box.capacity.lack({ instanceType: 'c7g.large', zone: zone('c'), kind: 'offering' });
    const asked = {
      LocationType: 'availability-zone' as const,
      Filters: [{ Name: 'instance-type', Values: ['c7g.large'] }],
    };
    const offered = await ec2.send(new DescribeInstanceTypeOfferingsCommand(asked));
    expect(offered.InstanceTypeOfferings?.map((one) => one.Location)).toEqual([zone('a'), zone('b')]);
    box.capacity.lack({ instanceType: 't3.micro', zone: zone('c'), kind: 'offering' });
    expect(await refusal(ec2.send(new RunInstancesCommand(await inZone('c'))))).toMatchObject({
      code: 'Unsupported',
      status: 400,
    });
    box.capacity.clear();
  });

  test('quotas are errors of the fault plan', async () => {
    box.faults.add({
      ...{ service: 'ec2', operation: 'RunInstances', kind: 'error', status: 400, code: 'VcpuLimitExceeded' },
      message: 'You have requested more vCPU capacity than your current vCPU limit of 32 allows.',
    });
    expect((await refusal(ec2.send(new RunInstancesCommand(await launchInput(ec2))))).code).toBe('VcpuLimitExceeded');
  });

  test('is needed to start a stopped instance, too', async () => {
    const instance = await launch(ec2);
    const id = instance.InstanceId ?? '';
    await ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    await until(ec2, id, 'stopped');
    const { restore } = box.capacity.lack({ instanceType: 't3.micro' });
    expect((await refusal(ec2.send(new StartInstancesCommand({ InstanceIds: [id] })))).code).toBe(
      'InsufficientInstanceCapacity',
    );
    restore();
  });
});

describe('a region', async () => {
  const box = await sandbox();
  const home = ec2Client(box);
  const west = ec2Client(box, box.adminCredentials, 'eu-west-1');
  const bucketOf = (region: string) => s3Client(box, box.adminCredentials, { region });

  test('that is lost answers nobody, its hosts are dark, and everything is there when it comes back', async () => {
    const key = await newKey(west, 'key');
    const instance = await launch(west, { KeyName: 'key' });
    const id = instance.InstanceId ?? '';
    const hostKey = await consoleHostKey(west, id);
    const session = await connect(sshPort(instance), key, 'root', hostKey);
    await run(session, 'echo kept > "$SANDBOX_ROOT/srv/kept"');
    const s3 = bucketOf('eu-west-1');
    const LocationConstraint = 'eu-west-1';
    await s3.send(new CreateBucketCommand({ Bucket: 'west', CreateBucketConfiguration: { LocationConstraint } }));
    await s3.send(new PutObjectCommand({ Bucket: 'west', Key: 'k', Body: 'v' }));
    const volume = await west.send(new CreateVolumeCommand({ AvailabilityZone: 'eu-west-1a', Size: 1 }));
    const { SnapshotId } = await west.send(new CreateSnapshotCommand({ VolumeId: volume.VolumeId }));
    const entry = (await box.inventory()).find((one) => one.id === id);
    const pid = Number(entry?.detail?.pid);

    await box.regions.lose('eu-west-1');
    expect(box.regions.lost()).toEqual(['eu-west-1']);
    await expect(west.send(new DescribeRegionsCommand({}))).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(s3.send(new GetObjectCommand({ Bucket: 'west', Key: 'k' }))).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
    const homeBucket = bucketOf(box.region);
    await homeBucket.send(new CreateBucketCommand({ Bucket: 'home' }));
    const fromWest = new CopyObjectCommand({ Bucket: 'home', Key: 'k', CopySource: 'west/k' });
    expect(await refusal(homeBucket.send(fromWest))).toMatchObject({ code: 'ServiceUnavailable', status: 503 });
    await expect(connect(sshPort(instance), key, 'root', hostKey)).rejects.toThrow();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    const copy = new CopySnapshotCommand({ SourceRegion: 'eu-west-1', SourceSnapshotId: SnapshotId });
    expect(await refusal(home.send(copy))).toMatchObject({ status: 503 });
    await home.send(new DescribeRegionsCommand({}));
    await iamClient(box).send(new ListUsersCommand({}));
    await stsClient(box).send(new GetCallerIdentityCommand({}));

    await box.regions.restore('eu-west-1');
    expect(box.regions.lost()).toEqual([]);
    const again = await until(west, id, 'running');
    const back = await connect(sshPort(again), key, 'root', hostKey);
    expect((await run(back, 'cat "$SANDBOX_ROOT/srv/kept"')).stdout.toString()).toBe('kept\n');
    const status = await west.send(new DescribeInstanceStatusCommand({ InstanceIds: [id] }));
    expect(status.InstanceStatuses?.[0]?.InstanceStatus?.Status).toBe('ok');
    expect(await (await s3.send(new GetObjectCommand({ Bucket: 'west', Key: 'k' }))).Body?.transformToString()).toBe(
      'v',
    );
  });
});
