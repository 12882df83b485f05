/**
 * The SSH servers of sandbox instances, held against OpenSSH's own client with strict host key checking: the key comes
 * from the console output. Skipped by name where there is no `ssh`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateKeyPairCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  EC2Client,
  GetConsoleOutputCommand,
  ImportKeyPairCommand,
  type Instance,
  RunInstancesCommand,
  waitUntilInstanceRunning,
} from '@aws-sdk/client-ec2';
import { startSandbox } from '@hostark/sandbox';
import { afterAll, describe, expect, test } from 'vitest';

function works(program: string, argument: string): boolean {
  try {
    execFileSync(program, [argument], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const directory = mkdtempSync(join(tmpdir(), 'hostark-interop-ssh-'));
const box = await startSandbox({ directory: join(directory, 'sandbox'), durable: false });
const ec2 = new EC2Client({ endpoint: box.endpoint, region: box.region, credentials: { ...box.adminCredentials } });
afterAll(async () => {
  ec2.destroy();
  await box.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function launch(KeyName: string): Promise<Instance> {
  const Filters = [{ Name: 'architecture', Values: ['x86_64'] }];
  const images = await ec2.send(new DescribeImagesCommand({ Owners: ['amazon'], Filters }));
  const ImageId = images.Images?.[0]?.ImageId ?? '';
  const made = await ec2.send(
    new RunInstancesCommand({ ImageId, InstanceType: 't3.micro', MinCount: 1, MaxCount: 1, KeyName }),
  );
  const InstanceIds = [made.Instances?.[0]?.InstanceId ?? ''];
  await waitUntilInstanceRunning({ client: ec2, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }, { InstanceIds });
  const seen = await ec2.send(new DescribeInstancesCommand({ InstanceIds }));
  return seen.Reservations?.[0]?.Instances?.[0] as Instance;
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

class Login {
  readonly #options: readonly string[];

  constructor(identity: string, knownHosts: string, port: string) {
    const settings = {
      IdentityFile: identity,
      IdentitiesOnly: 'yes',
      UserKnownHostsFile: knownHosts,
      GlobalKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'yes',
      BatchMode: 'yes',
      LogLevel: 'ERROR',
      Port: port,
    };
    this.#options = ['-F', 'none', ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])];
  }

  run(args: readonly string[], stdin: Buffer | null = null): Promise<Outcome> {
    const child = spawn('ssh', [...this.#options, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => stdout.push(data));
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin ?? '');
    return new Promise((resolve) => {
      child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }));
    });
  }
}

async function knownHosts(id: string, port: string): Promise<string> {
  const { Output = '' } = await ec2.send(new GetConsoleOutputCommand({ InstanceId: id }));
  const text = Buffer.from(Output, 'base64').toString();
  const key = /-----BEGIN SSH HOST KEY KEYS-----\r\n(\S+ \S+)/.exec(text)?.[1] ?? '';
  const path = join(directory, `known-${id}`);
  writeFileSync(path, `[127.0.0.1]:${port} ${key}\n`);
  return path;
}

async function loginTo(instance: Instance, privateKey: string): Promise<Login> {
  const port = instance.Tags?.find((tag) => tag.Key === 'sandbox:ssh-port')?.Value ?? '';
  const identity = join(directory, `identity-${instance.InstanceId}`);
  writeFileSync(identity, privateKey, { mode: 0o600 });
  return new Login(identity, await knownHosts(instance.InstanceId ?? '', port), port);
}

describe.skipIf(!works('ssh', '-V'))('OpenSSH client', async () => {
  const made = await ec2.send(new CreateKeyPairCommand({ KeyName: 'ed', KeyType: 'ed25519' }));
  const instance = await launch('ed');
  const login = await loginTo(instance, made.KeyMaterial ?? '');
  const host = `ec2-user@${instance.PublicIpAddress}`;

  test('logs in with the console’s host key and gets output, errors and status apart', async () => {
    const outcome = await login.run([host, 'echo out; echo err >&2; exit 42']);
    expect([outcome.code, outcome.stdout.toString(), outcome.stderr]).toEqual([42, 'out\n', 'err\n']);
  });

  test('stops at a host key that is not the expected one', async () => {
    const port = instance.Tags?.find((tag) => tag.Key === 'sandbox:ssh-port')?.Value ?? '';
    const other = join(directory, 'other-known');
    const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIMXJbpUTyUhtY4zG6naU4V6j8ejycIZLVajWXQ0TG1Qp';
    writeFileSync(other, `[127.0.0.1]:${port} ssh-ed25519 ${key}\n`);
    const outcome = await new Login(join(directory, `identity-${instance.InstanceId}`), other, port).run([
      host,
      'true',
    ]);
    expect(outcome.code).toBe(255);
    expect(outcome.stderr).toContain('HOST IDENTIFICATION HAS CHANGED');
  });

  test('moves 100 MB each way intact', async () => {
    const bytes = Buffer.concat(Array.from({ length: 10 }, () => randomBytes(10_000_000)));
    const digest = createHash('sha256').update(bytes).digest('hex');
    const started = Date.now();
    const up = await login.run([host, 'cat > data; sha256sum < data'], bytes);
    const between = Date.now();
    expect(up.stdout.toString().split(' ')[0]).toBe(digest);
    const down = await login.run([host, 'cat data']);
    expect(createHash('sha256').update(down.stdout).digest('hex')).toBe(digest);
    console.info(`100 MB up in ${between - started} ms, down in ${Date.now() - between} ms`);
  });

  test('runs a command on a terminal', async () => {
    const outcome = await login.run(['-tt', host, 'test -t 0 && test -t 1 && tty && exit 7']);
    expect(outcome.code).toBe(7);
    expect(outcome.stdout.toString()).toContain('/dev/pts/');
  });

  test('gets a login shell that reads its commands from standard input', async () => {
    const outcome = await login.run(['-T', host], Buffer.from('echo "$USER in $PWD"\nexit 3\n'));
    expect([outcome.code, outcome.stdout.toString().startsWith('ec2-user in ')]).toEqual([3, true]);
  });

  test('shares one connection between several commands at once', async () => {
    const control = join(directory, 'control');
    const shared = ['-o', 'ControlMaster=auto', '-o', `ControlPath=${control}`, '-o', 'ControlPersist=no'];
    const master = login.run([...shared, host, 'sleep 1.5; echo master']);
    await new Promise((resolve) => setTimeout(resolve, 700));
    const parts = await Promise.all([1, 2, 3].map((n) => login.run([...shared, host, `echo ${n}; exit ${n}`])));
    expect(parts.map((part) => [part.code, part.stdout.toString()])).toEqual([1, 2, 3].map((n) => [n, `${n}\n`]));
    expect((await master).stdout.toString()).toBe('master\n');
  });

  test('is refused forwarding', async () => {
    const outcome = await login.run(['-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1', host, 'true']);
    expect(outcome.code).toBe(255);
  });

  test('logs in with an RSA key made by EC2, and with a key of its own that was imported', async () => {
    const rsa = await ec2.send(new CreateKeyPairCommand({ KeyName: 'rsa', KeyType: 'rsa' }));
    const first = await launch('rsa');
    expect((await (await loginTo(first, rsa.KeyMaterial ?? '')).run([host, 'echo rsa'])).stdout.toString()).toBe(
      'rsa\n',
    );
    const own = join(directory, 'own');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', own]);
    const publicKey = execFileSync('ssh-keygen', ['-y', '-f', own]);
    const imported = await ec2.send(new ImportKeyPairCommand({ KeyName: 'own', PublicKeyMaterial: publicKey }));
    const shown = execFileSync('ssh-keygen', ['-l', '-f', own]).toString();
    expect(shown).toContain(`SHA256:${(imported.KeyFingerprint ?? '').replace(/=+$/, '')}`);
    const second = await launch('own');
    const privateKey = execFileSync('cat', [own]).toString();
    expect((await (await loginTo(second, privateKey)).run([host, 'echo own'])).stdout.toString()).toBe('own\n');
  });
});
