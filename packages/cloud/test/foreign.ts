/** A host that somebody else launched, for adoption: made with the SDK alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateSecurityGroupCommand,
  DescribeIamInstanceProfileAssociationsCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  GetConsoleOutputCommand,
  ImportKeyPairCommand,
  type Instance,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  ListInstanceProfilesCommand,
  ListRolesCommand,
} from '@aws-sdk/client-iam';
import { generateSshKey } from '../src/index.ts';
import type { TestCloud } from './sandbox.ts';

export interface ForeignHost {
  readonly id: string;
  readonly identityFile: string;
  /** As the host itself says on its console. */
  readonly hostKey: string;
}

/** Launches it with its own key and group, and waits until it runs. */
export async function launchForeign(cloud: TestCloud, name: string): Promise<ForeignHost> {
  const ec2 = await cloud.clients.ec2();
  const key = generateSshKey(name);
  const identityFile = join(cloud.root, `${name}.pem`);
  writeFileSync(identityFile, key.privateKey, { mode: 0o600 });
  await ec2.send(new ImportKeyPairCommand({ KeyName: name, PublicKeyMaterial: Buffer.from(key.publicKey) }));
  const { Images = [] } = await ec2.send(
    new DescribeImagesCommand({ Filters: [{ Name: 'architecture', Values: ['x86_64'] }] }),
  );
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
  const group = await ec2.send(
    new CreateSecurityGroupCommand({ GroupName: name, Description: 'theirs', VpcId: Subnets[0]!.VpcId! }),
  );
  const { Instances = [] } = await ec2.send(
    new RunInstancesCommand({
      ImageId: Images.find((image) => image.Name?.startsWith('debian'))!.ImageId!,
      InstanceType: 't3.micro',
      MinCount: 1,
      MaxCount: 1,
      KeyName: name,
      SubnetId: Subnets[0]!.SubnetId!,
      SecurityGroupIds: [group.GroupId!],
      TagSpecifications: [
        {
          ResourceType: 'instance',
          Tags: [
            { Key: 'Name', Value: name },
            { Key: 'team', Value: 'them' },
          ],
        },
      ],
    }),
  );
  const id = Instances[0]!.InstanceId!;
  while ((await lookAt(cloud, id)).State?.Name !== 'running') await new Promise((resolve) => setTimeout(resolve, 50));
  const { Output = '' } = await ec2.send(new GetConsoleOutputCommand({ InstanceId: id }));
  const hostKey = /ssh-ed25519 \S+/.exec(Buffer.from(Output, 'base64').toString())![0];
  return { id, identityFile, hostKey };
}

/** A profile with a role, as another program would have made for its own needs. Returns its ARN. */
export async function foreignProfile(cloud: TestCloud, name: string): Promise<string> {
  const iam = await cloud.clients.iam();
  const trust = { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
  await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument }));
  const { InstanceProfile } = await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }));
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
  return InstanceProfile!.Arn!;
}

export async function lookAt(cloud: TestCloud, id: string): Promise<Instance> {
  const ec2 = await cloud.clients.ec2();
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations[0]!.Instances![0]!;
}

/**
 * Everything that an adoption could change, closer than the sandbox's own inventory: the instance as described, which
 * profile it has, every group with its rules, every role and profile.
 */
export async function closeLook(cloud: TestCloud): Promise<unknown> {
  const [ec2, iam] = [await cloud.clients.ec2(), await cloud.clients.iam()];
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}));
  const live = Reservations.flatMap(({ Instances = [] }) => Instances).filter(
    (one) => one.State?.Name !== 'terminated',
  );
  const associations = (await ec2.send(new DescribeIamInstanceProfileAssociationsCommand({})))
    .IamInstanceProfileAssociations;
  return JSON.parse(
    JSON.stringify({
      instances: live,
      profiles: associations?.map(({ InstanceId, IamInstanceProfile }) => [InstanceId, IamInstanceProfile]),
      groups: (await ec2.send(new DescribeSecurityGroupsCommand({}))).SecurityGroups,
      roles: (await iam.send(new ListRolesCommand({}))).Roles?.map(({ RoleName }) => RoleName),
      all: (await iam.send(new ListInstanceProfilesCommand({}))).InstanceProfiles,
      inventory: await cloud.sandbox.inventory(),
    }),
  );
}
