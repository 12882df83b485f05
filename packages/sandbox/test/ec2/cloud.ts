/** Clients, a launched instance and an SSH session into it, for the tests of EC2 and its neighbours. */
import {
  CreateKeyPairCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  EC2Client,
  GetConsoleOutputCommand,
  type Instance,
  RunInstancesCommand,
  type RunInstancesCommandInput,
} from '@aws-sdk/client-ec2';
import { IAMClient } from '@aws-sdk/client-iam';
import { SSMClient } from '@aws-sdk/client-ssm';
import ssh2 from 'ssh2';
import { afterAll } from 'vitest';
import type { Sandbox } from '../../src/index.ts';
import type { Keys } from '../harness.ts';

function configuration(box: Sandbox, keys: Keys, region: string) {
  return { endpoint: box.endpoint, region, credentials: { ...keys }, maxAttempts: 1 };
}

export function ec2Client(box: Sandbox, keys: Keys = box.adminCredentials, region: string = box.region): EC2Client {
  const client = new EC2Client(configuration(box, keys, region));
  afterAll(() => client.destroy());
  return client;
}

export function iamClient(box: Sandbox, keys: Keys = box.adminCredentials): IAMClient {
  const client = new IAMClient(configuration(box, keys, box.region));
  afterAll(() => client.destroy());
  return client;
}

export function ssmClient(box: Sandbox, keys: Keys = box.adminCredentials): SSMClient {
  const client = new SSMClient(configuration(box, keys, box.region));
  afterAll(() => client.destroy());
  return client;
}

/** Trust policy of roles for instances. */
export const EC2_TRUST: string = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

export async function imageId(ec2: EC2Client, architecture = 'x86_64'): Promise<string> {
  const filters = [
    { Name: 'architecture', Values: [architecture] },
    { Name: 'name', Values: ['al2023-*'] },
  ];
  const found = await ec2.send(new DescribeImagesCommand({ Owners: ['amazon'], Filters: filters }));
  return found.Images?.[0]?.ImageId ?? '';
}

/** Launch input for one small instance. */
export async function launchInput(
  ec2: EC2Client,
  more: Partial<RunInstancesCommandInput> = {},
): Promise<RunInstancesCommandInput> {
  return { ImageId: await imageId(ec2), InstanceType: 't3.micro', MinCount: 1, MaxCount: 1, ...more };
}

export async function launch(ec2: EC2Client, more: Partial<RunInstancesCommandInput> = {}): Promise<Instance> {
  const answer = await ec2.send(new RunInstancesCommand(await launchInput(ec2, more)));
  return until(ec2, answer.Instances?.[0]?.InstanceId ?? '', 'running');
}

export async function describe(ec2: EC2Client, id: string): Promise<Instance> {
  const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  const instance = answer.Reservations?.[0]?.Instances?.[0];
  if (!instance) throw new Error(`expected the instance ${id}`);
  return instance;
}

/** Asks until the instance is in a state; throws after 20 s. */
export async function until(ec2: EC2Client, id: string, state: string): Promise<Instance> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const instance = await describe(ec2, id);
    if (instance.State?.Name === state) return instance;
    if (Date.now() > deadline)
      throw new Error(`expected ${id} to be ${state}, it is ${instance.State?.Name}: ${instance.StateReason?.Message}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function tagsOf(instance: Instance): Record<string, string> {
  return Object.fromEntries((instance.Tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
}

export function sshPort(instance: Instance): number {
  return Number(tagsOf(instance)['sandbox:ssh-port']);
}

export async function newKey(ec2: EC2Client, name: string): Promise<string> {
  const made = await ec2.send(new CreateKeyPairCommand({ KeyName: name, KeyType: 'ed25519' }));
  return made.KeyMaterial ?? '';
}

/** The host key that the console shows, as type and base64. */
export async function consoleHostKey(ec2: EC2Client, id: string): Promise<string> {
  const { Output = '' } = await ec2.send(new GetConsoleOutputCommand({ InstanceId: id }));
  const text = Buffer.from(Output, 'base64').toString();
  const block = /-----BEGIN SSH HOST KEY KEYS-----\r\n([\s\S]*?)-----END SSH HOST KEY KEYS-----/.exec(text)?.[1] ?? '';
  return block.trim().split(' ').slice(0, 2).join(' ');
}

export interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** A connection by ssh2 that closes after the test file. The host key must be `hostKey` when one is given. */
export function connect(
  port: number,
  privateKey: string,
  username = 'ec2-user',
  hostKey?: string,
): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  afterAll(() => {
    client.end();
  });
  return new Promise((resolve, reject) => {
    client.on('ready', () => resolve(client));
    client.on('error', reject);
    const hostVerifier = (key: Buffer): boolean =>
      hostKey === undefined || key.toString('base64') === hostKey.split(' ')[1];
    client.connect({ host: '127.0.0.1', port, username, privateKey, hostVerifier });
  });
}

/** Runs a command to its end. */
export function run(client: ssh2.Client, command: string, stdin: Buffer | string = ''): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      let code: number | null = null;
      let signal: string | null = null;
      channel.on('data', (data: Buffer) => stdout.push(data));
      channel.stderr.on('data', (data: Buffer) => stderr.push(data));
      channel.on('exit', (status: number | null, name?: string) => {
        code = status;
        signal = name ?? null;
      });
      channel.on('close', () =>
        resolve({ code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) }),
      );
      channel.end(stdin);
    });
  });
}
