/**
 * `hostark demo --regions`: a host with two volumes loses its whole region and comes back in another one, from copies of
 * its volumes and from the repository. Every step runs the code that the real commands run. The bucket is in the other
 * region from the start: what is to survive a region is not kept in it.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HostarkError } from '@hostark/protocol';
import { type Sandbox, startSandbox } from '@hostark/sandbox';
import type { CommandContext } from '../../context.ts';
import { type Cloud, openCloud } from '../../hosts/cloud.ts';
import { formatBytes, formatCount, plural } from '../../terminal/format.ts';
import type { Output } from '../../terminal/output.ts';
import { table } from '../../terminal/table.ts';
import { bucketStep } from '../bucket-step.ts';
import { chooseData } from '../data.ts';
import { makeFolder } from '../folder.ts';
import { type DemoState, Stage } from '../stage.ts';
import { type Counts, printSteps, printVerdict } from '../summary.ts';
import { loadedHostStep } from './host-step.ts';
import { loseStep } from './lose-step.ts';
import { fromRepositoryStep, fromVolumesStep, type Return } from './recover-steps.ts';
import { returnStep } from './return-step.ts';
import { copyVolumesStep, saveFilesStep } from './save-step.ts';
import { HOME_REGION, HOST, REFUGE_REGION, type RegionsState } from './state.ts';

/** Volumes are copied five times as trees, so it is less than what the first demo takes. */
const LIMITS = { files: 6_000, bytes: 150e6 };

const TITLES: Readonly<Record<string, string>> = {
  bucket: `create and harden a bucket in ${REFUGE_REGION}`,
  host: `launch a host with a data volume in ${HOME_REGION}, and give both volumes data`,
  backup: 'back its files up into the bucket of the other region',
  copy: `snapshot its volumes and copy them to ${REFUGE_REGION}`,
  lose: `lose ${HOME_REGION}`,
  volumes: `bring the whole host back in ${REFUGE_REGION} from the volume copies`,
  files: `bring its files back onto a fresh host in ${REFUGE_REGION} from the repository`,
  return: `${HOME_REGION} comes back: remove what is not data`,
};

export interface RegionsFlags {
  readonly data?: string;
  readonly directory?: string;
}

export async function regionsDemo(context: CommandContext, flags: RegionsFlags): Promise<number> {
  const data = await chooseData(flags.data ?? null, LIMITS);
  const directory = await makeFolder(flags.directory);
  const sandbox = await startSandbox({
    directory: join(directory, 'cloud'),
    region: HOME_REGION,
    durable: false,
    etags: 'opaque',
  });
  try {
    const [home, refuge] = [
      await seen(context, sandbox, directory, HOME_REGION),
      await seen(context, sandbox, directory, REFUGE_REGION),
    ];
    try {
      const state = (cloud: Cloud): DemoState => ({ context, cloud, sandbox, directory, data });
      context.out.say(`a cloud of two regions runs at ${sandbox.endpoint}, everything is below ${directory}`);
      return judge(await play({ home: state(home), refuge: state(refuge) }, context.out));
    } finally {
      await home.close();
      await refuge.close();
    }
  } finally {
    await sandbox.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The sandbox as one who works in a region sees it. */
function seen(context: CommandContext, sandbox: Sandbox, directory: string, region: string): Promise<Cloud> {
  return openCloud(context, {
    stateDirectory: join(directory, 'state'),
    configDirectory: join(directory, 'config'),
    options: { endpoint: sandbox.endpoint, region, credentials: sandbox.adminCredentials },
  });
}

async function play(state: RegionsState, out: Output): Promise<Counts> {
  const { refuge } = state;
  const stage = new Stage(out, refuge.sandbox, TITLES);
  const bucket = await stage.step('bucket', (say) => bucketStep(refuge, say));
  const source = await stage.step('host', (say) => loadedHostStep(state, bucket, say));
  const record = await stage.step('backup', (say) => saveFilesStep(state, source, say));
  const saved = await stage.step('copy', (say) => copyVolumesStep(state, say));
  await source.session.close();
  await stage.step('lose', (say) => loseStep(state, say));
  const returns = [
    await stage.step('volumes', (say) => fromVolumesStep(refuge, saved, record, say)),
    await stage.step('files', (say) => fromRepositoryStep(refuge, bucket, record, say)),
  ];
  const ending = await stage.step('return', (say) => returnStep(state, bucket, returns, say));
  const counts = countsOf(returns, ending.leftovers);
  printSteps(out, stage.results, {
    ...counts,
    regions: { lost: HOME_REGION, recovered: REFUGE_REGION },
    ways: returns,
  });
  printReturns(out, returns);
  printVerdict(out, counts);
  return counts;
}

function countsOf(returns: readonly Return[], leftovers: number): Counts {
  const sum = (of: (one: Return) => number): number => returns.reduce((total, one) => total + of(one), 0);
  const [files, mismatches] = [sum((one) => one.items), sum((one) => one.mismatches)];
  const verified = Math.max(0, files - mismatches);
  return { files, bytes: sum((one) => one.bytes), verified, mismatches, leftovers };
}

function printReturns(out: Output, returns: readonly Return[]): void {
  const rows = returns.map((one) => [
    one.way,
    one.host,
    formatCount(one.items),
    formatBytes(one.bytes),
    formatCount(one.mismatches),
  ]);
  for (const line of table([`${HOST} CAME BACK FROM`, 'AS', 'ITEMS', 'BYTES', 'DIFFERENCES'], rows)) out.print(line);
  out.print('');
}

function judge(counts: Counts): number {
  if (counts.mismatches > 0)
    throw new HostarkError('verification-failed', 'what came back is not what was saved, see the differences above');
  if (counts.leftovers > 0)
    throw new HostarkError('leftovers', `${plural(counts.leftovers, 'resource')} left, see above`);
  return 0;
}
