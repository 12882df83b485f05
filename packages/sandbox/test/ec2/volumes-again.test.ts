import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import {
  AllocateAddressCommand,
  AssociateAddressCommand,
  AttachVolumeCommand,
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DescribeSnapshotsCommand,
  DescribeSpotInstanceRequestsCommand,
  DetachVolumeCommand,
} from '@aws-sdk/client-ec2';
import { afterAll, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/index.ts';
import { sandbox, temporaryDirectory } from '../harness.ts';
import {
  connect,
  consoleHostKey,
  describe as describeInstance,
  ec2Client,
  launch,
  newKey,
  run,
  sshPort,
  until,
} from './cloud.ts';

const directory = temporaryDirectory();
const first = await startSandbox({ directory, durable: false });
const box = await sandbox();
let second: Sandbox | null = null;
afterAll(async () => {
  await first.stop();
  await second?.stop();
});

test('volumes, snapshots, elastic addresses and announced interruptions survive a restart; broken-off copies do not', async () => {
  const ec2 = ec2Client(first);
  const key = await newKey(ec2, 'key');
  const instance = await launch(ec2, { KeyName: 'key' });
  const spot = await launch(ec2, { InstanceMarketOptions: { MarketType: 'spot' } });
  const id = instance.InstanceId ?? '';
  const made = await ec2.send(
    new CreateVolumeCommand({ AvailabilityZone: instance.Placement?.AvailabilityZone, Size: 1 }),
  );
  await ec2.send(new AttachVolumeCommand({ VolumeId: made.VolumeId, InstanceId: id, Device: '/dev/sdf' }));
  const { AllocationId, PublicIp } = await ec2.send(new AllocateAddressCommand({}));
  await ec2.send(new AssociateAddressCommand({ AllocationId, InstanceId: id }));
  const hostKey = await consoleHostKey(ec2, id);
  const before = await connect(sshPort(instance), key, 'root', hostKey);
  expect((await run(before, 'echo kept > "$SANDBOX_ROOT/mnt/sdf/kept"')).code).toBe(0);
  const { SnapshotId = '' } = await ec2.send(new CreateSnapshotCommand({ VolumeId: made.VolumeId }));
  first.interrupt(spot.InstanceId ?? '', { noticeMs: 100 });
  await first.stop();
  const halfCopy = `${directory}/ec2/snapshots/snap-0half`;
  mkdirSync(halfCopy);

  second = await startSandbox({ directory, durable: false });
  const again = ec2Client(second);
  const back = await describeInstance(again, id);
  expect(back.PublicIpAddress).toBe(PublicIp);
  const session = await connect(sshPort(back), key, 'root', hostKey);
  expect((await run(session, 'cat "$SANDBOX_ROOT/mnt/sdf/kept"')).stdout.toString()).toBe('kept\n');
  const found = await again.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }));
  expect(found.Snapshots?.map((one) => one.SnapshotId)).toEqual([SnapshotId]);
  expect(readdirSync(`${directory}/ec2/snapshots/${SnapshotId}`)).toEqual(['kept']);
  expect(existsSync(halfCopy)).toBe(false);
  await until(again, spot.InstanceId ?? '', 'terminated');
  const requests = await again.send(new DescribeSpotInstanceRequestsCommand({}));
  expect(requests.SpotInstanceRequests?.[0]?.State).toBe('closed');
});

test('in a machine without namespaces a volume is a link to its folder', async () => {
  const ec2 = ec2Client(box);
  const key = await newKey(ec2, 'key');
  const tags = [{ ResourceType: 'instance' as const, Tags: [{ Key: 'sandbox:mode', Value: 'folder' }] }];
  const instance = await launch(ec2, {
    KeyName: 'key',
    TagSpecifications: tags,
    BlockDeviceMappings: [{ DeviceName: '/dev/sdg', Ebs: { VolumeSize: 1 } }],
  });
  const id = instance.InstanceId ?? '';
  const session = await connect(sshPort(instance), key, 'root', await consoleHostKey(ec2, id));
  const on = async (command: string): Promise<string> => (await run(session, `${command} 2>&1`)).stdout.toString();
  const made = await ec2.send(
    new CreateVolumeCommand({ AvailabilityZone: instance.Placement?.AvailabilityZone, Size: 1 }),
  );
  await ec2.send(new AttachVolumeCommand({ VolumeId: made.VolumeId, InstanceId: id, Device: '/dev/sdf' }));
  expect(await on('cd "$SANDBOX_ROOT/mnt" && echo a > sdf/a && echo b > sdg/b && ls sdf sdg')).toBe(
    'sdf:\na\n\nsdg:\nb\n',
  );
  expect(await on('fsfreeze -f "$SANDBOX_ROOT/mnt/sdf"; ls "$SANDBOX_ROOT/run/sandbox/frozen"')).toBe(
    '%2Fmnt%2Fsdf\nlog\n',
  );
  await ec2.send(new CreateSnapshotCommand({ VolumeId: made.VolumeId }));
  const snapshot = (await box.inventory()).find((one) => one.kind === 'ec2:snapshot');
  expect(snapshot?.detail?.frozen).toBe(true);
  await ec2.send(new DetachVolumeCommand({ VolumeId: made.VolumeId }));
  expect(await on('ls "$SANDBOX_ROOT/mnt"')).toBe('sdg\n');
});
