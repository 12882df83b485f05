import {
  AttachVolumeCommand,
  CopySnapshotCommand,
  CreateImageCommand,
  CreateSnapshotCommand,
  CreateSnapshotsCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  DeleteVolumeCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  ModifyVolumeCommand,
  RegisterImageCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, test } from 'vitest';
import { refusal, sandbox } from '../harness.ts';
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

describe('a volume', async () => {
  const box = await sandbox();
  const ec2 = ec2Client(box);
  const key = await newKey(ec2, 'key');
  const host = await launch(ec2, { KeyName: 'key' });
  const id = host.InstanceId ?? '';
  const zone = host.Placement?.AvailabilityZone ?? '';
  const folder = (await box.inventory()).find((one) => one.id === id)?.detail?.isolation === 'folder';
  const root = folder ? '$SANDBOX_ROOT' : '';

  /** Output of a command as root of an instance; throws when it fails. */
  async function on(instanceId: string, command: string): Promise<string> {
    const instance = await describeInstance(ec2, instanceId);
    const session = await connect(sshPort(instance), key, 'root', await consoleHostKey(ec2, instanceId));
    const { code, stdout, stderr } = await run(session, command);
    if (code !== 0) throw new Error(`${command}: status ${code}: ${stderr}`);
    return stdout.toString();
  }

  async function newVolume(more: Partial<ConstructorParameters<typeof CreateVolumeCommand>[0]> = {}): Promise<string> {
    const made = await ec2.send(
      new CreateVolumeCommand({ AvailabilityZone: zone, Size: 4, VolumeType: 'gp3', ...more }),
    );
    return made.VolumeId ?? '';
  }

  async function attach(volumeId: string, device: string, instanceId = id): Promise<void> {
    await ec2.send(new AttachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId, Device: device }));
  }

  test('appears in the running instance when it is attached, and goes when it is detached', async () => {
    const volume = await newVolume();
    await attach(volume, '/dev/sdf');
    await on(id, `echo kept > ${root}/mnt/sdf/file`);
    const seen = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [volume] }));
    expect(seen.Volumes?.[0]).toMatchObject({
      State: 'in-use',
      Attachments: [{ InstanceId: id, Device: '/dev/sdf', State: 'attached', DeleteOnTermination: false }],
    });
    if (!folder) expect(await on(id, `[ "$(stat -c %d /mnt/sdf)" = "$(stat -c %d /mnt)" ]; echo $?`)).toBe('1\n');
    expect(await refusal(ec2.send(new DeleteVolumeCommand({ VolumeId: volume })))).toMatchObject({
      code: 'VolumeInUse',
    });
    await ec2.send(new DetachVolumeCommand({ VolumeId: volume }));
    expect(await on(id, `ls ${root}/mnt/sdf 2>/dev/null | wc -l`)).toBe('0\n');
    await attach(volume, '/dev/sdg');
    expect(await on(id, `cat ${root}/mnt/sdg/file`)).toBe('kept\n');
    await ec2.send(new DetachVolumeCommand({ VolumeId: volume }));
    await ec2.send(new DeleteVolumeCommand({ VolumeId: volume }));
    expect((await refusal(ec2.send(new DescribeVolumesCommand({ VolumeIds: [volume] })))).code).toBe(
      'InvalidVolume.NotFound',
    );
  });

  test.skipIf(folder)('stays while a program has a file open on it, as busy, and goes afterwards', async () => {
    const volume = await newVolume();
    await attach(volume, '/dev/sdh');
    const held = on(id, 'cd /mnt/sdh && echo in > /tmp/held && until [ -e /tmp/free ]; do sleep 0.05; done');
    await on(id, 'until [ -e /tmp/held ]; do sleep 0.05; done');
    expect((await ec2.send(new DetachVolumeCommand({ VolumeId: volume }))).State).toBe('busy');
    await on(id, 'touch /tmp/free');
    await held;
    for (;;) {
      const { Volumes } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [volume] }));
      if (Volumes?.[0]?.State === 'available') break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await ec2.send(new DeleteVolumeCommand({ VolumeId: volume }));
  });

  test('is refused what EBS refuses', async () => {
    const volume = await newVolume();
    const other = await newVolume({ AvailabilityZone: `${zone.slice(0, -1)}c` });
    const codes = [
      new AttachVolumeCommand({ VolumeId: other, InstanceId: id, Device: '/dev/sdf' }),
      new AttachVolumeCommand({ VolumeId: volume, InstanceId: id, Device: '/dev/xvda' }),
      new AttachVolumeCommand({ VolumeId: volume, InstanceId: id, Device: '/tmp' }),
      new DetachVolumeCommand({ VolumeId: volume }),
      new CreateVolumeCommand({ AvailabilityZone: 'mars-1a', Size: 1 }),
      new CreateVolumeCommand({ AvailabilityZone: zone }),
      new CreateVolumeCommand({ AvailabilityZone: zone, Size: 2, VolumeType: 'io1', Iops: 100 }),
      new CreateVolumeCommand({ AvailabilityZone: zone, Size: 2, KmsKeyId: 'k' }),
      new CreateVolumeCommand({ AvailabilityZone: zone, SnapshotId: 'snap-0123456789abcdef0' }),
      new ModifyVolumeCommand({ VolumeId: volume, Size: 1 }),
    ].map(async (command) => (await refusal(ec2.send(command as never))).code);
    expect(await Promise.all(codes)).toEqual([
      'InvalidVolume.ZoneMismatch',
      'InvalidParameterValue',
      'InvalidParameterValue',
      'IncorrectState',
      'InvalidZone.NotFound',
      'MissingParameter',
      'InvalidParameterValue',
      'InvalidParameterDependency',
      'InvalidSnapshot.NotFound',
      'InvalidParameterValue',
    ]);
    for (const one of [volume, other]) await ec2.send(new DeleteVolumeCommand({ VolumeId: one }));
  });

  test('is made once for one client token', async () => {
    const volume = await newVolume({ ClientToken: 'once' });
    expect(await newVolume({ ClientToken: 'once' })).toBe(volume);
    expect((await refusal(newVolume({ ClientToken: 'once', Size: 9 }))).code).toBe('IdempotentParameterMismatch');
    await ec2.send(new DeleteVolumeCommand({ VolumeId: volume }));
  });

  test('comes back from a snapshot with owners, modes, times, links and attributes, in another region too', async () => {
    const volume = await newVolume({ Encrypted: true });
    await attach(volume, '/dev/sdf');
    const at = `${root}/mnt/sdf`;
    await on(
      id,
      `cd ${at} && mkdir -m 750 d && echo one > d/a && ln d/a b && ln -s d/a c && chmod 4755 d/a && touch -d '2001-02-03 04:05:06.789' d/a && (chown 1000:1000 d/a; setfattr -n user.k -v v d/a; truncate -s 1M sparse; chmod 000 sparse) 2>/dev/null || true`,
    );
    const show = (path: string): string =>
      `cd ${path} && stat -c '%n %f %u %g %Y %h %s' d d/a b sparse && readlink c && (getfattr -d d/a 2>/dev/null | grep user || true)`;
    const before = await on(id, show(at));
    const made = await ec2.send(
      new CreateSnapshotCommand({
        VolumeId: volume,
        Description: 'night',
        TagSpecifications: [{ ResourceType: 'snapshot', Tags: [{ Key: 'of', Value: 'night' }] }],
      }),
    );
    expect(made).toMatchObject({ State: 'pending', VolumeId: volume, VolumeSize: 4, Encrypted: true });
    await on(id, `echo later > ${at}/later && rm ${at}/b`);
    const west = ec2Client(box, box.adminCredentials, 'eu-west-1');
    const copied = await west.send(
      new CopySnapshotCommand({ SourceRegion: box.region, SourceSnapshotId: made.SnapshotId, Description: 'copy' }),
    );
    const [copy] =
      (await west.send(new DescribeSnapshotsCommand({ SnapshotIds: [copied.SnapshotId ?? ''] }))).Snapshots ?? [];
    expect(copy).toMatchObject({ State: 'completed', Progress: '100%', VolumeId: 'vol-ffffffff', Encrypted: true });
    expect(copy?.KmsKeyId).toMatch(/^arn:aws:kms:eu-west-1:/);
    await ec2.send(new DetachVolumeCommand({ VolumeId: volume }));
    const back = await newVolume({ SnapshotId: made.SnapshotId, Size: 8 });
    await attach(back, '/dev/sdf');
    expect(await on(id, show(at))).toBe(before);
    expect(await on(id, `ls ${at}`)).not.toContain('later');
    await west.send(new DeleteSnapshotCommand({ SnapshotId: copied.SnapshotId }));
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId: made.SnapshotId }));
    await ec2.send(new DetachVolumeCommand({ VolumeId: back }));
    for (const one of [volume, back]) await ec2.send(new DeleteVolumeCommand({ VolumeId: one }));
  });

  test('all volumes of an instance are snapshotted at one moment, though programs write to both', async () => {
    const volume = await newVolume();
    await attach(volume, '/dev/sdf');
    const writer = `n=0; until [ -e ${root}/tmp/enough ]; do n=$((n+1)); echo $n > ${root}/srv/n; echo $n > ${root}/mnt/sdf/n; done`;
    const writing = on(id, writer);
    await on(id, `until [ -s ${root}/mnt/sdf/n ]; do sleep 0.02; done`);
    await on(id, 'fsfreeze --freeze "$SANDBOX_ROOT/mnt/sdf"');
    const made = await ec2.send(
      new CreateSnapshotsCommand({ InstanceSpecification: { InstanceId: id }, CopyTagsFromSource: 'volume' }),
    );
    await on(id, 'fsfreeze --unfreeze "$SANDBOX_ROOT/mnt/sdf"');
    await on(id, `touch ${root}/tmp/enough`);
    await writing;
    expect(made.Snapshots).toHaveLength(2);
    const records = (await box.inventory()).filter((one) => one.kind === 'ec2:snapshot');
    expect(records.find((one) => one.detail?.volumeId === volume)?.detail?.frozen).toBe(true);
    expect(records.find((one) => one.detail?.volumeId !== volume)?.detail?.frozen).toBe(false);
    const counts: number[] = [];
    await ec2.send(new DetachVolumeCommand({ VolumeId: volume }));
    for (const snapshot of made.Snapshots ?? []) {
      const back = await newVolume({ SnapshotId: snapshot.SnapshotId, Size: 8 });
      await attach(back, '/dev/sdf');
      counts.push(Number(await on(id, `cat ${root}/mnt/sdf/${snapshot.VolumeId === volume ? 'n' : 'srv/n'}`)));
      await ec2.send(new DetachVolumeCommand({ VolumeId: back }));
      await ec2.send(new DeleteVolumeCommand({ VolumeId: back }));
      await ec2.send(new DeleteSnapshotCommand({ SnapshotId: snapshot.SnapshotId }));
    }
    // The root is written first: it is at most one step ahead, or both are the same. An empty file counts as 0.
    const [rootCount = 0, dataCount = 0] = counts;
    if (rootCount > 0 && dataCount > 0) expect([0, 1]).toContain(rootCount - dataCount);
    await ec2.send(new DeleteVolumeCommand({ VolumeId: volume }));
  });

  test('fsfreeze answers as the real one does', async () => {
    const volume = await newVolume();
    await attach(volume, '/dev/sdf');
    const status = (command: string): Promise<string> => on(id, `${command} 2>&1; echo $?`);
    const place = '"$SANDBOX_ROOT/mnt/sdf"';
    expect(await status(`fsfreeze -f ${place}`)).toBe('0\n');
    expect(await status(`fsfreeze -f ${place}`)).toMatch(/freeze failed: Device or resource busy\n1\n$/);
    expect(await status(`fsfreeze -u ${place}`)).toBe('0\n');
    expect(await status(`fsfreeze -u ${place}`)).toMatch(/unfreeze failed: Invalid argument\n1\n$/);
    expect(await status('fsfreeze -f /none')).toMatch(/cannot open \/none: No such file or directory\n1\n$/);
    expect(await on(id, 'cut -d" " -f2- "$SANDBOX_ROOT/run/sandbox/frozen/log" | tail -n 2')).toBe(
      'freeze /mnt/sdf\nunfreeze /mnt/sdf\n',
    );
    await ec2.send(new DetachVolumeCommand({ VolumeId: volume }));
    await ec2.send(new DeleteVolumeCommand({ VolumeId: volume }));
  });

  test('a root snapshot registered as an image boots elsewhere with its files and an identity of its own', async () => {
    await on(id, `echo precious > ${root}/srv/precious && echo '#!/bin/sh' > ${root}/opt/tool`);
    const rootVolume = (await describeInstance(ec2, id)).BlockDeviceMappings?.[0]?.Ebs?.VolumeId ?? '';
    const snapshot = await ec2.send(new CreateSnapshotCommand({ VolumeId: rootVolume }));
    const south = ec2Client(box, box.adminCredentials, 'eu-south-1');
    const copy = await south.send(
      new CopySnapshotCommand({
        SourceRegion: box.region,
        SourceSnapshotId: snapshot.SnapshotId,
        CompletionDurationMinutes: 30,
      }),
    );
    const registered = await south.send(
      new RegisterImageCommand({
        Name: 'recovered root',
        Architecture: 'x86_64',
        RootDeviceName: '/dev/xvda',
        VirtualizationType: 'hvm',
        EnaSupport: true,
        BlockDeviceMappings: [
          { DeviceName: '/dev/xvda', Ebs: { SnapshotId: copy.SnapshotId, DeleteOnTermination: true } },
        ],
      }),
    );
    expect((await refusal(south.send(new DeleteSnapshotCommand({ SnapshotId: copy.SnapshotId })))).code).toBe(
      'InvalidSnapshot.InUse',
    );
    const own = await south.send(new DescribeImagesCommand({ Owners: ['self'] }));
    expect(own.Images).toMatchObject([{ ImageId: registered.ImageId, Public: false, State: 'available' }]);
    const otherKey = await newKey(south, 'other');
    const script = '#!/bin/sh\necho again > "$SANDBOX_ROOT/srv/said"\n';
    const born = await launch(south, {
      ImageId: registered.ImageId,
      KeyName: 'other',
      UserData: Buffer.from(script).toString('base64'),
    });
    const hostKey = await consoleHostKey(south, born.InstanceId ?? '');
    expect(hostKey).not.toBe(await consoleHostKey(ec2, id));
    const session = await connect(sshPort(born), otherKey, 'root', hostKey);
    const told = await run(
      session,
      `cd "\${SANDBOX_ROOT:-/}" && cat srv/precious etc/hostname && until [ -e srv/said ]; do sleep 0.02; done; cat srv/said; cut -d' ' -f2 etc/ssh/ssh_host_ed25519_key.pub`,
    );
    const name = `ip-${born.PrivateIpAddress?.replaceAll('.', '-')}`;
    expect(told.stdout.toString()).toBe(`precious\n${name}\nagain\n${hostKey.split(' ')[1]}\n`);
    await south.send(new TerminateInstancesCommand({ InstanceIds: [born.InstanceId ?? ''] }));
    await until(south, born.InstanceId ?? '', 'terminated');
    await south.send(new DeregisterImageCommand({ ImageId: registered.ImageId }));
    await south.send(new DeleteSnapshotCommand({ SnapshotId: copy.SnapshotId }));
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId: snapshot.SnapshotId }));
  });

  test('the root volume of a stopped instance is exchanged for one from a snapshot', async () => {
    await on(id, `echo old > ${root}/srv/state`);
    const made = await ec2.send(new CreateImageCommand({ InstanceId: id, Name: 'whole' }));
    const image = (await ec2.send(new DescribeImagesCommand({ ImageIds: [made.ImageId ?? ''] }))).Images?.[0];
    const snapshotId = image?.BlockDeviceMappings?.[0]?.Ebs?.SnapshotId;
    await on(id, `echo broken > ${root}/srv/state`);
    const before = (await describeInstance(ec2, id)).BlockDeviceMappings?.[0]?.Ebs?.VolumeId ?? '';
    expect((await refusal(ec2.send(new DetachVolumeCommand({ VolumeId: before })))).code).toBe('OperationNotPermitted');
    await ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    await until(ec2, id, 'stopped');
    const back = await newVolume({ SnapshotId: snapshotId, Size: 8 });
    await ec2.send(new DetachVolumeCommand({ VolumeId: before }));
    await attach(back, '/dev/xvda');
    await ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    await until(ec2, id, 'running');
    expect(await on(id, `cat ${root}/srv/state`)).toBe('old\n');
    await ec2.send(new DeregisterImageCommand({ ImageId: made.ImageId }));
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId: snapshotId }));
    await ec2.send(new DeleteVolumeCommand({ VolumeId: before }));
  });

  test('a snapshot can be invisible, then pending, for as long as asked', async () => {
    const volume = await newVolume();
    box.consistency.delay('snapshot', { calls: 1 });
    box.consistency.delay('snapshot-progress', { calls: 2 });
    const { SnapshotId = '' } = await ec2.send(new CreateSnapshotCommand({ VolumeId: volume }));
    const look = () => ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [SnapshotId] }));
    expect((await refusal(look())).code).toBe('InvalidSnapshot.NotFound');
    expect((await look()).Snapshots?.[0]?.State).toBe('pending');
    expect((await look()).Snapshots?.[0]?.State).toBe('completed');
    box.consistency.delay('snapshot', {});
    box.consistency.delay('snapshot-progress', {});
    const failed = await ec2.send(
      new CopySnapshotCommand({
        ...{ SourceRegion: box.region, SourceSnapshotId: SnapshotId, Encrypted: true },
        KmsKeyId: 'arn:aws:kms:eu-west-1:123456789012:key/other-region',
      }),
    );
    const [error] =
      (await ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [failed.SnapshotId ?? ''] }))).Snapshots ?? [];
    expect(error).toMatchObject({ State: 'error', StateMessage: 'Given key ID is not accessible' });
    for (const one of [SnapshotId, failed.SnapshotId]) await ec2.send(new DeleteSnapshotCommand({ SnapshotId: one }));
    await ec2.send(new DeleteVolumeCommand({ VolumeId: volume }));
    const left = (await box.inventory()).map((entry) => entry.kind);
    expect(left.sort()).toEqual([
      'ec2:instance',
      'ec2:key-pair',
      'ec2:key-pair',
      'ec2:network-interface',
      'ec2:volume',
    ]);
  });
});
