/**
 * The sandbox's volumes, snapshots, images, addresses, networks and spot instances driven by the AWS CLI. Skipped by
 * name where there is no working `aws`.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startSandbox } from '@hostark/sandbox';
import { afterAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);

function works(program: string, argument: string): boolean {
  try {
    execFileSync(program, [argument], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const directory = mkdtempSync(join(tmpdir(), 'hostark-interop-ebs-'));
const box = await startSandbox({ directory: join(directory, 'sandbox'), durable: false });
afterAll(async () => {
  await box.stop();
  rmSync(directory, { recursive: true, force: true });
});

const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: directory, AWS_PAGER: '', ...box.environment() };
const zone = `${box.region}a`;

/** Standard output of `aws ec2 …`; an error carries standard error in its message. */
async function ec2(...args: string[]): Promise<string> {
  return (await run('aws', ['ec2', ...args], { env, cwd: directory })).stdout.trim();
}

/** One value by a JMESPath query. */
function ask(query: string, ...args: string[]): Promise<string> {
  return ec2(...args, '--query', query, '--output', 'text');
}

const catalog = ['describe-images', '--owners', 'amazon', '--filters', 'Name=architecture,Values=x86_64'];

describe.skipIf(!works('aws', '--version'))('AWS CLI', () => {
  test('attaches a volume, snapshots a whole instance, copies to another region and boots from the copy', async () => {
    const image = await ask('Images[0].ImageId', ...catalog);
    const launch = ['run-instances', '--image-id', image, '--instance-type', 't3.micro'];
    const mappings = 'DeviceName=/dev/sdg,Ebs={VolumeSize=2,VolumeType=gp3,Encrypted=true,DeleteOnTermination=true}';
    const placed = ['--placement', `AvailabilityZone=${zone}`, '--block-device-mappings', mappings];
    const id = await ask('Instances[0].InstanceId', ...launch, ...placed);
    await ec2('wait', 'instance-running', '--instance-ids', id);
    const create = ['create-volume', '--availability-zone', zone, '--size', '1', '--volume-type', 'gp3'];
    const tags = ['--tag-specifications', 'ResourceType=volume,Tags=[{Key=of,Value=cli}]'];
    const volume = await ask('VolumeId', ...create, '--encrypted', ...tags);
    await ec2('wait', 'volume-available', '--volume-ids', volume);
    await ec2('attach-volume', '--volume-id', volume, '--instance-id', id, '--device', '/dev/sdf');
    await ec2('wait', 'volume-in-use', '--volume-ids', volume);
    await expect(ec2('delete-volume', '--volume-id', volume)).rejects.toThrow('(VolumeInUse)');
    const attached = ['describe-volumes', '--filters', `Name=attachment.instance-id,Values=${id}`];
    expect((await ask('length(Volumes)', ...attached)).trim()).toBe('3');
    const all = [
      'create-snapshots',
      '--instance-specification',
      `InstanceId=${id}`,
      '--copy-tags-from-source',
      'volume',
    ];
    const made = JSON.parse(await ec2(...all, '--description', 'night')) as { Snapshots: Made[] };
    expect(made.Snapshots).toHaveLength(3);
    expect(made.Snapshots.find((one) => one.VolumeId === volume)?.Tags).toEqual([{ Key: 'of', Value: 'cli' }]);
    const ids = made.Snapshots.map((one) => one.SnapshotId);
    await ec2('wait', 'snapshot-completed', '--snapshot-ids', ...ids);
    expect(await ask('length(Snapshots)', 'describe-snapshots', '--owner-ids', 'self')).toBe('3');
    const data = `InstanceId=${id},ExcludeBootVolume=true,ExcludeDataVolumeIds=[${volume}]`;
    const few = JSON.parse(await ec2('create-snapshots', '--instance-specification', data)) as { Snapshots: Made[] };
    expect(few.Snapshots).toHaveLength(1);
    await ec2('delete-snapshot', '--snapshot-id', few.Snapshots[0]?.SnapshotId ?? '');

    const root = await ask(
      'Volumes[0].VolumeId',
      'describe-volumes',
      '--filters',
      'Name=attachment.device,Values=/dev/xvda',
    );
    const rootSnapshot = made.Snapshots.find((one) => one.VolumeId === root)?.SnapshotId ?? '';
    const there = ['--region', 'eu-west-1'];
    const source = ['--source-region', box.region, '--source-snapshot-id', rootSnapshot];
    const copy = await ask('SnapshotId', 'copy-snapshot', ...there, ...source, '--encrypted', '--description', 'copy');
    await ec2('wait', 'snapshot-completed', ...there, '--snapshot-ids', copy);
    const disks = `[{"DeviceName":"/dev/xvda","Ebs":{"SnapshotId":"${copy}"}}]`;
    const registering = [
      '--architecture',
      'x86_64',
      '--root-device-name',
      '/dev/xvda',
      '--block-device-mappings',
      disks,
    ];
    const own = await ask('ImageId', 'register-image', ...there, '--name', 'recovered', ...registering);
    await ec2('wait', 'image-available', ...there, '--image-ids', own);
    const launched = ['run-instances', ...there, '--image-id', own, '--instance-type', 't3.micro'];
    const second = await ask('Instances[0].InstanceId', ...launched);
    await ec2('wait', 'instance-running', ...there, '--instance-ids', second);
    await expect(ec2('delete-snapshot', ...there, '--snapshot-id', copy)).rejects.toThrow('(InvalidSnapshot.InUse)');
    await ec2('terminate-instances', ...there, '--instance-ids', second);
    await ec2('wait', 'instance-terminated', ...there, '--instance-ids', second);
    await ec2('deregister-image', ...there, '--image-id', own);
    await ec2('delete-snapshot', ...there, '--snapshot-id', copy);
    await ec2('detach-volume', '--volume-id', volume);
    await ec2('wait', 'volume-available', '--volume-ids', volume);
    await ec2('delete-volume', '--volume-id', volume);
    for (const one of ids) await ec2('delete-snapshot', '--snapshot-id', one);
    await ec2('terminate-instances', '--instance-ids', id);
    await ec2('wait', 'instance-terminated', '--instance-ids', id);
    expect(await box.inventory()).toEqual([]);
  });

  test('gives an instance in a network of its own an elastic address', async () => {
    const vpc = await ask('Vpc.VpcId', 'create-vpc', '--cidr-block', '10.0.0.0/16');
    const range = ['--cidr-block', '10.0.1.0/24', '--availability-zone', zone];
    const subnet = await ask('Subnet.SubnetId', 'create-subnet', '--vpc-id', vpc, ...range);
    const gateway = await ask('InternetGateway.InternetGatewayId', 'create-internet-gateway');
    const pair = ['--internet-gateway-id', gateway, '--vpc-id', vpc];
    await ec2('attach-internet-gateway', ...pair);
    const image = await ask('Images[0].ImageId', ...catalog);
    const launch = ['run-instances', '--image-id', image, '--instance-type', 't3.micro', '--subnet-id', subnet];
    const id = await ask('Instances[0].InstanceId', ...launch);
    await ec2('wait', 'instance-running', '--instance-ids', id);
    const address = ['describe-instances', '--instance-ids', id];
    expect(await ask('Reservations[0].Instances[0].PublicIpAddress', ...address)).toBe('None');
    const [allocation = '', ip] = (await ask('[AllocationId,PublicIp]', 'allocate-address', '--domain', 'vpc')).split(
      '\t',
    );
    const association = await ask(
      'AssociationId',
      ...['associate-address', '--allocation-id', allocation, '--instance-id', id],
    );
    expect(await ask('Reservations[0].Instances[0].PublicIpAddress', ...address)).toBe(ip);
    await expect(ec2('delete-vpc', '--vpc-id', vpc)).rejects.toThrow('(DependencyViolation)');
    await ec2('disassociate-address', '--association-id', association);
    await ec2('release-address', '--allocation-id', allocation);
    await ec2('terminate-instances', '--instance-ids', id);
    await ec2('wait', 'instance-terminated', '--instance-ids', id);
    await ec2('detach-internet-gateway', ...pair);
    await ec2('delete-internet-gateway', '--internet-gateway-id', gateway);
    await ec2('delete-subnet', '--subnet-id', subnet);
    await ec2('delete-vpc', '--vpc-id', vpc);
    expect(await box.inventory()).toEqual([]);
  });

  test('launches a spot instance and sees what runs out', async () => {
    const image = await ask('Images[0].ImageId', ...catalog);
    const launch = ['run-instances', '--image-id', image, '--instance-type', 't3.micro'];
    const market = ['--instance-market-options', 'MarketType=spot'];
    const id = await ask('Instances[0].InstanceId', ...launch, ...market);
    await ec2('wait', 'instance-running', '--instance-ids', id);
    const requests = ['describe-spot-instance-requests', '--filters', `Name=instance-id,Values=${id}`];
    expect(await ask('SpotInstanceRequests[0].State', ...requests)).toBe('active');
    box.interrupt(id, { noticeMs: 0 });
    await ec2('wait', 'instance-terminated', '--instance-ids', id);
    expect(await ask('SpotInstanceRequests[0].State', ...requests)).toBe('closed');
    const offered = ['describe-instance-type-offerings', '--location-type', 'availability-zone'];
    const c7g = ['--filters', 'Name=instance-type,Values=c7g.large'];
    expect(await ask('length(InstanceTypeOfferings)', ...offered, ...c7g)).toBe('3');
    box.capacity.lack({ zone });
    const placed = ['--placement', `AvailabilityZone=${zone}`];
    await expect(ec2(...launch, ...placed)).rejects.toThrow('(InsufficientInstanceCapacity)');
    box.capacity.clear();
    await expect(ec2('create-volume', '--availability-zone', zone)).rejects.toThrow('(MissingParameter)');
    await expect(ec2('describe-snapshots', '--snapshot-ids', 'snap-0123456789abcdef0')).rejects.toThrow(
      '(InvalidSnapshot.NotFound)',
    );
    await expect(ec2('release-address', '--allocation-id', 'eipalloc-0123456789abcdef0')).rejects.toThrow(
      '(InvalidAllocationID.NotFound)',
    );
  });
});

interface Made {
  readonly SnapshotId: string;
  readonly VolumeId: string;
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
}
