import { createConnection } from 'node:net';
import {
  AllocateAddressCommand,
  AssociateAddressCommand,
  AttachInternetGatewayCommand,
  CreateInternetGatewayCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  CreateVpcEndpointCommand,
  DeleteInternetGatewayCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  DeleteVpcEndpointsCommand,
  DescribeAddressesCommand,
  DescribeInternetGatewaysCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  DetachInternetGatewayCommand,
  DisassociateAddressCommand,
  ModifySubnetAttributeCommand,
  ReleaseAddressCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, test } from 'vitest';
import { refusal, sandbox } from '../harness.ts';
import { describe as describeInstance, ec2Client, launch, launchInput, sshPort, until } from './cloud.ts';

/** First bytes that a server says, or the code of the error. */
function greeting(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(port, host);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString().trim());
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}

describe('an elastic address', async () => {
  const box = await sandbox();
  const ec2 = ec2Client(box);

  test('is the instance’s public address while it is associated, and the instance answers there', async () => {
    const tags = [{ ResourceType: 'elastic-ip' as const, Tags: [{ Key: 'of', Value: 'web' }] }];
    const made = await ec2.send(new AllocateAddressCommand({ Domain: 'vpc', TagSpecifications: tags }));
    const { AllocationId = '', PublicIp = '' } = made;
    const instance = await launch(ec2);
    const id = instance.InstanceId ?? '';
    const { AssociationId } = await ec2.send(new AssociateAddressCommand({ AllocationId, InstanceId: id }));
    const seen = await describeInstance(ec2, id);
    expect(seen.PublicIpAddress).toBe(PublicIp);
    expect(seen.NetworkInterfaces?.[0]?.Association?.PublicIp).toBe(PublicIp);
    expect(await greeting(PublicIp, sshPort(seen))).toBe('SSH-2.0-HostarkSandbox');
    const found = await ec2.send(new DescribeAddressesCommand({ Filters: [{ Name: 'tag:of', Values: ['web'] }] }));
    expect(found.Addresses).toMatchObject([{ AllocationId, AssociationId, InstanceId: id, PublicIp }]);
    expect(await refusal(ec2.send(new ReleaseAddressCommand({ AllocationId })))).toMatchObject({
      code: 'InvalidIPAddress.InUse',
    });
    const other = await ec2.send(new AllocateAddressCommand({}));
    const strict = { AllocationId: other.AllocationId, InstanceId: id, AllowReassociation: false };
    expect((await refusal(ec2.send(new AssociateAddressCommand(strict)))).code).toBe('Resource.AlreadyAssociated');
    await ec2.send(new DisassociateAddressCommand({ AssociationId }));
    expect((await describeInstance(ec2, id)).PublicIpAddress).toBe('127.0.0.1');
    expect(await greeting(PublicIp, sshPort(seen))).toBe('ECONNREFUSED');
    await ec2.send(new AssociateAddressCommand({ AllocationId, InstanceId: id }));
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await until(ec2, id, 'terminated');
    for (const one of [AllocationId, other.AllocationId])
      await ec2.send(new ReleaseAddressCommand({ AllocationId: one }));
    expect(await box.inventory()).toEqual([]);
  });

  test('is refused what EC2 refuses, and there are five', async () => {
    const none = 'eipalloc-0123456789abcdef0';
    expect((await refusal(ec2.send(new ReleaseAddressCommand({ AllocationId: none })))).code).toBe(
      'InvalidAllocationID.NotFound',
    );
    expect((await refusal(ec2.send(new DisassociateAddressCommand({ AssociationId: 'eipassoc-0' })))).code).toBe(
      'InvalidAssociationID.NotFound',
    );
    const made: (string | undefined)[] = [];
    for (let n = 0; n < 5; n++) made.push((await ec2.send(new AllocateAddressCommand({}))).AllocationId);
    expect((await refusal(ec2.send(new AllocateAddressCommand({})))).code).toBe('AddressLimitExceeded');
    for (const AllocationId of made) await ec2.send(new ReleaseAddressCommand({ AllocationId }));
  });
});

describe('a network of one’s own', async () => {
  const box = await sandbox();
  const ec2 = ec2Client(box);

  test('holds subnets, groups and instances of its own, and goes when all of them are gone', async () => {
    const VpcId = (await ec2.send(new CreateVpcCommand({ CidrBlock: '10.1.0.0/16' }))).Vpc?.VpcId;
    const subnetInput = { VpcId, CidrBlock: '10.1.2.0/24', AvailabilityZone: `${box.region}b` };
    const subnet = (await ec2.send(new CreateSubnetCommand(subnetInput))).Subnet;
    expect(subnet).toMatchObject({
      VpcId,
      AvailableIpAddressCount: 251,
      MapPublicIpOnLaunch: false,
      DefaultForAz: false,
    });
    const codes = [
      new CreateSubnetCommand(subnetInput),
      new CreateSubnetCommand({ ...subnetInput, CidrBlock: '10.2.0.0/24' }),
      new CreateVpcCommand({ CidrBlock: '10.1.0.0/8' }),
      new CreateSubnetCommand({ ...subnetInput, VpcId: 'vpc-0123456789abcdef0' }),
      new DeleteVpcCommand({ VpcId }),
    ].map(async (command) => (await refusal(ec2.send(command as never))).code);
    expect(await Promise.all(codes)).toEqual([
      'InvalidSubnet.Conflict',
      'InvalidSubnet.Range',
      'InvalidVpc.Range',
      'InvalidVpcID.NotFound',
      'DependencyViolation',
    ]);
    const SubnetId = subnet?.SubnetId;
    const group = { GroupName: 'same', Description: 'd' };
    const { GroupId: outside = '' } = await ec2.send(new CreateSecurityGroupCommand(group));
    const { GroupId: inside = '' } = await ec2.send(new CreateSecurityGroupCommand({ ...group, VpcId }));
    const wrong = await launchInput(ec2, { SubnetId, SecurityGroupIds: [outside] });
    expect(await refusal(ec2.send(new RunInstancesCommand(wrong)))).toMatchObject({
      code: 'InvalidParameter',
      message: `Security group ${outside} and subnet ${SubnetId} belong to different networks.`,
    });
    const instance = await launch(ec2, { SubnetId, SecurityGroupIds: [inside] });
    const id = instance.InstanceId ?? '';
    expect(instance).toMatchObject({ VpcId, SubnetId, PrivateIpAddress: '10.1.2.4' });
    expect(instance.PublicIpAddress).toBeUndefined();
    const { AllocationId } = await ec2.send(new AllocateAddressCommand({}));
    expect((await refusal(ec2.send(new AssociateAddressCommand({ AllocationId, InstanceId: id })))).code).toBe(
      'Gateway.NotAttached',
    );
    const gateway = await ec2.send(new CreateInternetGatewayCommand({}));
    const InternetGatewayId = gateway.InternetGateway?.InternetGatewayId;
    await ec2.send(new AttachInternetGatewayCommand({ InternetGatewayId, VpcId }));
    await ec2.send(new AssociateAddressCommand({ AllocationId, InstanceId: id }));
    expect((await refusal(ec2.send(new DetachInternetGatewayCommand({ InternetGatewayId, VpcId })))).code).toBe(
      'DependencyViolation',
    );
    const tables = await ec2.send(
      new DescribeRouteTablesCommand({ Filters: [{ Name: 'vpc-id', Values: [VpcId ?? ''] }] }),
    );
    expect(tables.RouteTables?.[0]?.Routes?.map((route) => route.GatewayId)).toEqual(['local', InternetGatewayId]);
    const ServiceName = `com.amazonaws.${box.region}.s3`;
    const RouteTableIds = [tables.RouteTables?.[0]?.RouteTableId ?? ''];
    const endpoint = await ec2.send(new CreateVpcEndpointCommand({ VpcId, ServiceName, RouteTableIds }));
    expect((await refusal(ec2.send(new DeleteSubnetCommand({ SubnetId })))).code).toBe('DependencyViolation');
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await until(ec2, id, 'terminated');
    await ec2.send(new ReleaseAddressCommand({ AllocationId }));
    await ec2.send(new ModifySubnetAttributeCommand({ SubnetId, MapPublicIpOnLaunch: { Value: true } }));
    const second = await launch(ec2, { SubnetId });
    expect(second.PublicIpAddress).toBe('127.0.0.1');
    expect(second.SecurityGroups).toMatchObject([{ GroupName: 'default' }]);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [second.InstanceId ?? ''] }));
    await until(ec2, second.InstanceId ?? '', 'terminated');
    await ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [endpoint.VpcEndpoint?.VpcEndpointId ?? ''] }));
    await ec2.send(new DetachInternetGatewayCommand({ InternetGatewayId, VpcId }));
    await ec2.send(new DeleteInternetGatewayCommand({ InternetGatewayId }));
    for (const GroupId of [outside, inside]) await ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
    await ec2.send(new DeleteSubnetCommand({ SubnetId }));
    await ec2.send(new DeleteVpcCommand({ VpcId }));
    expect(await box.inventory()).toEqual([]);
    const groups = await ec2.send(new DescribeSecurityGroupsCommand({}));
    expect(groups.SecurityGroups?.map((one) => one.GroupName)).toEqual(['default']);
  });

  test('stands beside the default network in every description', async () => {
    const VpcId = (await ec2.send(new CreateVpcCommand({ CidrBlock: '10.9.0.0/24' }))).Vpc?.VpcId ?? '';
    const all = await ec2.send(new DescribeVpcsCommand({}));
    expect(all.Vpcs?.map((vpc) => vpc.IsDefault)).toEqual([true, false]);
    const byDefault = await ec2.send(new DescribeVpcsCommand({ Filters: [{ Name: 'is-default', Values: ['false'] }] }));
    expect(byDefault.Vpcs?.map((vpc) => vpc.VpcId)).toEqual([VpcId]);
    const subnets = await ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: 'vpc-id', Values: [VpcId] }] }));
    expect(subnets.Subnets).toEqual([]);
    const gateways = await ec2.send(new DescribeInternetGatewaysCommand({}));
    expect(gateways.InternetGateways).toHaveLength(1);
    await ec2.send(new DeleteVpcCommand({ VpcId }));
  });
});
