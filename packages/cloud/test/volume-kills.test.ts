/**
 * Snapshots, copies, new volumes and whole hosts of them, killed at each single call to the cloud: cleanup then leaves
 * nothing but finished data, and a second run goes on instead of doubling.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AwsClients,
  destroyHost,
  type Ledger,
  launchHost,
  listVolumeSnapshots,
  planCleanup,
  planDestroy,
  planHostRecovery,
  planLaunch,
  planVolumeCopy,
  planVolumeCreate,
  planVolumeSnapshot,
  runCleanup,
  runHostRecovery,
  runVolumeCopy,
  runVolumeCreate,
  runVolumeSnapshot,
  snapshotSets,
} from '../src/index.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

const HOME = 'us-east-1';
const FAR = 'eu-west-1';
let cloud: TestCloud;
let far: AwsClients;
let set: string;
let snapshot: string;
let zone: string;
let kept: ReadonlySet<string>;

beforeAll(async () => {
  cloud = await startTestCloud({ durable: false });
  far = await cloud.connect({ region: FAR });
  const { clients, ledger } = cloud;
  const host = await launchHost(clients, await planLaunch(clients, { name: 'web', volumes: [{ sizeGiB: 1 }] }), {
    ledger,
  });
  zone = host.zone!;
  const taken = await runVolumeSnapshot(clients, await planVolumeSnapshot(clients, ledger, 'web'), { ledger });
  set = taken.set;
  snapshot = taken.snapshots.find((one) => one.device === '/dev/sdf')!.id;
  await planLaunch(far, { name: 'warm-up' });
  kept = new Set((await cloud.sandbox.inventory()).map(placeOf));
});
afterAll(() => cloud.stop());

type Entry = Awaited<ReturnType<TestCloud['sandbox']['inventory']>>[number];
const placeOf = ({ kind, id }: Entry): string => `${kind} ${id}`;

/** What exists and did not before the kills. */
async function added(): Promise<readonly Entry[]> {
  return (await cloud.sandbox.inventory()).filter((one) => !kept.has(placeOf(one)));
}

const isData = ({ kind, tags }: Entry): boolean =>
  (kind === 'ec2:snapshot' || kind === 'ec2:volume') && tags?.['hostark:finished'] !== undefined;

/** Removes finished data between two kills, behind everybody's back. */
async function forget(region: AwsClients): Promise<void> {
  const { DeleteSnapshotCommand, DeleteVolumeCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await region.ec2();
  for (const { kind, id } of await added()) {
    if (kind === 'ec2:snapshot') await ec2.send(new DeleteSnapshotCommand({ SnapshotId: id }));
    else if (kind === 'ec2:volume') await ec2.send(new DeleteVolumeCommand({ VolumeId: id }));
  }
  expect(await added()).toEqual([]);
}

/** A command: a plan made with whole clients, run with those that are killed. */
interface Command {
  readonly region: string;
  readonly run: (clients: AwsClients, ledger: Ledger) => Promise<unknown>;
}

async function callsOf(command: Command): Promise<readonly string[]> {
  const calls: string[] = [];
  const clients = await cloud.connect({
    region: command.region,
    observer: { before: (call) => calls.push(call.operation) },
  });
  await command.run(clients, await cloud.freshLedger());
  return calls;
}

/** Ends the command at call `at`. Returns false when this run needed fewer calls: waiting asks more or less often. */
async function kill(command: Command, ledger: Ledger, moment: 'before' | 'after', at: number): Promise<boolean> {
  let seen = 0;
  const strike = (): void => {
    if (seen++ === at) throw new Error('killed');
  };
  const clients = await cloud.connect({ region: command.region, observer: { [moment]: strike } });
  return await command.run(clients, ledger).then(
    () => false,
    (error: unknown) => {
      expect(String(error)).toContain('killed');
      return true;
    },
  );
}

const regionOf = (command: Command): AwsClients => (command.region === FAR ? far : cloud.clients);

const snapshotCommand: Command = {
  region: HOME,
  run: async (clients, ledger) =>
    runVolumeSnapshot(clients, await planVolumeSnapshot(cloud.clients, ledger, 'web'), { ledger }),
};
const copyCommand: Command = {
  region: FAR,
  run: async (clients, ledger) =>
    runVolumeCopy(clients, await planVolumeCopy(cloud.clients, far, { what: set }), { ledger }),
};
const createCommand: Command = {
  region: HOME,
  run: async (clients, ledger) =>
    runVolumeCreate(clients, await planVolumeCreate(cloud.clients, ledger, { snapshot, zone }), { ledger }),
};
const recoverCommand: Command = {
  region: FAR,
  run: async (clients, ledger) =>
    runHostRecovery(clients, await planHostRecovery(far, cloud.clients, ledger, { what: set, name: 'again' }), {
      ledger,
    }),
};

describe.each([
  ['a snapshot', snapshotCommand, 2],
  ['a copy', copyCommand, 2],
  ['a new volume', createCommand, 1],
] as const)('%s that was killed', (_what, command, results) => {
  it('before or after any single call, is cleaned up to nothing but finished data', async () => {
    const calls = await callsOf(command);
    await forget(regionOf(command));
    for (let at = 0; at < calls.length; at++) {
      for (const moment of ['before', 'after'] as const) {
        const ledger = await cloud.freshLedger();
        await kill(command, ledger, moment, at);
        await runCleanup(regionOf(command), await planCleanup(regionOf(command), ledger), { ledger });
        const left = await added();
        expect(left.filter((one) => !isData(one)).map(placeOf), `${moment} ${calls[at]}`).toEqual([]);
        expect([0, results], `${moment} ${calls[at]}`).toContain(left.length);
        const open = (await ledger.openResources()).length;
        expect(open > 0, `${moment} ${calls[at]}`).toBe(left.length > 0);
        await forget(regionOf(command));
      }
    }
  }, 120_000);

  it('is continued by the next run, without doubling anything', async () => {
    const calls = await callsOf(command);
    await forget(regionOf(command));
    for (let at = 0; at < calls.length; at++) {
      const ledger = await cloud.freshLedger();
      const killed = await kill(command, ledger, 'after', at);
      const finished = (await added()).length === results && (await added()).every(isData);
      // A run whose data was finished before the kill has nothing left to go on with: the next one is another.
      if (killed && !(finished && command !== copyCommand)) await command.run(regionOf(command), ledger);
      const now = await added();
      expect(
        now.map(({ kind }) => kind),
        `after ${calls[at]}`,
      ).toHaveLength(results);
      expect(now.every(isData), `after ${calls[at]}`).toBe(true);
      await forget(regionOf(command));
    }
  }, 120_000);
});

describe('a whole host from snapshots that was killed', () => {
  const removeHost = async (ledger: Ledger): Promise<void> => {
    await destroyHost(far, await planDestroy(far, ledger, 'again'), { ledger });
  };
  let calls: readonly string[];

  it('is first made undisturbed, to know its calls', async () => {
    const ledger = await cloud.freshLedger();
    const seen: string[] = [];
    const clients = await cloud.connect({ region: FAR, observer: { before: (call) => seen.push(call.operation) } });
    await recoverCommand.run(clients, ledger);
    calls = seen;
    await removeHost(ledger);
    await forget(far);
    expect(calls).toEqual(expect.arrayContaining(['CopySnapshot', 'RegisterImage', 'RunInstances', 'DeregisterImage']));
  });

  it('after any single call, is cleaned up to nothing but finished copies', async () => {
    for (let at = 0; at < calls.length; at++) {
      const ledger = await cloud.freshLedger();
      await kill(recoverCommand, ledger, 'after', at);
      await runCleanup(far, await planCleanup(far, ledger), { ledger });
      // Killed when the host was ready already: then it is a host like any other, and only the image was in the way.
      if ((await added()).some(({ kind }) => kind === 'ec2:instance')) await removeHost(ledger);
      const left = await added();
      expect(left.filter((one) => !isData(one)).map(placeOf), `after ${calls[at]}`).toEqual([]);
      await forget(far);
    }
  }, 240_000);

  it('again and again, after each call in turn, comes to one host in the end', async () => {
    const ledger = await cloud.freshLedger();
    for (const operation of new Set(calls)) {
      const clients = await cloud.connect({
        region: FAR,
        observer: {
          after: (call) => {
            if (call.operation === operation) throw new Error('killed');
          },
        },
      });
      // What an earlier run has done is not asked for again, so not every operation is met each time.
      await recoverCommand.run(clients, ledger).catch((error: unknown) => expect(String(error)).toContain('killed'));
    }
    await recoverCommand.run(far, ledger).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'usage', message: expect.stringContaining('--name again') }); // it is done already
    });
    const kinds = (await added()).map(({ kind }) => kind);
    const count = (wanted: string): number => kinds.filter((kind) => kind === wanted).length;
    expect([count('ec2:instance'), count('ec2:volume'), count('ec2:snapshot'), count('ec2:image')]).toEqual([
      1, 2, 2, 0,
    ]);
    expect(snapshotSets(await listVolumeSnapshots(far))).toMatchObject([{ id: set, ready: true }]);
    await removeHost(ledger);
    await forget(far);
  }, 120_000);
});
