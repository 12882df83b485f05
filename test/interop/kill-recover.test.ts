/** A recovery onto a new host that is killed after any single request to the cloud: cleaned up to nothing, or continued. */
import { type Sandbox, startSandbox } from '@hostark/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logInto, onHost } from '../support/cloud.ts';
import { hostarkOk, jsonLines, makeWorkspace, type Running, startHostark } from '../support/hostark.ts';

const workspace = makeWorkspace('kill-recover');
/** Told of every request, when it was answered. */
let onRequest: (name: string) => void = () => {};
let sandbox: Sandbox;
let env: Record<string, string>;
let before: unknown;
const requests: string[] = [];

const RECOVER = [
  'recover',
  'latest',
  '--from',
  'web',
  '--bucket',
  'kill',
  '--to',
  'new:web-2',
  '--target',
  '/tmp/back',
];
const run = (...args: string[]): Promise<string> => hostarkOk(args, { env, cwd: workspace.root });
/** What exists, but for what is in the bucket: locks of a killed run stay there until they are stale. */
const inventory = async (): Promise<unknown> =>
  (await sandbox.inventory()).map(({ kind, id, tags }) => ({ kind, id, tags }));

beforeAll(async () => {
  sandbox = await startSandbox({
    directory: workspace.path('cloud'),
    durable: false,
    log: ({ service, operation }) => onRequest(`${service}:${operation}`),
  });
  env = { ...workspace.env, ...sandbox.environment() };
  await run('bucket', 'create', 'kill', '--yes');
  await run('host', 'launch', 'web', '--bucket', 'kill');
  await run('protect', 'web', '/etc/hostname', '/etc/passwd');
  await run('host', 'destroy', 'web', '--yes');
  before = await inventory();
  onRequest = (name) => void requests.push(name);
  await run(...RECOVER);
  onRequest = () => {};
  await run('host', 'destroy', 'web-2', '--yes', '--without-backup');
}, 120_000);
afterAll(async () => {
  await sandbox?.stop();
  workspace.remove();
});

/** Starts the recovery and kills it when the request of that number was answered; says whether it came so far. */
async function killAfter(count: number): Promise<boolean> {
  let seen = 0;
  let running: Running | null = null;
  let killed = false;
  onRequest = () => {
    if (++seen !== count) return;
    killed = true;
    running?.child.kill('SIGKILL');
  };
  running = startHostark(RECOVER, { env, cwd: workspace.root });
  await running.ended;
  onRequest = () => {};
  return killed;
}

test('killed after any single request, is cleaned up to nothing', async () => {
  expect(requests).toContain('ec2:RunInstances');
  expect(requests.filter((name) => name.startsWith('s3:')).length).toBeGreaterThan(8); // also those of the agent
  let [met, done] = [0, 0];
  for (let count = 1; count <= requests.length; count++) {
    if (await killAfter(count)) met++;
    await run('cleanup', '--yes');
    // A recovery that was done before its kill has made a host, and cleanup leaves hosts alone.
    if ((await sandbox.inventory()).some(({ kind }) => kind === 'ec2:instance')) {
      done++;
      await run('host', 'destroy', 'web-2', '--yes', '--without-backup');
    }
    expect(await inventory(), `killed after ${count} of ${requests.length}: ${requests[count - 1]}`).toEqual(before);
  }
  expect(met).toBeGreaterThan(requests.length * 0.8); // a run may need fewer looks while it waits
  expect(done).toBeLessThan(requests.length * 0.2);
}, 900_000);

test('killed again and again, is continued by the same command, and makes one host', async () => {
  const kills = ['iam:CreateRole', 'ec2:ImportKeyPair', 'ec2:RunInstances', 's3:PutObject'];
  for (const name of kills) {
    let running: Running | null = null;
    onRequest = (seen) => {
      if (seen === name) running?.child.kill('SIGKILL');
    };
    running = startHostark(RECOVER, { env, cwd: workspace.root });
    expect((await running.ended).signal, name).toBe('SIGKILL');
  }
  onRequest = () => {};
  await run(...RECOVER);
  const hosts = jsonLines(await run('host', 'list', '--json'));
  expect(hosts.map(({ name }) => name)).toEqual(['web-2']);
  const session = await logInto('web-2', env);
  expect(await onHost(session, 'cmp /etc/passwd /tmp/back/etc/passwd && echo same; rm -rf /tmp/back')).toBe('same\n');
  await session.close();
  await run('host', 'destroy', 'web-2', '--yes', '--without-backup');
  expect(await inventory()).toEqual(before);
}, 120_000);
