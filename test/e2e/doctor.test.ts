/** `hostark doctor`: says what is wrong and what mends it, and changes nothing. */
import { chmodSync } from 'node:fs';
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import { startSandbox } from '@hostark/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expiry } from '../../packages/cli/src/commands/doctor/access.ts';
import { clockResult } from '../../packages/cli/src/commands/doctor/clock.ts';
import { versionResult } from '../../packages/cli/src/commands/doctor/runtime.ts';
import { skewOf } from '../../packages/cloud/src/diagnose.ts';
import { hostark, hostarkOk, jsonLines, makeWorkspace } from '../support/hostark.ts';

interface Told {
  readonly check: string;
  readonly state: string;
  readonly found: string;
  readonly fix?: string;
}

describe('the doctor', () => {
  const workspace = makeWorkspace('doctor');
  let box: Awaited<ReturnType<typeof startSandbox>>;
  let env: Record<string, string>;

  beforeAll(async () => {
    box = await startSandbox({ directory: workspace.path('cloud'), durable: false });
    env = { ...workspace.env, ...box.environment() };
  });
  afterAll(async () => {
    await box?.stop();
    workspace.remove();
  });

  async function ask(
    more: Record<string, string>,
    ...args: string[]
  ): Promise<{ code: number; told: Map<string, Told> }> {
    const { code, stdout } = await hostark(['doctor', '--json', ...args], { env: { ...env, ...more } });
    const lines = jsonLines(stdout).filter(({ message_type: type }) => type === 'check') as unknown as Told[];
    return { code: code ?? -1, told: new Map(lines.map((line) => [line.check, line])) };
  }

  test('finds nothing wrong where nothing is, and says whose credentials they are', async () => {
    await hostarkOk(['bucket', 'create', 'healthy'], { env });
    const before = await box.inventory();
    const { code, told } = await ask({}, '--bucket', 'healthy');
    expect([...told.values()].filter(({ state }) => !['ok', 'skipped'].includes(state))).toEqual([]);
    expect(code).toBe(0);
    expect(told.get('credentials')?.found).toMatch(/:user\/.*from the environment; they do not expire/);
    expect(told.get('permissions')?.found).toContain('IAM says');
    expect(await box.inventory()).toEqual(before);
  });

  test('says of wrong keys, a missing region and a missing bucket what to do, and asks nothing that needs them', async () => {
    const keys = await ask({ AWS_SECRET_ACCESS_KEY: 'not-to-be-seen' });
    expect([keys.code, keys.told.get('credentials')?.state, keys.told.get('permissions')?.state]).toEqual([
      22,
      'problem',
      'skipped',
    ]);
    expect(JSON.stringify([...keys.told])).not.toContain('not-to-be-seen');
    const { told } = await ask({ AWS_REGION: '', AWS_DEFAULT_REGION: '' });
    expect(told.get('region and endpoint')).toMatchObject({
      state: 'problem',
      fix: expect.stringContaining('--region'),
    });
    expect(told.get('credentials')).toMatchObject({ state: 'skipped', found: 'needs region and endpoint' });
    const bucket = await ask({}, '--bucket', 'nobody-made-this', '--host', 'nobody');
    expect(bucket.told.get('bucket')).toMatchObject({ state: 'problem' });
    expect(bucket.told.get('host')).toMatchObject({ state: 'problem', fix: expect.stringContaining('host list') });
  });

  test('names the actions that are denied, also where IAM may not be asked', async () => {
    const { endpoint, region, adminCredentials: credentials } = box;
    const iam = new IAMClient({ endpoint, region, credentials });
    const user = async (UserName: string, actions: string[]): Promise<Record<string, string>> => {
      await iam.send(new CreateUserCommand({ UserName }));
      const Statement = [{ Effect: 'Allow', Action: actions, Resource: '*' }];
      const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
      await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'p', PolicyDocument }));
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
      return { AWS_ACCESS_KEY_ID: AccessKey!.AccessKeyId!, AWS_SECRET_ACCESS_KEY: AccessKey!.SecretAccessKey! };
    };
    const everything = ['s3:*', 'ec2:*', 'ssm:*', 'iam:Get*', 'iam:List*', 'iam:Simulate*'];
    const simulated = await ask(await user('may-look', everything));
    expect(simulated.code).toBe(22);
    expect(simulated.told.get('permissions')?.found).toMatch(/^denied: iam:CreateRole, iam:PutRolePolicy, .*IAM says/);
    const probed = await ask(await user('may-little', ['s3:*', 'ec2:Describe*', 'iam:List*', 'iam:Get*']));
    expect(probed.told.get('permissions')?.found).toMatch(
      /^denied: ec2:CreateSecurityGroup, ssm:GetParameter \(found by/,
    );
    iam.destroy();
  });

  test('sees a state directory that others may read', async () => {
    chmodSync(workspace.path('home/.local/state/hostark'), 0o755);
    const open = await ask({});
    expect([open.code, open.told.get('state directory')?.state]).toEqual([22, 'problem']);
    chmodSync(workspace.path('home/.local/state/hostark'), 0o700);
    expect((await ask({})).code).toBe(0);
  });

  test('cannot reach a cloud that is away, and says so', async () => {
    const { code, told } = await ask({ AWS_ENDPOINT_URL: 'http://127.0.0.1:9' });
    expect([code, told.get('clock')?.state, told.get('credentials')?.state]).toEqual([22, 'problem', 'problem']);
  });

  test('judges clocks, ends of credentials and versions of Node', () => {
    const now = Date.parse('2026-11-22T12:00:00.500Z');
    expect(skewOf('Sun, 22 Nov 2026 12:00:00 GMT', now - 100, now + 100)).toBe(0);
    expect(skewOf('Sun, 22 Nov 2026 12:20:00 GMT', now, now)).toBe(-1_200_000);
    expect(skewOf(null, now, now)).toBeNull();
    expect([0, -59_000, 120_000, -1_200_000].map((ms) => clockResult(ms).state)).toEqual([
      'ok',
      'ok',
      'warning',
      'problem',
    ]);
    const at = (ms: number): string => new Date(now + ms).toISOString();
    expect([at(7_200_000), at(60_000), at(-1)].map((end) => expiry('x', end, now).state)).toEqual([
      'ok',
      'warning',
      'problem',
    ]);
    expect(['20.19.0', '22.1.0', '20.18.9', '18.20.0'].map((version) => versionResult(version).state)).toEqual([
      'ok',
      'ok',
      'problem',
      'problem',
    ]);
  });
});
