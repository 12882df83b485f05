/**
 * `hostark demo`: the main job on this machine, in a cloud of its own. Every step runs the code that the real commands
 * run; the sandbox only stands where AWS would. Ends with a table and leaves the downloaded repository behind.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HostarkError } from '@hostark/protocol';
import { startSandbox } from '@hostark/sandbox';
import { openCloud } from '../hosts/cloud.ts';
import { plural } from '../terminal/format.ts';
import type { CommandCode } from '../tree/command.ts';
import { backupStep } from './backup-step.ts';
import { bucketStep } from './bucket-step.ts';
import { chooseData } from './data.ts';
import { destroyStep } from './destroy-step.ts';
import { makeFolder } from './folder.ts';
import { hostStep } from './host-step.ts';
import { type Proof, recoverStep } from './recover-step.ts';
import { type DemoState, Stage } from './stage.ts';
import { printSummary } from './summary.ts';

interface DemoFlags {
  readonly data?: string;
  readonly keep?: boolean;
  readonly directory?: string;
  /** The other demo: a whole region is lost. */
  readonly regions?: boolean;
}

export const demo: CommandCode<DemoFlags> = async (context, flags) => {
  if (flags.regions === true && flags.keep === true) {
    throw new HostarkError('usage', '--keep: expected without --regions, which ends with everything removed', {
      hint: 'hostark sandbox runs a cloud that stays',
    });
  }
  if (flags.regions === true) return (await import('./regions/command.ts')).regionsDemo(context, flags);
  const { out, signal } = context;
  const data = await chooseData(flags.data ?? null);
  const directory = await makeFolder(flags.directory);
  const sandbox = await startSandbox({ directory: join(directory, 'cloud'), durable: false, etags: 'opaque' });
  let proof: Proof | null = null;
  try {
    const cloud = await openCloud(context, {
      stateDirectory: join(directory, 'state'),
      configDirectory: join(directory, 'config'),
      options: { endpoint: sandbox.endpoint, region: sandbox.region, credentials: sandbox.adminCredentials },
    });
    try {
      const stage = new Stage(out, sandbox);
      const state: DemoState = { context, cloud, sandbox, directory, data };
      out.say(`a cloud of its own runs at ${sandbox.endpoint}, everything is below ${directory}`);
      const bucket = await stage.step('bucket', (say) => bucketStep(state, say));
      const source = await stage.step('host', (say) => hostStep(state, bucket, say));
      const record = await stage.step('backup', (say) => backupStep(state, source, say));
      await stage.step('destroy', (say) => destroyStep(state, source, bucket, say));
      proof = await stage.step('recover', (say) => recoverStep(state, bucket, record, say));
      printSummary(out, stage.results, proof);
    } finally {
      await cloud.close();
    }
    if (flags.keep) await stay(out, sandbox.environment(), signal);
  } finally {
    await sandbox.stop();
    // The cloud's disks and what this machine knew of it are no use any more; the downloaded repository stays. Of a
    // demo that did not come to its end nothing is of use.
    const spent = proof === null ? [directory] : flags.keep ? [] : SPENT.map((name) => join(directory, name));
    for (const path of spent) await rm(path, { recursive: true, force: true });
  }
  if (proof.leftovers > 0)
    throw new HostarkError('leftovers', `${plural(proof.leftovers, 'resource')} left, see above`);
  if (proof.mismatches > 0)
    throw new HostarkError('verification-failed', 'what came back is not what was saved, see the differences above');
  return 0;
};

const SPENT = ['cloud', 'state', 'config'];

/** Waits for Ctrl-C with the sandbox running. */
async function stay(
  out: { say(line: string): void; print(line: string): void },
  environment: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  out.say('the sandbox keeps running; in another shell:');
  for (const [name, value] of Object.entries(environment)) out.print(`export ${name}=${value}`);
  out.say('Ctrl-C stops it');
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    process.once('SIGHUP', () => resolve()); // the terminal is closed: nobody is left to press Ctrl-C
  });
}
