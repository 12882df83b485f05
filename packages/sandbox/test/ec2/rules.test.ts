import {
  AuthorizeSecurityGroupIngressCommand,
  CreateKeyPairCommand,
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteKeyPairCommand,
  DeleteSecurityGroupCommand,
  DeleteTagsCommand,
  DescribeAvailabilityZonesCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypesCommand,
  DescribeKeyPairsCommand,
  DescribeRegionsCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  DescribeVpcsCommand,
  ImportKeyPairCommand,
  RevokeSecurityGroupIngressCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { AddRoleToInstanceProfileCommand, CreateInstanceProfileCommand, CreateRoleCommand } from '@aws-sdk/client-iam';
import { describe, expect, test } from 'vitest';
import { makeKeyPair } from '../../src/ssh/keys.ts';
import { type Keys, refusal, type StatementInput, sandbox, sandboxWith } from '../harness.ts';
import { EC2_TRUST, ec2Client, iamClient, imageId, launch, launchInput, until } from './cloud.ts';

const allow = (
  Action: string | string[],
  Resource: string | string[] = '*',
  more: StatementInput = {},
): StatementInput => ({
  ...{ Effect: 'Allow', Action, Resource },
  ...more,
});

describe('EC2 refuses', async () => {
  const box = await sandbox();
  const ec2 = ec2Client(box);
  const good = await launchInput(ec2);
  const unknown = 'i-0123456789abcdef0';

  test.each([
    [
      'an unknown instance',
      'InvalidInstanceID.NotFound',
      () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [unknown] })),
    ],
    [
      'a malformed instance id',
      'InvalidInstanceID.Malformed',
      () => ec2.send(new DescribeInstancesCommand({ InstanceIds: ['i-zz'] })),
    ],
    [
      'an unknown image',
      'InvalidAMIID.NotFound',
      () => ec2.send(new RunInstancesCommand({ ...good, ImageId: 'ami-0123456789abcdef0' })),
    ],
    [
      'an unknown key pair',
      'InvalidKeyPair.NotFound',
      () => ec2.send(new RunInstancesCommand({ ...good, KeyName: 'none' })),
    ],
    [
      'an unknown group',
      'InvalidGroup.NotFound',
      () => ec2.send(new RunInstancesCommand({ ...good, SecurityGroupIds: ['sg-0123456789abcdef0'] })),
    ],
    [
      'an unknown subnet',
      'InvalidSubnetID.NotFound',
      () => ec2.send(new RunInstancesCommand({ ...good, SubnetId: 'subnet-0123456789abcdef0' })),
    ],
    [
      'an unknown profile',
      'InvalidParameterValue',
      () => ec2.send(new RunInstancesCommand({ ...good, IamInstanceProfile: { Name: 'none' } })),
    ],
    [
      'a type of another architecture',
      'InvalidParameterValue',
      () => ec2.send(new RunInstancesCommand({ ...good, InstanceType: 't4g.micro' })),
    ],
    [
      'reserved tags',
      'InvalidParameterValue',
      () =>
        ec2.send(
          new RunInstancesCommand({
            ...good,
            TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'aws:x', Value: 'y' }] }],
          }),
        ),
    ],
    [
      'ending an unknown instance',
      'InvalidInstanceID.NotFound',
      () => ec2.send(new TerminateInstancesCommand({ InstanceIds: [unknown] })),
    ],
    [
      'tags on nothing',
      'InvalidInstanceID.NotFound',
      () => ec2.send(new CreateTagsCommand({ Resources: [unknown], Tags: [{ Key: 'a', Value: 'b' }] })),
    ],
  ])('%s', async (_, code, call) => {
    expect(await refusal(call())).toMatchObject({ code, status: 400 });
    expect(await box.inventory()).toEqual([]);
  });

  test('an action that it does not have, by name', async () => {
    const { DescribeHostsCommand } = await import('@aws-sdk/client-ec2');
    expect(await refusal(ec2.send(new DescribeHostsCommand({})))).toMatchObject({ code: 'InvalidAction', status: 400 });
  });

  test('a dry run, and says that it would have worked', async () => {
    const answer = await refusal(ec2.send(new RunInstancesCommand({ ...good, DryRun: true })));
    expect(answer).toMatchObject({ code: 'DryRunOperation', status: 412 });
    expect(await box.inventory()).toEqual([]);
  });
});

describe('key pairs', async () => {
  const ec2 = ec2Client(await sandbox());

  test('of both types are made, listed with the fingerprint, and deleted for good', async () => {
    for (const type of ['ed25519', 'rsa'] as const) {
      const made = await ec2.send(new CreateKeyPairCommand({ KeyName: type, KeyType: type }));
      expect(made.KeyMaterial).toContain(type === 'rsa' ? 'BEGIN RSA PRIVATE KEY' : 'BEGIN OPENSSH PRIVATE KEY');
      const listed = await ec2.send(new DescribeKeyPairsCommand({ KeyNames: [type] }));
      expect(listed.KeyPairs?.[0]).toMatchObject({ KeyFingerprint: made.KeyFingerprint, KeyType: type });
      expect((await refusal(ec2.send(new CreateKeyPairCommand({ KeyName: type })))).code).toBe(
        'InvalidKeyPair.Duplicate',
      );
      await ec2.send(new DeleteKeyPairCommand({ KeyName: type }));
      expect((await refusal(ec2.send(new DescribeKeyPairsCommand({ KeyNames: [type] })))).code).toBe(
        'InvalidKeyPair.NotFound',
      );
      await ec2.send(new DeleteKeyPairCommand({ KeyName: type }));
    }
  });

  test('are imported from OpenSSH text alone', async () => {
    const { publicKey } = await makeKeyPair('ed25519');
    const material = Buffer.from(`${publicKey} me@here`);
    const made = await ec2.send(new ImportKeyPairCommand({ KeyName: 'mine', PublicKeyMaterial: material }));
    const listed = await ec2.send(
      new DescribeKeyPairsCommand({ KeyPairIds: [made.KeyPairId ?? ''], IncludePublicKey: true }),
    );
    expect(listed.KeyPairs?.[0]?.PublicKey).toBe(`${publicKey} mine`);
    const bad = ec2.send(new ImportKeyPairCommand({ KeyName: 'bad', PublicKeyMaterial: Buffer.from('hello') }));
    expect((await refusal(bad)).code).toBe('InvalidKey.Format');
  });
});

describe('security groups', async () => {
  const box = await sandbox();
  const ec2 = ec2Client(box);
  const rule = {
    IpProtocol: 'tcp',
    FromPort: 22,
    ToPort: 22,
    IpRanges: [{ CidrIp: '203.0.113.7/32', Description: 'me' }],
  };

  test('hold rules that can be added once and taken away once', async () => {
    const { GroupId = '' } = await ec2.send(new CreateSecurityGroupCommand({ GroupName: 'g', Description: 'd' }));
    const again = ec2.send(new CreateSecurityGroupCommand({ GroupName: 'g', Description: 'd' }));
    expect((await refusal(again)).code).toBe('InvalidGroup.Duplicate');
    const added = await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [rule] }));
    expect(added.SecurityGroupRules?.[0]).toMatchObject({ CidrIpv4: '203.0.113.7/32', FromPort: 22, IsEgress: false });
    const twice = ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [rule] }));
    expect((await refusal(twice)).code).toBe('InvalidPermission.Duplicate');
    const seen = await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }));
    expect(seen.SecurityGroups?.[0]?.IpPermissions?.[0]).toMatchObject(rule);
    expect(seen.SecurityGroups?.[0]?.IpPermissionsEgress?.[0]?.IpRanges?.[0]?.CidrIp).toBe('0.0.0.0/0');
    await ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions: [rule] }));
    const gone = ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions: [rule] }));
    expect((await refusal(gone)).code).toBe('InvalidPermission.NotFound');
    await ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
    const missing = ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }));
    expect((await refusal(missing)).code).toBe('InvalidGroup.NotFound');
  });

  test('cannot be deleted while an instance uses them', async () => {
    const { GroupId = '' } = await ec2.send(new CreateSecurityGroupCommand({ GroupName: 'used', Description: 'd' }));
    const instance = await launch(ec2, { SecurityGroupIds: [GroupId] });
    const early = ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
    expect((await refusal(early)).code).toBe('DependencyViolation');
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance.InstanceId ?? ''] }));
    await until(ec2, instance.InstanceId ?? '', 'terminated');
    await ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
  });
});

describe('what every account finds', async () => {
  const box = await sandbox();
  const ec2 = ec2Client(box);

  test('is a default network with three zones in each region', async () => {
    const vpc = (await ec2.send(new DescribeVpcsCommand({ Filters: [{ Name: 'is-default', Values: ['true'] }] })))
      .Vpcs?.[0];
    const subnets = await ec2.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpc?.VpcId ?? ''] }] }),
    );
    expect(subnets.Subnets?.map((one) => one.AvailabilityZone)).toEqual(['us-east-1a', 'us-east-1b', 'us-east-1c']);
    const zones = await ec2Client(box, box.adminCredentials, 'eu-west-1').send(
      new DescribeAvailabilityZonesCommand({}),
    );
    expect(zones.AvailabilityZones?.map((one) => [one.ZoneName, one.ZoneId])).toContainEqual([
      'eu-west-1a',
      'euw1-az1',
    ]);
    expect((await ec2.send(new DescribeRegionsCommand({}))).Regions?.map((one) => one.RegionName)).toContain(
      'eu-central-1',
    );
  });

  test('are images and instance types of both architectures', async () => {
    expect(await imageId(ec2, 'arm64')).toMatch(/^ami-/);
    expect((await ec2.send(new DescribeImagesCommand({}))).Images?.length).toBe(6);
    const types = await ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: ['m7g.large'] }));
    expect(types.InstanceTypes?.[0]).toMatchObject({ VCpuInfo: { DefaultVCpus: 2 }, MemoryInfo: { SizeInMiB: 8192 } });
  });
});

describe('tags', async () => {
  const ec2 = ec2Client(await sandbox());

  test('are set, replaced, listed and removed by value', async () => {
    const { GroupId = '' } = await ec2.send(new CreateSecurityGroupCommand({ GroupName: 't', Description: 'd' }));
    const set = (Value: string) =>
      ec2.send(new CreateTagsCommand({ Resources: [GroupId], Tags: [{ Key: 'k', Value }] }));
    const list = async () =>
      (await ec2.send(new DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: [GroupId] }] }))).Tags;
    await set('1');
    await set('2');
    expect(await list()).toEqual([{ Key: 'k', Value: '2', ResourceId: GroupId, ResourceType: 'security-group' }]);
    await ec2.send(new DeleteTagsCommand({ Resources: [GroupId], Tags: [{ Key: 'k', Value: '1' }] }));
    expect(await list()).toHaveLength(1);
    await ec2.send(new DeleteTagsCommand({ Resources: [GroupId], Tags: [{ Key: 'k' }] }));
    expect(await list()).toEqual([]);
  });
});

describe('policies', async () => {
  const { box, made } = await sandboxWith((account, accountId) => {
    const pass = `arn:aws:iam::${accountId}:role/passable`;
    for (const name of ['passable', 'other']) account.role(name, EC2_TRUST, []);
    const read = allow('ec2:Describe*');
    return {
      reader: account.user('reader', [read]),
      launcher: account.user('launcher', [
        read,
        allow(['ec2:RunInstances', 'ec2:CreateTags']),
        allow('iam:PassRole', pass, { Condition: { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } } }),
      ]),
      owner: account.user('owner', [
        read,
        allow('ec2:RunInstances', '*'),
        allow('ec2:CreateTags', '*', {
          Condition: { StringEquals: { 'ec2:CreateAction': 'RunInstances', 'aws:RequestTag/team': 'blue' } },
        }),
        allow('ec2:TerminateInstances', 'arn:aws:ec2:*:*:instance/*', {
          Condition: { StringEquals: { 'aws:ResourceTag/team': 'blue' } },
        }),
      ]),
    };
  });
  const as = (keys: Keys) => ec2Client(box, keys);
  const admin = ec2Client(box);
  const iam = iamClient(box);
  const input = await launchInput(admin);
  for (const name of ['passable', 'other']) {
    await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }));
    await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
  }
  const tagged = (team: string) => ({
    TagSpecifications: [{ ResourceType: 'instance' as const, Tags: [{ Key: 'team', Value: team }] }],
  });

  test('bound every call', async () => {
    await as(made.reader).send(new DescribeInstancesCommand({}));
    for (const call of [new RunInstancesCommand(input), new RunInstancesCommand({ ...input, DryRun: true })])
      expect(await refusal(as(made.reader).send(call))).toMatchObject({ code: 'UnauthorizedOperation', status: 403 });
    expect((await refusal(as(made.reader).send(new CreateKeyPairCommand({ KeyName: 'k' })))).code).toBe(
      'UnauthorizedOperation',
    );
  });

  test('decide which role may be passed to an instance', async () => {
    const client = as(made.launcher);
    const refused = client.send(new RunInstancesCommand({ ...input, IamInstanceProfile: { Name: 'other' } }));
    expect(await refusal(refused)).toMatchObject({
      code: 'UnauthorizedOperation',
      message: expect.stringContaining('iam:PassRole'),
    });
    const done = await client.send(new RunInstancesCommand({ ...input, IamInstanceProfile: { Name: 'passable' } }));
    await admin.send(new TerminateInstancesCommand({ InstanceIds: [done.Instances?.[0]?.InstanceId ?? ''] }));
  });

  test('see the tags of the request and of the instance', async () => {
    const client = as(made.owner);
    expect((await refusal(client.send(new RunInstancesCommand({ ...input, ...tagged('red') })))).code).toBe(
      'UnauthorizedOperation',
    );
    const blue = await client.send(new RunInstancesCommand({ ...input, ...tagged('blue') }));
    const red = await admin.send(new RunInstancesCommand({ ...input, ...tagged('red') }));
    const id = (run: typeof blue): string => run.Instances?.[0]?.InstanceId ?? '';
    const foreign = client.send(new TerminateInstancesCommand({ InstanceIds: [id(red)] }));
    expect((await refusal(foreign)).code).toBe('UnauthorizedOperation');
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id(blue)] }));
    await admin.send(new TerminateInstancesCommand({ InstanceIds: [id(red)] }));
  });
});

describe('eventual consistency, switched on', () => {
  test('hides a new profile from RunInstances, and a new instance from DescribeInstances, for a while', async () => {
    const box = await sandbox();
    const ec2 = ec2Client(box);
    const iam = iamClient(box);
    box.consistency.delay('profile', { calls: 2 });
    box.consistency.delay('instance', { calls: 1 });
    await iam.send(new CreateRoleCommand({ RoleName: 'r', AssumeRolePolicyDocument: EC2_TRUST }));
    await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: 'p' }));
    await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: 'p', RoleName: 'r' }));
    const input = await launchInput(ec2, { IamInstanceProfile: { Name: 'p' } });
    const messages: string[] = [];
    let id = '';
    while (id === '') {
      try {
        id = (await ec2.send(new RunInstancesCommand(input))).Instances?.[0]?.InstanceId ?? '';
      } catch (error) {
        messages.push((error as Error).message);
      }
    }
    expect(messages).toHaveLength(4);
    expect(messages[0]).toContain('Invalid IAM Instance Profile');
    expect(messages[3]).toContain('has no associated IAM Roles');
    const first = ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    expect((await refusal(first)).code).toBe('InvalidInstanceID.NotFound');
    await until(ec2, id, 'running');
  });
});
