/** Volumes: their snapshots, copies and what is made of them, against the sandbox. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AwsClients,
  type CloudEvent,
  destroyHost,
  type Host,
  type Ledger,
  launchHost,
  listVolumeSnapshots,
  planCleanup,
  planDestroy,
  planHostRecovery,
  planLaunch,
  planVolumeAttach,
  planVolumeCopy,
  planVolumeCreate,
  planVolumeDetach,
  planVolumePrune,
  planVolumeSnapshot,
  runCleanup,
  runHostRecovery,
  runVolumeAttach,
  runVolumeCopy,
  runVolumeCreate,
  runVolumeDetach,
  runVolumePrune,
  runVolumeSnapshot,
  snapshotSets,
  type VolumeSnapshot,
} from '../src/index.ts';
import { decideByOrigin } from '../src/volume-prune.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

const HOME = 'us-east-1';
const FAR = 'eu-west-1';
let cloud: TestCloud;
let far: AwsClients;
let host: Host;
let ledger: Ledger;
/** The newest set of the host. */
let set: string;
let root: VolumeSnapshot;
let data: VolumeSnapshot;

beforeAll(async () => {
  cloud = await startTestCloud({ durable: false });
  ({ ledger } = cloud);
  far = await cloud.connect({ region: FAR });
  const plan = await planLaunch(cloud.clients, { name: 'web', volumes: [{ sizeGiB: 3 }] });
  host = await launchHost(cloud.clients, plan, { ledger });
});
afterAll(() => cloud.stop());

const refused = (words: string): object => ({
  code: 'usage',
  message: expect.stringContaining(words),
});

async function takeSet(): Promise<string> {
  const plan = await planVolumeSnapshot(cloud.clients, ledger, 'web');
  return (await runVolumeSnapshot(cloud.clients, plan, { ledger })).set;
}

describe('a snapshot of all volumes of a host', () => {
  it('is planned as plain data, with its price, and creates nothing', async () => {
    const before = await cloud.sandbox.inventory();
    const plan = await planVolumeSnapshot(cloud.clients, ledger, 'web');
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(plan.volumes.map(({ device, root, sizeGiB }) => [device, root, sizeGiB])).toEqual([
      ['/dev/xvda', true, 8],
      ['/dev/sdf', false, 3],
    ]);
    expect(plan.price.monthly).toBeCloseTo(11 * 0.05);
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('is one set whose tags say all that a new host needs', async () => {
    const plan = await planVolumeSnapshot(cloud.clients, ledger, 'web');
    const report = await runVolumeSnapshot(cloud.clients, plan, { ledger });
    expect(report).toMatchObject({ set: plan.set, host: 'web', consistency: 'crash' });
    set = report.set;
    const found = snapshotSets(await listVolumeSnapshots(cloud.clients, { host: 'web' }));
    expect(found).toMatchObject([{ id: set, complete: true, ready: true }]);
    [root, data] = found[0]!.snapshots as [VolumeSnapshot, VolumeSnapshot];
    expect([root.device, data.device]).toEqual(['/dev/xvda', '/dev/sdf']);
    expect(root).toMatchObject({
      state: 'completed',
      sourceRegion: HOME,
      finished: true,
      machine: { architecture: 'x86_64', rootDevice: '/dev/xvda', instanceType: 't3.small', user: 'ec2-user' },
    });
  });

  it('is taken between freeze and thaw, and says whether the freeze held', async () => {
    const seen: string[] = [];
    const plan = await planVolumeSnapshot(cloud.clients, ledger, 'web');
    const clients = await cloud.connect({ observer: { before: (call) => seen.push(call.operation) } });
    const report = await runVolumeSnapshot(clients, plan, {
      ledger,
      whileFrozen: async (take) => {
        seen.length = 0;
        await take();
        seen.push('thaw');
        return true;
      },
    });
    expect(seen.slice(0, 2)).toEqual(['CreateSnapshots', 'thaw']);
    expect(report.consistency).toBe('frozen');
    const torn = await planVolumeSnapshot(cloud.clients, ledger, 'web');
    const late = { ledger, whileFrozen: (take: () => Promise<void>) => take().then(() => false) };
    expect(await runVolumeSnapshot(cloud.clients, torn, late)).toMatchObject({ consistency: 'crash' });
  });

  it('is data: neither cleanup nor the end of its host takes it away', async () => {
    const count = (await listVolumeSnapshots(cloud.clients)).length;
    const plan = await planLaunch(cloud.clients, { name: 'brief' });
    await launchHost(cloud.clients, plan, { ledger });
    await runVolumeSnapshot(cloud.clients, await planVolumeSnapshot(cloud.clients, ledger, 'brief'), { ledger });
    await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'brief'), { ledger });
    const foreign = await planCleanup(cloud.clients, await cloud.freshLedger(), { includeForeign: true });
    for (const cleanup of [await planCleanup(cloud.clients, ledger), foreign])
      expect(cleanup.removals.filter((one) => one.kind === 'snapshot')).toEqual([]);
    await runCleanup(cloud.clients, await planCleanup(cloud.clients, ledger), { ledger });
    expect(await listVolumeSnapshots(cloud.clients)).toHaveLength(count + 1);
    expect(
      (await ledger.openResources()).filter((entry) => entry.kind === 'snapshot' && entry.host === 'brief'),
    ).toHaveLength(1);
  });

  it('is one set, also when the answer to the request was lost', async () => {
    const before = (await listVolumeSnapshots(cloud.clients)).length;
    const fault = cloud.sandbox.faults.add({
      service: 'ec2',
      operation: 'CreateSnapshots',
      kind: 'drop',
      when: 'after',
    });
    const report = await takeSet();
    expect(fault.struck).toBe(1);
    const all = await listVolumeSnapshots(cloud.clients);
    expect(all).toHaveLength(before + 2);
    expect(snapshotSets(all).find((one) => one.id === report)).toMatchObject({ complete: true });
  });
});

describe('a copy in another region', () => {
  it('takes the whole set, encrypted, and is continued instead of doubled', async () => {
    const plan = await planVolumeCopy(cloud.clients, far, { what: set });
    expect(plan.price.once).toBeCloseTo(11 * 0.02);
    const report = await runVolumeCopy(far, plan, { ledger });
    expect(report.snapshots.map((one) => [one.device, one.encrypted, one.state, one.region])).toEqual(
      expect.arrayContaining([
        ['/dev/xvda', true, 'completed', FAR],
        ['/dev/sdf', true, 'completed', FAR],
      ]),
    );
    const again = await planVolumeCopy(cloud.clients, far, { what: set });
    expect(again.copies.map((copy) => copy.present)).not.toContain(null);
    expect(again.price.once).toBe(0);
    await runVolumeCopy(far, again, { ledger });
    expect(await listVolumeSnapshots(far)).toHaveLength(2);
  });

  it('of a single snapshot becomes part of its set when the rest follows', async () => {
    const third = await cloud.connect({ region: 'eu-central-1' });
    await runVolumeCopy(third, await planVolumeCopy(cloud.clients, third, { what: data.id }), { ledger });
    expect(snapshotSets(await listVolumeSnapshots(third))).toMatchObject([{ id: set, complete: true }]);
    await expect(planHostRecovery(third, null, ledger, { what: set, name: 'x' })).rejects.toMatchObject(
      refused('root volume'),
    );
    await runVolumeCopy(third, await planVolumeCopy(cloud.clients, third, { what: set }), { ledger });
    const [whole] = snapshotSets(await listVolumeSnapshots(third));
    expect(whole!.snapshots.map((one) => [one.device, one.setSize])).toEqual([
      ['/dev/xvda', 2],
      ['/dev/sdf', 2],
    ]);
  });

  it.each([
    ['its own region', () => planVolumeCopy(cloud.clients, cloud.clients, { what: set }), 'another region'],
    [
      'a key of another region',
      () => planVolumeCopy(cloud.clients, far, { what: set, kmsKey: 'arn:aws:kms:us-east-1:1:key/k' }),
      'KMS key',
    ],
    [
      'an odd duration',
      () => planVolumeCopy(cloud.clients, far, { what: set, completionMinutes: 20 }),
      'completion duration',
    ],
    [
      'a snapshot that is not there',
      () => planVolumeCopy(cloud.clients, far, { what: 'snap-00000000000000000' }),
      'there is none',
    ],
    ['a host without snapshots', () => planVolumeCopy(cloud.clients, far, { what: 'nobody' }), 'no complete set'],
  ])('is refused for %s', async (_what, plan, words) => {
    await expect(plan()).rejects.toMatchObject(refused(words));
  });

  it('is refused for a set that EBS is still storing', async () => {
    cloud.sandbox.consistency.delay('snapshot-progress', { ms: 60_000 });
    try {
      const plan = await planVolumeSnapshot(cloud.clients, ledger, 'web');
      const { snapshots } = await runVolumeSnapshot(cloud.clients, plan, { ledger, wait: false });
      expect(snapshots.map((one) => one.state)).toEqual(['pending', 'pending']);
      await expect(planVolumeCopy(cloud.clients, far, { what: plan.set })).rejects.toMatchObject(
        refused('expected completed'),
      );
    } finally {
      cloud.sandbox.consistency.delay('snapshot-progress', {});
    }
  });

  it('is refused for a region that the account does not have', async () => {
    const nowhere = await cloud.connect({ region: 'xx-north-9' });
    await expect(planVolumeCopy(cloud.clients, nowhere, { what: set })).rejects.toMatchObject(refused('xx-north-9'));
  });
});

describe('a volume from a snapshot', () => {
  let volume: string;
  const request = () => ({ snapshot: data.id, zone: host.zone!, sizeGiB: 5 });

  it('is made in the zone, larger and encrypted, and kept by cleanup', async () => {
    const plan = await planVolumeCreate(cloud.clients, ledger, request());
    expect(plan).toMatchObject({ type: 'gp3', sizeGiB: 5, encrypted: true, price: { monthly: 0.4 } });
    volume = await runVolumeCreate(cloud.clients, plan, { ledger });
    const cleanup = await planCleanup(cloud.clients, ledger);
    expect(cleanup.removals).toEqual([]);
    expect(cleanup.kept).toContainEqual(expect.objectContaining({ kind: 'volume', id: volume }));
  });

  it('that a killed run began is continued by the same wish, and not taken for another one', async () => {
    const killed = await cloud.connect({
      observer: {
        after: (call) => {
          if (call.operation === 'CreateVolume') throw new Error('killed');
        },
      },
    });
    const own = await cloud.freshLedger();
    const begun = await planVolumeCreate(cloud.clients, own, request());
    await expect(runVolumeCreate(killed, begun, { ledger: own })).rejects.toThrow('killed');
    const other = await planVolumeCreate(cloud.clients, own, { ...request(), sizeGiB: 6 });
    expect(other.name).not.toBe(begun.name);
    expect((await planVolumeCreate(cloud.clients, own, request())).name).toBe(begun.name);
    await runCleanup(cloud.clients, await planCleanup(cloud.clients, own), { ledger: own });
  });

  it('is attached to the first free device and detached again', async () => {
    const plan = await planVolumeAttach(cloud.clients, ledger, { volume, host: 'web' });
    expect(plan.device).toBe('/dev/sdg');
    await runVolumeAttach(cloud.clients, plan, { ledger });
    await runVolumeAttach(cloud.clients, await planVolumeAttach(cloud.clients, ledger, { volume, host: 'web' }), {
      ledger,
    });
    await expect(
      planVolumeAttach(cloud.clients, ledger, { volume, host: 'web', device: '/dev/sdh' }),
    ).rejects.toMatchObject(refused('in-use'));
    await runVolumeDetach(cloud.clients, await planVolumeDetach(cloud.clients, volume), { ledger });
    await expect(planVolumeDetach(cloud.clients, volume)).rejects.toMatchObject(refused('attached'));
  });

  it.each([
    [
      'a zone of another region',
      () => planVolumeCreate(cloud.clients, ledger, { ...request(), zone: 'eu-west-1a' }),
      'zone eu-west-1a',
    ],
    [
      'a size below that of the snapshot',
      () => planVolumeCreate(cloud.clients, ledger, { ...request(), sizeGiB: 2 }),
      'expected 3 to',
    ],
    [
      'a type that there is not',
      () => planVolumeCreate(cloud.clients, ledger, { ...request(), type: 'gp9' }),
      'volume type',
    ],
    [
      'a cold type that must be larger',
      () => planVolumeCreate(cloud.clients, ledger, { ...request(), type: 'st1' }),
      'expected 125',
    ],
    [
      'an unencrypted one of an encrypted snapshot',
      () => planVolumeCreate(cloud.clients, ledger, { ...request(), encrypted: false }),
      'encrypted',
    ],
    [
      'a device that is taken',
      () => planVolumeAttach(cloud.clients, ledger, { volume, host: 'web', device: '/dev/xvdf' }),
      'in use',
    ],
    [
      'a device that is none',
      () => planVolumeAttach(cloud.clients, ledger, { volume, host: 'web', device: 'sdf' }),
      'device',
    ],
    [
      'a volume that is not there',
      () => planVolumeAttach(cloud.clients, ledger, { volume: 'vol-00000000000000000', host: 'web' }),
      'there is none',
    ],
    ['the root of a host that runs', () => planVolumeDetach(cloud.clients, rootVolume()), 'root'],
  ])('is refused for %s', async (_what, plan, words) => {
    await expect(plan()).rejects.toMatchObject(refused(words));
  });

  const rootVolume = (): string => root.volumeId;

  it('is refused for a snapshot that Hostark did not make', async () => {
    const { CreateSnapshotCommand } = await import('@aws-sdk/client-ec2');
    const ec2 = await cloud.clients.ec2();
    const { SnapshotId } = await ec2.send(new CreateSnapshotCommand({ VolumeId: root.volumeId }));
    const plan = planVolumeCreate(cloud.clients, ledger, { ...request(), snapshot: SnapshotId! });
    await expect(plan).rejects.toMatchObject(refused('no such mark'));
  });
});

describe('a whole host from snapshots', () => {
  it('runs in another region from the copies there, though the first one is lost', async () => {
    await cloud.sandbox.regions.lose(HOME);
    try {
      const plan = await planHostRecovery(far, cloud.clients, ledger, { what: 'web', name: 'web-far' });
      expect(plan.copy).toBeNull();
      const made = await runHostRecovery(far, plan, { ledger });
      expect(made).toMatchObject({ name: 'web-far', region: FAR, state: 'running', instanceType: 't3.small' });
      const kinds = (await cloud.sandbox.inventory()).filter((one) => one.region === FAR).map((one) => one.kind);
      expect(kinds.filter((kind) => kind === 'ec2:volume')).toHaveLength(2);
      expect(kinds).not.toContain('ec2:image');
    } finally {
      await cloud.sandbox.regions.restore(HOME);
    }
    await expect(planHostRecovery(far, null, ledger, { what: 'web', name: 'web-far' })).rejects.toMatchObject(
      refused('--name'),
    );
    await destroyHost(far, await planDestroy(far, ledger, 'web-far'), { ledger });
  });

  it('is copied first where nothing is there yet', async () => {
    const west = await cloud.connect({ region: 'us-west-2' });
    const plan = await planHostRecovery(west, cloud.clients, ledger, { what: set, name: 'web-west' });
    expect(plan.copy?.copies).toHaveLength(2);
    expect(await runHostRecovery(west, plan, { ledger })).toMatchObject({ region: 'us-west-2', state: 'running' });
    await destroyHost(west, await planDestroy(west, ledger, 'web-west'), { ledger });
    expect(snapshotSets(await listVolumeSnapshots(west))).toMatchObject([{ id: set, ready: true }]);
  });

  it('goes into another zone of the same region, as it was', async () => {
    const plan = await planHostRecovery(cloud.clients, null, ledger, {
      what: set,
      name: 'web-zone',
      zone: 'us-east-1b',
    });
    expect(await runHostRecovery(cloud.clients, plan, { ledger })).toMatchObject({ zone: 'us-east-1b' });
    await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'web-zone'), { ledger });
  });

  it.each([
    ['a type of another architecture', { instanceType: 't4g.small' }, 'arm64'],
    ['a subnet that is not there', { subnet: 'subnet-00000000000000000' }, 'there is none'],
    ['a bucket that is not there', { bucket: 'no-such-bucket-here' }, 'there is none'],
  ])('is refused for %s, before anything exists', async (_what, choice, words) => {
    const before = await cloud.sandbox.inventory();
    const request = { what: set, name: 'never', ...choice };
    await expect(planHostRecovery(cloud.clients, null, ledger, request)).rejects.toMatchObject(refused(words));
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });
});

describe('an EC2 that answers late', () => {
  const LATE = ['snapshot', 'snapshot-progress', 'volume', 'attachment'] as const;

  it('is waited for by snapshots, copies, volumes and attachments', async () => {
    const lab = await cloud.connect({ region: 'ap-south-1' });
    for (const kind of LATE) cloud.sandbox.consistency.delay(kind, { calls: 2 });
    const told: (number | null)[] = [];
    const options = {
      ledger,
      onEvent: (event: CloudEvent) => void (event.type === 'progress' && told.push(event.filesDone)),
    };
    try {
      const taken = await runVolumeSnapshot(
        cloud.clients,
        await planVolumeSnapshot(cloud.clients, ledger, 'web'),
        options,
      );
      expect(told.at(-1)).toBe(2);
      await runVolumeCopy(lab, await planVolumeCopy(cloud.clients, lab, { what: taken.set }), options);
      const request = { snapshot: taken.snapshots.find((one) => one.device === '/dev/sdf')!.id, zone: host.zone! };
      const volume = await runVolumeCreate(
        cloud.clients,
        await planVolumeCreate(cloud.clients, ledger, request),
        options,
      );
      await runVolumeAttach(
        cloud.clients,
        await planVolumeAttach(cloud.clients, ledger, { volume, host: 'web' }),
        options,
      );
      await runVolumeDetach(cloud.clients, await planVolumeDetach(cloud.clients, volume), options);
    } finally {
      for (const kind of LATE) cloud.sandbox.consistency.delay(kind, {});
    }
    expect(snapshotSets(await listVolumeSnapshots(lab))).toMatchObject([{ ready: true }]);
  });

  it('or throttles every request for something new, is asked again', async () => {
    const busy = [
      'CreateSnapshots',
      'CreateTags',
      'CopySnapshot',
      'CreateVolume',
      'RegisterImage',
      'DeregisterImage',
    ] as const;
    const rules = busy.map((operation) =>
      cloud.sandbox.faults.add({ service: 'ec2', operation, kind: 'error', status: 503, code: 'RequestLimitExceeded' }),
    );
    const sydney = await cloud.connect({ region: 'ap-southeast-2' });
    const plan = await planVolumeSnapshot(cloud.clients, ledger, 'web');
    const taken = await runVolumeSnapshot(cloud.clients, plan, { ledger });
    const recovery = await planHostRecovery(sydney, cloud.clients, ledger, { what: taken.set, name: 'web-busy' });
    await runHostRecovery(sydney, recovery, { ledger });
    const request = { snapshot: taken.snapshots[0]!.id, zone: host.zone! };
    await runVolumeCreate(cloud.clients, await planVolumeCreate(cloud.clients, ledger, request), { ledger });
    expect(rules.map((rule) => rule.struck)).toEqual(busy.map(() => 1));
    await destroyHost(sydney, await planDestroy(sydney, ledger, 'web-busy'), { ledger });
  });
});

describe('pruning', () => {
  it('keeps the newest, what images hold, and the last complete set', async () => {
    const { RegisterImageCommand, DeregisterImageCommand } = await import('@aws-sdk/client-ec2');
    const ec2 = await cloud.clients.ec2();
    const mapping = { DeviceName: '/dev/xvda', Ebs: { SnapshotId: root.id } };
    const { ImageId } = await ec2.send(
      new RegisterImageCommand({
        Name: 'held',
        Architecture: 'x86_64',
        RootDeviceName: '/dev/xvda',
        BlockDeviceMappings: [mapping],
      }),
    );
    const newest = await takeSet();
    const plan = await planVolumePrune(cloud.clients, { host: 'web', keepLast: 1 });
    expect(plan.kept.map((one) => [one.set, one.reason])).toEqual([
      [set, `image ${ImageId} uses it`],
      [newest, 'the last complete set'],
    ]);
    expect(plan.removed).toHaveLength(6);
    const report = await runVolumePrune(cloud.clients, plan, { ledger });
    expect(report).toMatchObject({ removed: { length: 12 }, inUse: [] });
    expect(snapshotSets(await listVolumeSnapshots(cloud.clients, { host: 'web' })).map((one) => one.id)).toEqual([
      set,
      newest,
    ]);
    await ec2.send(new DeregisterImageCommand({ ImageId: ImageId! }));
    const all = await planVolumePrune(cloud.clients, { host: 'web', keepWithinMs: 0, now: Date.now() + 1000 });
    expect(all.kept.map((one) => one.set)).toEqual([newest]);
    const open = (await ledger.openResources()).filter(
      (one) => one.kind === 'snapshot' && one.host === 'web' && one.region === HOME,
    );
    expect(open.map((one) => one.name)).toEqual([set, newest]);
  });

  it('counts copies of another region’s host of the same name on their own', async () => {
    const [newest] = (await planVolumePrune(cloud.clients, { host: 'web', keepLast: 1 })).kept;
    const set = snapshotSets(await listVolumeSnapshots(cloud.clients, { host: 'web' })).at(-1)!;
    expect(newest?.set).toBe(set.id);
    const older = { ...set, id: 'set-far', taken: '2020-01-01T00:00:00.000Z' };
    const far = { ...older, snapshots: set.snapshots.map((one) => ({ ...one, sourceRegion: 'far-away-1' })) };
    const rule = { host: 'web', keepLast: 1 };
    expect(decideByOrigin([far, set], new Map(), rule).map((one) => one.keep)).toEqual([true, true]);
    expect(decideByOrigin([older, set], new Map(), rule).map((one) => one.keep)).toEqual([false, true]);
  });

  it('needs a rule, and a host that has snapshots', async () => {
    await expect(planVolumePrune(cloud.clients, { host: 'web' })).rejects.toMatchObject(refused('a rule'));
    await expect(planVolumePrune(cloud.clients, { host: 'web', keepLast: 0 })).rejects.toMatchObject(
      refused('--keep-last'),
    );
    await expect(planVolumePrune(cloud.clients, { host: 'nobody', keepLast: 1 })).rejects.toMatchObject(
      refused('no snapshots'),
    );
  });
});
