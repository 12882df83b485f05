/** `hostark volume` as users type it: a set that is frozen for its moment, copies, refusals, and a host out of a lost region. */
import { type Sandbox, startSandbox } from '@hostark/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logInto, onHost } from '../support/cloud.ts';
import { type Ended, hostark, hostarkOk, jsonLines, makeWorkspace } from '../support/hostark.ts';

const workspace = makeWorkspace('volumes');
let sandbox: Sandbox;
let env: Record<string, string>;

const run = (...args: string[]): Promise<string> => hostarkOk(args, { env, cwd: workspace.root });
const tried = (...args: string[]): Promise<Ended> => hostark(args, { env, cwd: workspace.root });
const summary = async (...args: string[]): Promise<Record<string, unknown>> =>
  jsonLines(await run(...args, '--json')).at(-1)!;

beforeAll(async () => {
  sandbox = await startSandbox({ directory: workspace.path('cloud'), durable: false });
  env = { ...workspace.env, ...sandbox.environment() };
  await run('bucket', 'create', 'refuge', '--region', 'eu-west-1', '--yes');
  await run('host', 'launch', 'web', '--bucket', 'refuge', '--volume', '1');
  const session = await logInto('web', env);
  await onHost(session, 'echo "came back" > "$HOME/proof"');
  await session.close();
}, 60_000);
afterAll(async () => {
  await sandbox?.stop();
  workspace.remove();
});

describe('hostark volume', () => {
  let set: string;

  test('takes a set in a dry run without a trace, then for real', async () => {
    const before = await sandbox.inventory();
    expect(await run('volume', 'snapshot', 'web', '--dry-run')).toMatch(
      /all volumes at one moment\n(.*\n){2}at most \$0\.45 a month/,
    );
    expect(await sandbox.inventory()).toEqual(before);
    const report = await summary('volume', 'snapshot', 'web');
    set = report.set as string;
    expect(report).toMatchObject({ message_type: 'summary', host: 'web', consistency: 'crash' });
  });

  test('freezes data volumes for the moment of the set, or says that there is nothing to freeze', async () => {
    const isolated = (await sandbox.inventory()).some((one) =>
      String(one.detail?.isolation ?? '').endsWith('namespace'),
    );
    const { code, stdout, stderr } = await tried('volume', 'snapshot', 'web', '--freeze');
    if (!isolated) {
      // A host that is a plain folder has no mounts of its own.
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('no file system of its data volumes'),
      });
      return;
    }
    expect(stderr).toMatch(/\/mnt\/sdf stood still for \d+ ms/);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('frozen at that moment') });
    const frozen = JSON.parse(await run('volume', 'list', 'web', '--json')) as {
      snapshots: { consistency: string }[];
    }[];
    expect(frozen.at(-1)!.snapshots.map((one) => one.consistency)).toEqual(['frozen', 'frozen']);
  });

  test.each([
    [['volume', 'copy', 'web', '--to-region', 'moon-1'], 'region moon-1'],
    [['volume', 'prune', 'web', '--keep-within', 'long'], '--keep-within'],
    [['volume', 'recover', 'web', '--name', 'web'], '--name web'],
  ])('refuses %j with the rule and the fix', async (words, said) => {
    const { code, stderr } = await tried(...words);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
  });

  test('brings the host back in another region when its own is lost, and names that region in the list', async () => {
    await run('volume', 'copy', set, '--to-region', 'eu-west-1');
    await sandbox.regions.lose('us-east-1');
    try {
      const plan = await run('volume', 'recover', 'web', '--name', 'web-2', '--region', 'eu-west-1', '--dry-run');
      expect(plan).toContain(`2 snapshots of web`);
      await run('volume', 'recover', 'web', '--name', 'web-2', '--region', 'eu-west-1');
      const listed = await tried('volume', 'list', 'web', '--region', 'eu-west-1');
      expect(listed).toMatchObject({ code: 0, stderr: expect.stringContaining('region us-east-1 does not answer') });
      expect(listed.stdout).toContain(set);
      const session = await logInto('web-2', { ...env, AWS_REGION: 'eu-west-1' });
      expect(await onHost(session, 'cat "$HOME/proof"')).toBe('came back\n');
      await session.close();
    } finally {
      await sandbox.regions.restore('us-east-1');
    }
  });

  test('asks before it prunes, and keeps the last set', async () => {
    expect(await tried('volume', 'prune', 'web', '--keep-last', '1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('expected --yes'),
    });
    await run('volume', 'prune', 'web', '--keep-within', '1h', '--yes');
    await run('volume', 'prune', 'web', '--keep-last', '1', '--yes');
    const left = JSON.parse(await run('volume', 'list', 'web', '--json')) as { region: string }[];
    expect(left.map((one) => one.region).sort()).toEqual(['eu-west-1', 'us-east-1']);
  });
});
