import { existsSync } from 'node:fs';
import {
  AssociateIamInstanceProfileCommand,
  DescribeIamInstanceProfileAssociationsCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeVolumesCommand,
  DisassociateIamInstanceProfileCommand,
  GetConsoleOutputCommand,
  RebootInstancesCommand,
  ReplaceIamInstanceProfileAssociationCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
  waitUntilInstanceTerminated,
} from '@aws-sdk/client-ec2';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { describe, expect, test } from 'vitest';
import { makeKeyPair } from '../../src/ssh/keys.ts';
import { policyText, refusal, sandbox, temporaryDirectory } from '../harness.ts';
import {
  connect,
  consoleHostKey,
  describe as describeInstance,
  EC2_TRUST,
  ec2Client,
  iamClient,
  launch,
  launchInput,
  newKey,
  run,
  sshPort,
  tagsOf,
  until,
} from './cloud.ts';

describe('an instance', async () => {
  const directory = temporaryDirectory();
  const box = await sandbox({ directory });
  const ec2 = ec2Client(box);
  const iam = iamClient(box);
  const key = await newKey(ec2, 'key');
  for (const name of ['one', 'two']) {
    await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: EC2_TRUST }));
    const document = policyText({ Effect: 'Allow', Action: 'ec2:DescribeRegions', Resource: '*' });
    await iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: 'p', PolicyDocument: document }));
    await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }));
    await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
  }

  test('is launched, logged into with the console’s host key, and ended, leaving nothing', async () => {
    const before = await box.inventory();
    const started = await ec2.send(
      new RunInstancesCommand(
        await launchInput(ec2, {
          KeyName: 'key',
          UserData: Buffer.from(
            '#!/bin/sh\necho booted > /srv/booted 2>/dev/null || echo booted > "$SANDBOX_ROOT/srv/booted"\n',
          ).toString('base64'),
          TagSpecifications: [
            { ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'web' }] },
            { ResourceType: 'volume', Tags: [{ Key: 'of', Value: 'web' }] },
            { ResourceType: 'network-interface', Tags: [{ Key: 'nic', Value: 'web' }] },
          ],
        }),
      ),
    );
    expect(started.Instances?.[0]?.State?.Name).toBe('pending');
    const id = started.Instances?.[0]?.InstanceId ?? '';
    await waitUntilInstanceRunning({ client: ec2, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }, { InstanceIds: [id] });
    const instance = await describeInstance(ec2, id);
    expect(instance).toMatchObject({ PublicIpAddress: '127.0.0.1', KeyName: 'key', Architecture: 'x86_64' });
    expect(tagsOf(instance).Name).toBe('web');
    const session = await connect(sshPort(instance), key, 'ec2-user', await consoleHostKey(ec2, id));
    expect((await run(session, 'echo $USER; sudo id -u; whoami')).stdout.toString().split('\n')[0]).toBe('ec2-user');
    const volumes = await ec2.send(new DescribeVolumesCommand({ Filters: [{ Name: 'tag:of', Values: ['web'] }] }));
    expect(volumes.Volumes?.[0]?.Attachments?.[0]).toMatchObject({
      InstanceId: id,
      State: 'attached',
      DeleteOnTermination: true,
    });
    const nics = await ec2.send(
      new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [id] }] }),
    );
    expect(nics.NetworkInterfaces?.[0]?.TagSet).toEqual([{ Key: 'nic', Value: 'web' }]);
    const kinds = (await box.inventory())
      .filter((entry) => !before.some((old) => old.id === entry.id))
      .map((entry) => entry.kind);
    expect(kinds).toEqual(['ec2:instance', 'ec2:network-interface', 'ec2:volume']);
    const ended = await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(ended.TerminatingInstances?.[0]).toMatchObject({
      CurrentState: { Name: 'shutting-down' },
      PreviousState: { Name: 'running' },
    });
    await waitUntilInstanceTerminated(
      { client: ec2, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
      { InstanceIds: [id] },
    );
    expect(await box.inventory()).toEqual(before);
    expect(existsSync(`${directory}/ec2/instances/${id}`)).toBe(false);
    expect(existsSync(`${directory}/ec2/volumes/${volumes.Volumes?.[0]?.VolumeId}`)).toBe(false);
    await expect(connect(sshPort(instance), key)).rejects.toThrow();
  });

  test('keeps a volume that does not go with it', async () => {
    const instance = await launch(ec2, {
      BlockDeviceMappings: [
        { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 3, DeleteOnTermination: false, Encrypted: true } },
      ],
    });
    const volume = instance.BlockDeviceMappings?.find((one) => one.DeviceName === '/dev/sdf')?.Ebs?.VolumeId ?? '';
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance.InstanceId ?? ''] }));
    await until(ec2, instance.InstanceId ?? '', 'terminated');
    const left = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [volume] }));
    expect(left.Volumes?.[0]).toMatchObject({ State: 'available', Size: 3, Encrypted: true });
  });

  test('is made once for one client token, and a token with other parameters is refused', async () => {
    const input = await launchInput(ec2, { ClientToken: 'token-1' });
    const first = await ec2.send(new RunInstancesCommand(input));
    const second = await ec2.send(new RunInstancesCommand(input));
    expect(second.Instances?.[0]?.InstanceId).toBe(first.Instances?.[0]?.InstanceId);
    expect(second.ReservationId).toBe(first.ReservationId);
    const other = ec2.send(new RunInstancesCommand({ ...input, InstanceType: 't3.small' }));
    expect(await refusal(other)).toMatchObject({ code: 'IdempotentParameterMismatch', status: 400 });
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [first.Instances?.[0]?.InstanceId ?? ''] }));
  });

  test('keeps its files over stop and start, reboot, and the end of the sandbox', async () => {
    const instance = await launch(ec2, { KeyName: 'key' });
    const id = instance.InstanceId ?? '';
    const first = await connect(sshPort(instance), key);
    await run(first, 'echo kept > ~/file');
    await ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    const stopped = await until(ec2, id, 'stopped');
    expect(stopped.StateReason?.Code).toBe('Client.UserInitiatedShutdown');
    expect(stopped.PublicIpAddress).toBeUndefined();
    await ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    const again = await until(ec2, id, 'running');
    expect((await run(await connect(sshPort(again), key), 'cat ~/file')).stdout.toString()).toBe('kept\n');
    await ec2.send(new RebootInstancesCommand({ InstanceIds: [id] }));
    const deadline = Date.now() + 10_000;
    for (;;) {
      try {
        expect(
          (await run(await connect(sshPort(await describeInstance(ec2, id)), key), 'cat ~/file')).stdout.toString(),
        ).toBe('kept\n');
        break;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  });

  test('whose first process is killed is found stopped, and can be started again', async () => {
    const instance = await launch(ec2, { KeyName: 'key' });
    const id = instance.InstanceId ?? '';
    const pid = (await box.inventory()).find((entry) => entry.id === id)?.detail?.pid;
    process.kill(Number(pid), 'SIGKILL');
    expect((await until(ec2, id, 'stopped')).StateReason?.Code).toBe('Client.InstanceInitiatedShutdown');
    await ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    await until(ec2, id, 'running');
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  });

  test('takes its host key and further login keys from cloud-config', async () => {
    const host = await makeKeyPair('ed25519');
    const friend = await makeKeyPair('ed25519');
    const indented = host.privateKey
      .trim()
      .split('\n')
      .map((line) => `    ${line}`)
      .join('\n');
    const config = `#cloud-config\nssh_keys:\n  ed25519_private: |\n${indented}\n  ed25519_public: ${host.publicKey} x\nssh_authorized_keys:\n  - ${friend.publicKey} friend\n`;
    const instance = await launch(ec2, { KeyName: 'key', UserData: Buffer.from(config).toString('base64') });
    expect(await consoleHostKey(ec2, instance.InstanceId ?? '')).toBe(host.publicKey);
    const session = await connect(sshPort(instance), friend.privateKey, 'ec2-user', host.publicKey);
    expect((await run(session, 'echo in')).stdout.toString()).toBe('in\n');
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance.InstanceId ?? ''] }));
  });

  test('says so when it is a plain folder', async () => {
    const tags = [{ ResourceType: 'instance' as const, Tags: [{ Key: 'sandbox:mode', Value: 'folder' }] }];
    const instance = await launch(ec2, { KeyName: 'key', TagSpecifications: tags });
    expect(tagsOf(instance)['sandbox:isolation']).toBe('folder');
    expect(instance.PlatformDetails).toContain('folder');
    const { Output = '' } = await ec2.send(new GetConsoleOutputCommand({ InstanceId: instance.InstanceId ?? '' }));
    expect(Buffer.from(Output, 'base64').toString()).toContain('without isolation');
    expect((await box.inventory()).find((one) => one.id === instance.InstanceId)?.detail?.isolation).toBe('folder');
    const session = await connect(sshPort(instance), key);
    expect((await run(session, 'pwd')).stdout.toString()).toContain(`${directory}/ec2/volumes/`);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance.InstanceId ?? ''] }));
  });

  test('uses its role through the metadata endpoint, and loses it with the association', async () => {
    const instance = await launch(ec2, { KeyName: 'key', IamInstanceProfile: { Name: 'one' } });
    const id = instance.InstanceId ?? '';
    const session = await connect(sshPort(instance), key);
    const token =
      'T=$(curl -s -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" $AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/api/token)';
    const names = async (): Promise<string> =>
      (
        await run(
          session,
          `${token}; curl -s -H "X-aws-ec2-metadata-token: $T" $AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/iam/security-credentials/`,
        )
      ).stdout.toString();
    const environment = (await run(session, 'env')).stdout.toString();
    expect(environment).toContain(`AWS_ENDPOINT_URL=${box.endpoint}`);
    expect(environment).not.toContain('AWS_SECRET_ACCESS_KEY');
    const list = () =>
      ec2.send(new DescribeIamInstanceProfileAssociationsCommand({ Filters: [{ Name: 'instance-id', Values: [id] }] }));
    const [association] = (await list()).IamInstanceProfileAssociations ?? [];
    expect(association).toMatchObject({ State: 'associated', InstanceId: id });
    const replaced = await ec2.send(
      new ReplaceIamInstanceProfileAssociationCommand({
        AssociationId: association?.AssociationId ?? '',
        IamInstanceProfile: { Name: 'two' },
      }),
    );
    const curl = (await run(session, 'command -v curl')).code === 0;
    if (curl) expect(await names()).toBe('two');
    const twice = ec2.send(
      new AssociateIamInstanceProfileCommand({ InstanceId: id, IamInstanceProfile: { Name: 'one' } }),
    );
    expect((await refusal(twice)).code).toBe('IncorrectState');
    const AssociationId = replaced.IamInstanceProfileAssociation?.AssociationId ?? '';
    await ec2.send(new DisassociateIamInstanceProfileCommand({ AssociationId }));
    expect((await list()).IamInstanceProfileAssociations).toEqual([]);
    if (curl) expect(await names()).toBe('Not Found');
    await ec2.send(new AssociateIamInstanceProfileCommand({ InstanceId: id, IamInstanceProfile: { Name: 'one' } }));
    if (curl) expect(await names()).toBe('one');
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  });

  test('is found by filters, page by page', async () => {
    const three = await ec2.send(
      new RunInstancesCommand(
        await launchInput(ec2, {
          MinCount: 3,
          MaxCount: 3,
          TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'set', Value: 'three' }] }],
        }),
      ),
    );
    const ids = (three.Instances ?? []).map((one) => one.InstanceId ?? '');
    for (const id of ids) await until(ec2, id, 'running');
    const found: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await ec2.send(
        new DescribeInstancesCommand({
          Filters: [
            { Name: 'tag:set', Values: ['th*'] },
            { Name: 'instance-state-name', Values: ['running'] },
          ],
          MaxResults: 2,
          ...(NextToken ? { NextToken } : {}),
        }),
      );
      found.push(...(page.Reservations ?? []).flatMap((r) => r.Instances ?? []).map((one) => one.InstanceId ?? ''));
      NextToken = page.NextToken;
    } while (NextToken);
    expect(found.sort()).toEqual([...ids].sort());
    const status = await ec2.send(new DescribeInstanceStatusCommand({ InstanceIds: ids }));
    expect(status.InstanceStatuses?.map((one) => one.InstanceStatus?.Status)).toEqual(['ok', 'ok', 'ok']);
    const odd = ec2.send(new DescribeInstancesCommand({ Filters: [{ Name: 'colour', Values: ['red'] }] }));
    expect((await refusal(odd)).code).toBe('InvalidParameterValue');
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  });

  test('shows its user data as an attribute', async () => {
    const UserData = Buffer.from('plain').toString('base64');
    const instance = await launch(ec2, { UserData });
    const InstanceId = instance.InstanceId ?? '';
    const shown = await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute: 'userData' }));
    expect(shown.UserData?.Value).toBe(UserData);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [InstanceId] }));
  });
});

describe('a sandbox that is stopped and started again', () => {
  test('brings its instances back with their files, ports and host keys', async () => {
    const directory = temporaryDirectory();
    const first = await sandbox({ directory });
    const ec2 = ec2Client(first);
    const key = await newKey(ec2, 'key');
    const instance = await launch(ec2, { KeyName: 'key' });
    const id = instance.InstanceId ?? '';
    const hostKey = await consoleHostKey(ec2, id);
    const session = await connect(sshPort(instance), key);
    await run(session, 'echo kept > ~/file');
    const inventory = await first.inventory();
    await first.stop();
    const second = await sandbox({ directory });
    const after = ec2Client(second);
    const back = await until(after, id, 'running');
    const again = await connect(sshPort(back), key, 'ec2-user', hostKey);
    expect((await run(again, 'cat ~/file')).stdout.toString()).toBe('kept\n');
    const names = (list: typeof inventory): string[] => list.map((entry) => `${entry.kind} ${entry.id}`);
    expect(names(await second.inventory())).toEqual(names(inventory));
  });
});
