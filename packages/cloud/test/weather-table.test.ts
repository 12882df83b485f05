/**
 * AWS weather, operation by operation: every call of every operation meets each fault once, and what came of it is the
 * table in docs/aws-weather.md. After a change that is meant, write it anew with `npx vitest run -u <this file>`.
 */
import { join } from 'node:path';
import { isHostarkError } from '@hostark/protocol';
import type { FaultRule } from '@hostark/sandbox';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import {
  type AwsClients,
  adoptHost,
  type CloudCall,
  type CloudEvent,
  createBucket,
  destroyHost,
  detachHost,
  downloadRepository,
  type Ledger,
  launchHost,
  listHosts,
  locateBucket,
  planAdopt,
  planBucket,
  planCleanup,
  planDestroy,
  planDetach,
  planLaunch,
  planVolumeCopy,
  planVolumeSnapshot,
  runCleanup,
  runVolumeCopy,
  runVolumeSnapshot,
  showHost,
} from '../src/index.ts';
import { type ForeignHost, launchForeign } from './foreign.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

const PAGE = join(import.meta.dirname, '../../../docs/aws-weather.md');
const FAR = 'eu-west-1';
const BUCKET = 'weather-table';

let cloud: TestCloud;
let theirs: ForeignHost;
beforeAll(async () => {
  cloud = await startTestCloud();
  theirs = await launchForeign(cloud, 'legacy');
  // The SDK's pauses between attempts are a random share of up to 20 s; the test takes a small one.
  vi.spyOn(Math, 'random').mockReturnValue(0.01);
  await createBucket(cloud.clients, await planBucket(cloud.clients, { name: BUCKET }), { ledger: cloud.ledger });
});
afterAll(() => {
  vi.restoreAllMocks();
  return cloud.stop();
});

/** What an operation works with: clients whose calls are watched, here and in another region. */
interface Hands {
  readonly here: AwsClients;
  readonly far: AwsClients;
  readonly ledger: Ledger;
  /** Tells one life from the others, for names that cannot be used twice. */
  readonly life: string;
}

type Work = (hands: Hands) => Promise<unknown>;

/** One life of a host, in the order in which its parts build on each other. */
const OPERATIONS: readonly (readonly [name: string, work: Work])[] = [
  [
    'bucket create',
    async ({ here, ledger, life }) => createBucket(here, await planBucket(here, { name: `made-${life}` }), { ledger }),
  ],
  [
    'host launch',
    async ({ here, ledger }) => launchHost(here, await planLaunch(here, { name: 'storm', bucket: BUCKET }), { ledger }),
  ],
  ['host list', ({ here, ledger }) => listHosts(here, ledger)],
  [
    'host adopt',
    async ({ here, ledger }) => {
      const { id: instanceId, identityFile } = theirs;
      const request = { name: 'old', instanceId, bucket: BUCKET, identityFile, hostKeys: 'console' as const };
      return adoptHost(here, await planAdopt(here, ledger, request), { ledger });
    },
  ],
  ['host detach', async ({ here, ledger }) => detachHost(here, await planDetach(here, ledger, 'old'), { ledger })],
  [
    'volume snapshot',
    async ({ here, ledger }) => runVolumeSnapshot(here, await planVolumeSnapshot(here, ledger, 'storm'), { ledger }),
  ],
  [
    'volume copy',
    async ({ here, far, ledger }) => runVolumeCopy(far, await planVolumeCopy(here, far, { what: 'storm' }), { ledger }),
  ],
  ['host destroy', async ({ here, ledger }) => destroyHost(here, await planDestroy(here, ledger, 'storm'), { ledger })],
  ['cleanup', async ({ here, ledger }) => runCleanup(here, await planCleanup(here, ledger), { ledger })],
];

/** The codes of expired credentials differ by service (see the sandbox's auth/fault.ts, from each API's reference). */
const EXPIRED: Readonly<Record<string, readonly [status: number, code: string]>> = {
  s3: [400, 'ExpiredToken'],
  ec2: [400, 'RequestExpired'],
  iam: [403, 'ExpiredToken'],
  sts: [403, 'ExpiredToken'],
  ssm: [400, 'ExpiredTokenException'],
};

const THROTTLED: Readonly<Record<string, readonly [status: number, code: string]>> = {
  s3: [503, 'SlowDown'],
  ec2: [503, 'RequestLimitExceeded'],
  iam: [400, 'Throttling'],
  sts: [400, 'Throttling'],
  ssm: [400, 'ThrottlingException'],
};

type Weather = readonly [
  name: string,
  fault: (call: CloudCall) => FaultRule,
  which: 'every call' | 'a call in the middle',
];

const error = (call: CloudCall, [status, code]: readonly [number, string]): FaultRule => ({
  ...call,
  kind: 'error',
  status,
  code,
});

const WEATHERS: readonly Weather[] = [
  ['throttling of every call', (call) => error(call, THROTTLED[call.service]!), 'every call'],
  ['503 at every call', (call) => error(call, [503, 'ServiceUnavailable']), 'every call'],
  ['the answer of every call is lost', (call) => ({ ...call, kind: 'drop', when: 'after' }), 'every call'],
  ['expired credentials in the middle', (call) => error(call, EXPIRED[call.service]!), 'a call in the middle'],
];

/** Lives through all operations, each in the given weather; returns what came of each. */
async function live(
  weather: Weather | null,
  calls: ReadonlyMap<string, readonly CloudCall[]>,
): Promise<Map<string, string>> {
  const outcomes = new Map<string, string>();
  const ledger = await cloud.freshLedger();
  const life = String(WEATHERS.indexOf(weather!) + 1);
  for (const [name, work] of OPERATIONS) {
    const hands = { here: await cloud.connect(), far: await cloud.connect({ region: FAR }), ledger, life };
    const known = calls.get(name)!;
    const [, fault, which] = weather!;
    const struck = which === 'every call' ? distinct(known) : [known[known.length >> 1]!];
    const rules = struck.map((call) => cloud.sandbox.faults.add(fault(call)));
    const outcome = await outcomeOf(() => work(hands));
    // Nothing is proven by a fault that met nobody.
    expect(
      rules.map((rule) => rule.struck),
      `${name}: ${struck.map(({ operation }) => operation)}`,
    ).toEqual(rules.map(() => 1));
    cloud.sandbox.faults.clear();
    if (outcome === 'done') outcomes.set(name, 'done');
    else outcomes.set(name, `${outcome}; then ${await outcomeOf(() => work({ ...hands, here: cloud.clients }))}`);
  }
  return outcomes;
}

async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (thrown) {
    if (!isHostarkError(thrown)) throw thrown;
    return `stops: ${thrown.code}`;
  }
}

function distinct(calls: readonly CloudCall[]): CloudCall[] {
  return [...new Map(calls.map((call) => [`${call.service}:${call.operation}`, call])).values()];
}

/** One life in fair weather, to know which calls there are. */
async function fairWeather(): Promise<Map<string, CloudCall[]>> {
  const calls = new Map<string, CloudCall[]>();
  const ledger = await cloud.freshLedger();
  for (const [name, work] of OPERATIONS) {
    const seen: CloudCall[] = [];
    const observer = { before: ({ service, operation }: CloudCall) => void seen.push({ service, operation }) };
    const hands = {
      here: await cloud.connect({ observer }),
      far: await cloud.connect({ observer, region: FAR }),
      ledger,
      life: '0',
    };
    await work(hands);
    calls.set(name, seen);
  }
  return calls;
}

type Story = () => Promise<string>;

const RUNS = { service: 'ec2', operation: 'RunInstances', kind: 'error', status: 400 } as const;

/** What has a cause of its own rather than a moment. */
const STORIES: readonly (readonly [weather: string, told: Story])[] = [
  [
    'the instance profile, the security group and the instance are not known yet after their creation',
    async () => {
      for (const kind of ['profile', 'security-group', 'instance'] as const)
        cloud.sandbox.consistency.delay(kind, { calls: 2 });
      return inLaunch(() => undefined).finally(() => {
        for (const kind of ['profile', 'security-group', 'instance'] as const)
          cloud.sandbox.consistency.delay(kind, {});
      });
    },
  ],
  [
    'a snapshot is not known yet after its creation, and pending for a while',
    async () => {
      for (const kind of ['snapshot', 'snapshot-progress'] as const)
        cloud.sandbox.consistency.delay(kind, { calls: 2 });
      const ledger = await cloud.freshLedger();
      try {
        await launchHost(cloud.clients, await planLaunch(cloud.clients, { name: 'storm' }), { ledger });
        return await outcomeOf(async () => {
          const report = await runVolumeSnapshot(
            cloud.clients,
            await planVolumeSnapshot(cloud.clients, ledger, 'storm'),
            { ledger },
          );
          expect(report.snapshots.length).toBeGreaterThan(0);
        });
      } finally {
        for (const kind of ['snapshot', 'snapshot-progress'] as const) cloud.sandbox.consistency.delay(kind, {});
        await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'storm'), { ledger });
      }
    },
  ],
  [
    'the zone has no such instance left',
    async () => {
      let said = '';
      const outcome = await inLaunch(
        () => void cloud.sandbox.faults.add({ ...RUNS, code: 'InsufficientInstanceCapacity' }),
        (event) => {
          if (event.type === 'notice') said = event.message;
        },
      );
      expect(said).toMatch(/EC2 has no t3.small left in .*: trying t3.small in /);
      return `${outcome}, in the next zone or with the next type, and says so`;
    },
  ],
  [
    'no zone has such an instance or one like it',
    async () =>
      inLaunch(() => void cloud.sandbox.faults.add({ ...RUNS, code: 'InsufficientInstanceCapacity', times: 99 })),
  ],
  [
    'an instance does not run in time',
    async () => {
      let waits = false;
      // Ten minutes pass at one look: less than the 15 that AWS lets a clock be wrong.
      const before = ({ operation }: CloudCall): void => {
        if (waits && operation === 'DescribeInstances') vi.setSystemTime(Date.now() + 601_000);
      };
      const clients = await cloud.connect({ observer: { before } });
      return inLaunch(
        () => vi.useFakeTimers({ toFake: ['Date'] }),
        (event) => {
          if (event.type !== 'step' || event.step !== 'wait until it runs' || event.state !== 'started') return;
          waits = true;
          cloud.sandbox.faults.add({
            service: 'ec2',
            operation: 'DescribeInstances',
            kind: 'error',
            status: 400,
            code: 'InvalidInstanceID.NotFound',
            times: 99,
          });
        },
        clients,
      );
    },
  ],
  [
    'the bucket is in another region',
    async () => {
      const far = await cloud.connect({ region: FAR });
      await createBucket(far, await planBucket(far, { name: 'far-away' }), { ledger: cloud.ledger });
      expect(await locateBucket(cloud.clients, 'far-away')).toBe(FAR);
      // An empty bucket holds no repository; that it says so means that it was reached.
      return outcomeOf(() =>
        downloadRepository(cloud.clients, { bucket: 'far-away', directory: join(cloud.root, 'far') }).catch(
          (thrown: unknown) => {
            if (!isHostarkError(thrown, 'no-repository')) throw thrown;
          },
        ),
      );
    },
  ],
];

/** Launches in some weather; if that stops, once more when it has passed. Removes the host. */
async function inLaunch(
  begin: () => void,
  onEvent: (event: CloudEvent) => void = () => {},
  clients: AwsClients = cloud.clients,
): Promise<string> {
  const ledger = await cloud.freshLedger();
  const plan = await planLaunch(cloud.clients, { name: 'storm', bucket: BUCKET });
  begin();
  const first = await outcomeOf(() => launchHost(clients, plan, { ledger, onEvent }));
  vi.useRealTimers();
  cloud.sandbox.faults.clear();
  const again = first === 'done' ? null : await outcomeOf(() => launchHost(cloud.clients, plan, { ledger }));
  await showHost(cloud.clients, ledger, 'storm');
  expect((await ledger.openResources()).filter(({ kind }) => kind === 'instance').length).toBe(1);
  await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'storm'), { ledger });
  return again === null ? first : `${first}; then ${again}`;
}

it('is survived, or told as what it is and then survived, as docs/aws-weather.md says', async () => {
  const calls = await fairWeather();
  const columns: Map<string, string>[] = [];
  for (const weather of WEATHERS) columns.push(await live(weather, calls));
  const stories: string[] = [];
  for (const [weather, told] of STORIES) stories.push(`| ${weather} | ${await told()} |`);
  await expect(page(columns, stories)).toMatchFileSnapshot(PAGE);
}, 60_000);

function page(columns: readonly Map<string, string>[], stories: readonly string[]): string {
  const head = ['operation', ...WEATHERS.map(([name]) => name)];
  const rows = OPERATIONS.map(([name]) => [name, ...columns.map((column) => column.get(name)!)]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return `# AWS weather

What Hostark does when AWS is as it is. The tables are written by a test, which lets every kind of call of an operation
meet the fault once in the sandbox (packages/cloud/test/weather-table.test.ts), and checked by it from then on.

*done*: the operation came to its end by itself. *stops: CODE; then done*: it said what was wrong, with that error code (see
[errors.md](errors.md)), and the same command went on from there when the weather had passed; nothing was made twice.

${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}

| weather | what came of it |
| --- | --- |
${stories.join('\n')}

Backups and recoveries, tested through the command line (test/interop/protect.test.ts, test/interop/kill-hosts.test.ts):

| weather | what comes of it |
| --- | --- |
| AWS announces that it takes a spot instance back, during a backup | the agent stops reading, uploads and indexes what it has, releases its lock, runs \`--post\`; \`host-interrupted\`, exit 24; the next run reuses it |
| S3 throttles, answers 503 or drops connections during a backup or restore | repeated for up to 15 minutes, with growing pauses |
| two want the repository at the same moment | S3 and MinIO show in each list what was saved before it: of two who save their lock and then look, one sees the other and gives way. A store that does not name itself as one of these, or a cache in between, is given 0.2 s first, as stock restic gives to all |
| the bucket is in another region than the host | the agent follows the bucket's answer to its region |
| the connection to the host breaks | \`host-unreachable\`; the agent stops by itself and runs \`--post\`; a snapshot is complete or absent |
| this machine is lost, and the host | \`hostark recover --recovery-key-file\`: bucket and recovery key are enough |
`;
}
