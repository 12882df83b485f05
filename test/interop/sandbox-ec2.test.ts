/**
 * The sandbox's EC2, IAM and SSM driven by the AWS CLI, and the CLI inside an instance with the instance's own role.
 * Skipped by name where there is no working `aws`.
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

const directory = mkdtempSync(join(tmpdir(), 'hostark-interop-ec2-'));
const box = await startSandbox({ directory: join(directory, 'sandbox'), durable: false });
afterAll(async () => {
  await box.stop();
  rmSync(directory, { recursive: true, force: true });
});

const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: directory, AWS_PAGER: '', ...box.environment() };

/** Standard output; an error carries standard error in its message. */
async function aws(...args: string[]): Promise<string> {
  return (await run('aws', args, { env, cwd: directory })).stdout.trim();
}

/** One value by a JMESPath query. */
function ask(query: string, ...args: string[]): Promise<string> {
  return aws(...args, '--query', query, '--output', 'text');
}

const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});
const policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'ec2:Describe*', Resource: '*' }],
});

describe.skipIf(!works('aws', '--version'))('AWS CLI', () => {
  test('launches an instance with a role, waits for it, and takes everything away again', async () => {
    const image = await ask(
      'Parameter.Value',
      ...['ssm', 'get-parameter', '--name', '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64'],
    );
    await aws('iam', 'create-role', '--role-name', 'host', '--assume-role-policy-document', trust);
    await aws('iam', 'put-role-policy', '--role-name', 'host', '--policy-name', 'p', '--policy-document', policy);
    await aws('iam', 'create-instance-profile', '--instance-profile-name', 'host');
    await aws('iam', 'add-role-to-instance-profile', '--instance-profile-name', 'host', '--role-name', 'host');
    await aws('iam', 'wait', 'instance-profile-exists', '--instance-profile-name', 'host');
    await aws('ec2', 'create-key-pair', '--key-name', 'k', '--key-type', 'ed25519');
    const group = await ask('GroupId', 'ec2', 'create-security-group', '--group-name', 'g', '--description', 'd');
    const ingress = ['--group-id', group, '--protocol', 'tcp', '--port', '22', '--cidr', '203.0.113.7/32'];
    await aws('ec2', 'authorize-security-group-ingress', ...ingress);
    const id = await ask(
      'Instances[0].InstanceId',
      ...['ec2', 'run-instances', '--image-id', image, '--instance-type', 't3.micro', '--key-name', 'k'],
      ...['--security-group-ids', group, '--iam-instance-profile', 'Name=host', '--client-token', 'one'],
      ...['--metadata-options', 'HttpTokens=required,HttpPutResponseHopLimit=1'],
      ...['--tag-specifications', 'ResourceType=instance,Tags=[{Key=Name,Value=cli}]'],
    );
    await aws('ec2', 'wait', 'instance-running', '--instance-ids', id);
    const described = ['ec2', 'describe-instances', '--filters', 'Name=tag:Name,Values=cli'];
    const fields = 'Reservations[0].Instances[0].[InstanceId,PublicIpAddress,IamInstanceProfile.Arn]';
    const arn = `arn:aws:iam::${box.accountId}:instance-profile/host`;
    expect((await ask(fields, ...described)).split('\t')).toEqual([id, '127.0.0.1', arn]);
    const output = await ask('Output', 'ec2', 'get-console-output', '--instance-id', id);
    expect(output).toContain('BEGIN SSH HOST KEY KEYS');
    await expect(aws('ec2', 'delete-security-group', '--group-id', group)).rejects.toThrow('DependencyViolation');
    await expect(aws('iam', 'delete-role', '--role-name', 'host')).rejects.toThrow('DeleteConflict');
    await aws('ec2', 'terminate-instances', '--instance-ids', id);
    await aws('ec2', 'wait', 'instance-terminated', '--instance-ids', id);
    await aws('ec2', 'delete-security-group', '--group-id', group);
    await aws('ec2', 'delete-key-pair', '--key-name', 'k');
    const pair = ['--instance-profile-name', 'host', '--role-name', 'host'];
    await aws('iam', 'remove-role-from-instance-profile', ...pair);
    await aws('iam', 'delete-instance-profile', '--instance-profile-name', 'host');
    await aws('iam', 'delete-role-policy', '--role-name', 'host', '--policy-name', 'p');
    await aws('iam', 'delete-role', '--role-name', 'host');
    expect(await box.inventory()).toEqual([]);
  });

  test('shows the errors that it knows', async () => {
    const missing = aws('ec2', 'describe-instances', '--instance-ids', 'i-0123456789abcdef0');
    await expect(missing).rejects.toThrow('(InvalidInstanceID.NotFound)');
    await expect(aws('iam', 'get-role', '--role-name', 'none')).rejects.toThrow('(NoSuchEntity)');
    await expect(aws('ssm', 'get-parameter', '--name', '/none')).rejects.toThrow('(ParameterNotFound)');
    await expect(aws('ec2', 'describe-hosts')).rejects.toThrow('(InvalidAction)');
  });

  test('takes an instance’s own credentials from the metadata endpoint and nowhere else', async () => {
    await aws('iam', 'create-role', '--role-name', 'own', '--assume-role-policy-document', trust);
    await aws('iam', 'put-role-policy', '--role-name', 'own', '--policy-name', 'p', '--policy-document', policy);
    await aws('iam', 'create-instance-profile', '--instance-profile-name', 'own');
    await aws('iam', 'add-role-to-instance-profile', '--instance-profile-name', 'own', '--role-name', 'own');
    const image = await ask(
      'Images[0].ImageId',
      'ec2',
      'describe-images',
      '--owners',
      'amazon',
      '--filters',
      'Name=architecture,Values=x86_64',
    );
    const launched = [
      'ec2',
      'run-instances',
      '--image-id',
      image,
      '--instance-type',
      't3.micro',
      '--iam-instance-profile',
      'Name=own',
    ];
    const id = await ask('Instances[0].InstanceId', ...launched);
    await aws('ec2', 'wait', 'instance-running', '--instance-ids', id);
    const entry = (await box.inventory()).find((one) => one.id === id);
    const inside: NodeJS.ProcessEnv = {
      PATH: process.env.PATH,
      HOME: directory,
      AWS_ENDPOINT_URL: box.endpoint,
      AWS_DEFAULT_REGION: box.region,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${entry?.detail?.metadataPort}`,
    };
    const { stdout } = await run('aws', ['sts', 'get-caller-identity', '--query', 'Arn', '--output', 'text'], {
      env: inside,
    });
    expect(stdout.trim()).toBe(`arn:aws:sts::${box.accountId}:assumed-role/own/${id}`);
    await run('aws', ['ec2', 'describe-instances'], { env: inside });
    await expect(run('aws', ['ec2', 'create-key-pair', '--key-name', 'x'], { env: inside })).rejects.toThrow(
      'UnauthorizedOperation',
    );
    await aws('ec2', 'terminate-instances', '--instance-ids', id);
    await aws('ec2', 'wait', 'instance-terminated', '--instance-ids', id);
  });
});
