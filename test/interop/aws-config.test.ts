/**
 * `~/.aws/config` works unchanged: profiles, assumed roles, credential processes, SSO and endpoints are found as the AWS
 * CLI finds them. The CLI must be on the PATH; without it the comparison is skipped by name.
 */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { GetSessionTokenCommand, STSClient } from '@aws-sdk/client-sts';
import { startSandbox } from '@hostark/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostark, jsonLines, makeWorkspace } from '../support/hostark.ts';

const withoutCli = !process.env.HOSTARK_REQUIRE_ORACLES && spawnSync('aws', ['--version']).status !== 0;

describe.skipIf(withoutCli)('the configuration of the AWS CLI', () => {
  const workspace = makeWorkspace('aws-config');
  let box: Awaited<ReturnType<typeof startSandbox>>;
  let portal: Server;
  let env: Record<string, string>;
  let roleArn: string;

  beforeAll(async () => {
    box = await startSandbox({ directory: workspace.path('cloud'), durable: false });
    const { endpoint, region, adminCredentials: credentials, accountId } = box;
    const iam = new IAMClient({ endpoint, region, credentials });
    const Principal = { AWS: `arn:aws:iam::${accountId}:root` };
    const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' }] };
    const AssumeRolePolicyDocument = JSON.stringify(trust);
    const { Role } = await iam.send(new CreateRoleCommand({ RoleName: 'operator', AssumeRolePolicyDocument }));
    roleArn = Role!.Arn!;
    const all = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
    const PolicyDocument = JSON.stringify(all);
    await iam.send(new PutRolePolicyCommand({ RoleName: 'operator', PolicyName: 'all', PolicyDocument }));
    iam.destroy();

    const sts = new STSClient({ endpoint, region, credentials });
    const session = (await sts.send(new GetSessionTokenCommand({}))).Credentials!;
    sts.destroy();
    const told = {
      Version: 1,
      AccessKeyId: session.AccessKeyId,
      SecretAccessKey: session.SecretAccessKey,
      SessionToken: session.SessionToken,
      Expiration: session.Expiration!.toISOString(),
    };
    writeFileSync(workspace.path('process.json'), JSON.stringify(told));
    // The portal of IAM Identity Center, as far as a signed-in session needs it: SSO API reference, GetRoleCredentials.
    portal = createServer((request, response) => {
      const isKnown = request.headers['x-amz-sso_bearer_token'] === 'signed-in';
      const roleCredentials = {
        accessKeyId: session.AccessKeyId,
        secretAccessKey: session.SecretAccessKey,
        sessionToken: session.SessionToken,
        expiration: session.Expiration!.getTime(),
      };
      response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isKnown ? { roleCredentials } : { message: 'no session' }));
    }).listen(0, '127.0.0.1');
    await once(portal, 'listening');

    mkdirSync(workspace.path('home/.aws/sso/cache'), { recursive: true });
    const cacheName = createHash('sha1').update('corporate').digest('hex');
    const token = { accessToken: 'signed-in', expiresAt: new Date(Date.now() + 3_600_000).toISOString(), region };
    writeFileSync(workspace.path(`home/.aws/sso/cache/${cacheName}.json`), JSON.stringify(token));
    writeFileSync(
      workspace.path('home/.aws/credentials'),
      `[default]\naws_access_key_id = ${credentials.accessKeyId}\naws_secret_access_key = ${credentials.secretAccessKey}\n`,
    );
    const here = `region = eu-west-1\nendpoint_url = ${endpoint}\n`;
    writeFileSync(
      workspace.path('home/.aws/config'),
      `[default]\n${here}
[profile role]\n${here}role_arn = ${roleArn}\nsource_profile = default\nrole_session_name = by-profile\n
[profile chained]\n${here}role_arn = ${roleArn}\nsource_profile = role\nrole_session_name = chained\n
[profile process]\n${here}credential_process = cat ${workspace.path('process.json')}\n
[profile environment]\n${here}role_arn = ${roleArn}\ncredential_source = Environment\nrole_session_name = from-environment\n
[profile services]\nregion = eu-central-1\nservices = local\ncredential_process = cat ${workspace.path('process.json')}\n
[services local]\n${['s3', 'sts', 'iam', 'ec2', 'ssm'].map((name) => `${name} =\n  endpoint_url = ${endpoint}`).join('\n')}\n
[profile sso]\n${here}sso_session = corporate\nsso_account_id = ${accountId}\nsso_role_name = operator\n
[sso-session corporate]\nsso_region = ${region}\nsso_start_url = https://example.org/start\n
[profile broken]\n${here}credential_process = false\n`,
    );
    const url = `http://127.0.0.1:${(portal.address() as AddressInfo).port}`;
    env = { ...workspace.env, AWS_EC2_METADATA_DISABLED: 'true', AWS_ENDPOINT_URL_SSO: url };
  });
  afterAll(async () => {
    portal?.close();
    await box?.stop();
    workspace.remove();
  });

  const keys = (): Record<string, string> => {
    const { accessKeyId, secretAccessKey } = box.adminCredentials;
    return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  };

  async function byCli(more: Record<string, string>, ...args: string[]): Promise<string> {
    const all = { PATH: process.env.PATH, ...env, ...more };
    const call = ['sts', 'get-caller-identity', '--cli-connect-timeout', '5', ...args];
    const { stdout } = await promisify(execFile)('aws', call, { env: all, timeout: 20_000 });
    return JSON.parse(stdout).Arn;
  }

  async function byHostark(more: Record<string, string>, ...args: string[]): Promise<Record<string, string>> {
    const { stdout } = await hostark(['doctor', '--json', ...args], {
      env: { ...env, PATH: process.env.PATH!, ...more },
    });
    return Object.fromEntries(
      jsonLines(stdout).flatMap(({ check, found, state }) => (check ? [[check, `${state} ${found}`]] : [])),
    );
  }

  test.each([
    ['the default profile', [], 'keys of a profile', 'eu-west-1'],
    ['a role by its source profile', ['--profile', 'role'], 'role_arn of a profile, with source_profile', 'eu-west-1'],
    ['a role by a role', ['--profile', 'chained'], 'role_arn of a profile, with source_profile', 'eu-west-1'],
    ['a credential process', ['--profile', 'process'], 'credential_process of a profile', 'eu-west-1'],
    ['endpoints of a services section', ['--profile', 'services'], 'credential_process of a profile', 'eu-central-1'],
    ['a signed-in SSO session', ['--profile', 'sso'], 'a profile with sso-session', 'eu-west-1'],
    ['a region that is given', ['--profile', 'process', '--region', 'us-west-2'], 'credential_process', 'us-west-2'],
  ])('%s: the same caller', async (_what, args, source, region) => {
    const told = await byHostark({}, ...args);
    expect(told.credentials).toContain(`ok ${await byCli({}, ...args)}, from ${source}`);
    expect(told['region and endpoint']).toBe(`ok ${region}, ${box.endpoint}`);
  });

  test.each([
    ['AWS_PROFILE', { AWS_PROFILE: 'role' }, []],
    ['AWS_REGION over the profile', { AWS_PROFILE: 'process', AWS_REGION: 'us-east-1' }, []],
    ['keys of the environment over the default profile', {}, []],
    ['a role by the keys of the environment', {}, ['--profile', 'environment']],
    ['a profile that is named over keys of the environment', {}, ['--profile', 'role']],
  ])('%s: the same caller', async (what, more, args) => {
    const all = { ...(what.includes('keys of the') ? keys() : {}), ...more };
    const { credentials } = await byHostark(all, ...args);
    expect(credentials).toContain(`ok ${await byCli(all, ...args)}, from `);
  });

  test('a profile that cannot work fails for both, and is told as missing credentials', async () => {
    await expect(byCli({}, '--profile', 'broken')).rejects.toThrow();
    // The SDK asks for credentials on the way to the endpoint.
    expect((await byHostark({}, '--profile', 'broken'))['region and endpoint']).toMatch(/^problem .*credentials/);
    const ended = await hostark(['host', 'list', '--profile', 'no-such-profile'], { env });
    expect([ended.code, ended.stderr]).toEqual([20, expect.stringContaining('hint:')]);
  });

  test('a repository in the bucket is reached by the same profile', async () => {
    const all = { ...env, PATH: process.env.PATH!, AWS_PROFILE: 'role', RESTIC_PASSWORD: 'x' };
    const made = await hostark(['bucket', 'create', 'by-profile'], { env: all });
    expect(made.code).toBe(0);
    const init = await hostark(['init', '-r', `s3:${box.endpoint}/by-profile/hosts/web`], { env: all });
    expect([init.code, init.stderr]).toEqual([0, expect.any(String)]);
  });
});
