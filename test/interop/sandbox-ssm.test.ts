/** The sandbox's Run Command driven by the AWS CLI. Skipped by name where there is no working `aws`. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startSandbox } from '@hostark/sandbox';
import { afterAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'hostark-interop-ssm-'));
const box = await startSandbox({ directory: join(directory, 'sandbox'), durable: false });
afterAll(async () => {
  await box.stop();
  rmSync(directory, { recursive: true, force: true });
});

const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: directory, AWS_PAGER: '', ...box.environment() };
const aws = async (...args: string[]): Promise<string> =>
  (await run('aws', args, { env, cwd: directory })).stdout.trim();
const ask = (query: string, ...args: string[]): Promise<string> => aws(...args, '--query', query, '--output', 'text');
const refusal = (...args: string[]): Promise<string> =>
  aws(...args).then(
    () => 'not refused',
    (error: Error) => error.message,
  );

const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

describe.skipIf(spawnSync('aws', ['--version']).status !== 0)('AWS CLI', () => {
  test('runs commands on an instance over Systems Manager', async () => {
    await aws('iam', 'create-role', '--role-name', 'managed', '--assume-role-policy-document', trust);
    const core = 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore';
    await aws('iam', 'attach-role-policy', '--role-name', 'managed', '--policy-arn', core);
    await aws('iam', 'create-instance-profile', '--instance-profile-name', 'managed');
    const names = ['--instance-profile-name', 'managed', '--role-name', 'managed'];
    await aws('iam', 'add-role-to-instance-profile', ...names);
    const image = '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64';
    const ami = await ask('Parameter.Value', 'ssm', 'get-parameter', '--name', image);
    const launch = ['ec2', 'run-instances', '--image-id', ami, '--instance-type', 't3.micro'];
    const id = await ask('Instances[0].InstanceId', ...launch, '--iam-instance-profile', 'Name=managed');
    await aws('ec2', 'wait', 'instance-running', '--instance-ids', id);

    const filter = ['--filters', `Key=InstanceIds,Values=${id}`];
    const facts = 'InstanceInformationList[0].[InstanceId,PingStatus,PlatformType]';
    const shown = await ask(facts, 'ssm', 'describe-instance-information', ...filter);
    expect(shown.split('\t')).toEqual([id, 'Online', 'Linux']);

    const send = ['ssm', 'send-command', '--document-name', 'AWS-RunShellScript', '--instance-ids', id];
    const script = JSON.stringify({ commands: ['id -u', 'echo bad >&2', 'exit 3'], workingDirectory: ['/etc'] });
    const command = await ask('Command.CommandId', ...send, '--parameters', script, '--comment', 'by hand');
    const place = ['--command-id', command, '--instance-id', id];
    expect(await refusal('ssm', 'wait', 'command-executed', ...place)).toContain('Failed');
    const result = '[Status,ResponseCode,StandardOutputContent,StandardErrorContent]';
    const answer = JSON.parse(await aws('ssm', 'get-command-invocation', ...place, '--query', result)) as unknown[];
    expect(answer).toEqual(['Failed', 3, '0\n', 'bad\nfailed to run commands: exit status 3']);
    const list = ['ssm', 'list-command-invocations', '--command-id', command, '--details'];
    expect(await ask('CommandInvocations[0].CommandPlugins[0].ResponseCode', ...list)).toBe('3');
    expect(await ask('Commands[0].[Comment,Status]', 'ssm', 'list-commands')).toBe('by hand\tFailed');

    const slow = await ask('Command.CommandId', ...send, '--parameters', 'commands=sleep 600');
    await aws('ssm', 'cancel-command', '--command-id', slow);
    expect(await refusal('ssm', 'wait', 'command-executed', '--command-id', slow, '--instance-id', id)).toContain(
      'Cancelled',
    );
    const unknown = ['ssm', 'send-command', '--document-name', 'AWS-RunShellScript', '--parameters', 'commands=true'];
    expect(await refusal(...unknown, '--instance-ids', 'i-00000000000000000')).toContain('InvalidInstanceId');
    expect(await refusal('ssm', 'start-session', '--target', id)).toMatch(/UnsupportedOperation|SessionManagerPlugin/);
  });
});
