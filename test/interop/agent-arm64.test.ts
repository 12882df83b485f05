/**
 * The agent for arm64 hosts: fetched from npm's registry by pinned hashes, then run by an emulated processor. Needs
 * qemu-aarch64, Debian's arm64 C and C++ libraries, and the registry; not part of `npm test`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { hostarkOk, jsonLines, makeWorkspace, start } from '../support/hostark.ts';
import { withoutQemu, withoutRestic } from '../support/oracles.ts';

/** Where Debian's *-arm64-cross packages put a root for foreign programs. */
const LIBRARIES = '/usr/aarch64-linux-gnu';

describe.skipIf(withoutQemu)('the agent on arm64 (needs qemu-aarch64)', () => {
  const workspace = makeWorkspace('arm64');
  const agent = workspace.path('agent');
  const repository = workspace.path('repository');
  const env = { ...workspace.env, RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: 'secret' };
  afterAll(() => workspace.remove());

  const run = async (job: object): Promise<Record<string, unknown>> => {
    const words = ['-L', LIBRARIES, `${agent}/bin/node`, `${agent}/main.cjs`, 'agent'];
    const running = start('qemu-aarch64', words, { env: workspace.env, keepStdin: true });
    running.child.stdin!.write(`${JSON.stringify(job)}\n`);
    const { stdout, stderr } = await running.ended;
    const last = jsonLines(stdout).at(-1);
    if (last?.type !== 'result') throw new Error(`expected a result: ${stdout.slice(-2000)}${stderr.slice(-2000)}`);
    return last.result as Record<string, unknown>;
  };

  test('is fetched once, whole, and is of that architecture', async () => {
    const words = ['agent', 'prepare', '--arch', 'arm64', '--state-dir', workspace.path('state'), '--json'];
    const [plan, summary] = jsonLines(await hostarkOk(words, { env })) as [{ plan: { fetch: unknown[] } }, object];
    expect(plan.plan.fetch.length).toBe(3);
    const [again] = jsonLines(await hostarkOk(words, { env })) as [{ plan: { fetch: unknown[] } }];
    expect(again.plan.fetch).toEqual([]);
    mkdirSync(agent);
    const folder = workspace.path('state/agent/arm64');
    execFileSync('/bin/sh', ['-c', `tar -xzf "$1"/agent-*.tar.gz -C "$2"`, 'sh', folder, agent]);
    const said = execFileSync('qemu-aarch64', ['-L', LIBRARIES, `${agent}/bin/node`, '-p', 'process.arch']);
    expect(String(said)).toBe('arm64\n');
    expect(summary).toMatchObject({ message_type: 'summary', arch: 'arm64' });
  });

  test.skipIf(withoutRestic)(
    'backs up what stock restic reads and checks, and restores it (needs restic)',
    async () => {
      const data = workspace.path('data');
      cpSync(fileURLToPath(new URL('../../packages/protocol/src', import.meta.url)), data, { recursive: true });
      await hostarkOk(['init'], { env });
      const access = { location: repository, password: 'secret' };
      const saved = await run({ schema: 1, kind: 'backup', repository: access, targets: [data], host: 'arm' });
      expect(saved).toMatchObject({ errorCount: 0 });
      execFileSync('restic', ['check', '--read-data', '--no-cache'], { env: { ...process.env, ...env } });
      const target = workspace.path('back');
      const back = { schema: 1, kind: 'restore', repository: access, snapshot: 'latest', target, verify: true };
      expect(await run(back)).toMatchObject({ errorCount: 0 });
      execFileSync('diff', ['-r', data, `${target}${data}`]);
    },
  );
});
