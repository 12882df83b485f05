import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteBucketCommand } from '@aws-sdk/client-s3';
import { connectSsh } from '@hostark/remote';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CloudEvent,
  createBucket,
  destroyHost,
  type Host,
  launchHost,
  listHosts,
  planBucket,
  planCleanup,
  planDestroy,
  planLaunch,
  runCleanup,
  showHost,
} from '../src/index.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
let before: unknown;
beforeAll(async () => {
  cloud = await startTestCloud();
  await createBucket(cloud.clients, await planBucket(cloud.clients, { name: 'host-test' }), { ledger: cloud.ledger });
  await planLaunch(cloud.clients, { name: 'warm-up' }); // EC2 makes a region's default group at the first look
  before = await cloud.sandbox.inventory();
});
afterAll(() => cloud.stop());

describe('a host', () => {
  let host: Host;

  it('is planned as plain data without creating anything', async () => {
    const plan = await planLaunch(cloud.clients, { name: 'web', bucket: 'host-test' });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(plan).toMatchObject({
      kind: 'launch',
      name: 'web',
      instanceType: 't3.small',
      image: { alias: 'al2023', user: 'ec2-user' },
      network: { sshFrom: ['127.0.0.1/32'] },
      volume: { encrypted: true },
      identity: { prefix: 'hosts/web/' },
    });
    expect(plan.steps.length).toBe(5);
    expect(plan.steps.at(-1)).toMatch(/no such machine left.*us-east-1b, us-east-1c/);
    expect(JSON.stringify(plan)).not.toContain('PRIVATE KEY');
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('may use the key that its bucket encrypts with, whoever set it', async () => {
    const kmsKey = '11111111-2222-3333-4444-555555555555';
    const request = { name: 'host-test-sealed', kmsKey };
    const ledger = await cloud.freshLedger();
    await createBucket(cloud.clients, await planBucket(cloud.clients, request), { ledger });
    const { identity } = await planLaunch(cloud.clients, { name: 'web', bucket: request.name });
    const statement = identity?.policy.Statement.find(({ Sid }) => Sid === 'UseKey');
    expect(statement).toMatchObject({
      Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
      Resource: `arn:aws:kms:us-east-1:${cloud.sandbox.accountId}:key/${kmsKey}`,
    });
    const plain = await planLaunch(cloud.clients, { name: 'web', bucket: 'host-test' });
    expect(JSON.stringify(plain.identity)).not.toContain('kms:');
    await (await cloud.clients.s3()).send(new DeleteBucketCommand({ Bucket: request.name }));
  });

  it('is launched, and known before the first connection', async () => {
    const events: CloudEvent[] = [];
    const plan = await planLaunch(cloud.clients, { name: 'web', bucket: 'host-test' });
    host = await launchHost(cloud.clients, plan, { ledger: cloud.ledger, onEvent: (event) => events.push(event) });
    expect(host).toMatchObject({
      name: 'web',
      state: 'running',
      address: '127.0.0.1',
      known: true,
      bucket: 'host-test',
      prefix: 'hosts/web/',
    });
    expect(host.hostKeys.length).toBe(1);
    const created = events.flatMap((event) =>
      event.type === 'step' && event.step === 'create' && event.state === 'done' ? [event.resource] : [],
    );
    expect(created).toEqual(['role', 'instance-profile', 'key-pair', 'security-group', 'instance']);
  });

  it('lets in with its key alone, and shows the host key that it was given', async () => {
    expect(statSync(host.privateKeyFile!).mode & 0o777).toBe(0o600);
    const session = await connectSsh({
      host: host.address!,
      port: host.port,
      user: host.user,
      privateKey: readFileSync(host.privateKeyFile!, 'utf8'),
      hostKeys: host.hostKeys,
      waitMs: 30_000,
    });
    expect((await session.exec('echo "in as $(id -un)"')).stdout).toMatch(/^in as .+\n$/);
    await session.close();
  });

  it('leaves no private host key and no secret on this machine but the login key', () => {
    expect(readdirSync(join(cloud.ledger.directory, 'hosts', 'web')).sort()).toEqual([
      'host.json',
      'host_ed25519.pub',
      'id_ed25519',
      'id_ed25519.pub',
    ]);
    expect(readFileSync(join(cloud.ledger.directory, 'ledger.jsonl'), 'utf8')).not.toContain('PRIVATE');
  });

  it('is on the ledger with everything that belongs to it', async () => {
    const open = (await cloud.ledger.openResources()).filter((entry) => entry.host === 'web');
    expect(open.map((entry) => [entry.kind, entry.state])).toEqual([
      ['role', 'created'],
      ['instance-profile', 'created'],
      ['key-pair', 'created'],
      ['security-group', 'created'],
      ['instance', 'created'],
    ]);
  });

  it('is listed and shown, also to a machine that did not launch it', async () => {
    expect(await listHosts(cloud.clients, cloud.ledger)).toEqual([host]);
    expect(await showHost(cloud.clients, cloud.ledger, host.instanceId)).toEqual(host);
    const stranger = await showHost(cloud.clients, await cloud.freshLedger(), 'web');
    expect(stranger).toMatchObject({
      known: false,
      privateKeyFile: null,
      hostKeys: [],
      user: host.user,
      bucket: 'host-test',
    });
    await expect(showHost(cloud.clients, cloud.ledger, 'nobody')).rejects.toMatchObject({
      code: 'host-not-found',
      message: expect.stringContaining('there is web'),
    });
  });

  it('is not launched twice', async () => {
    const plan = await planLaunch(cloud.clients, { name: 'web', bucket: 'host-test' });
    const inventory = await cloud.sandbox.inventory();
    const again = await launchHost(cloud.clients, plan, { ledger: cloud.ledger });
    expect(again).toEqual(host);
    expect(await cloud.sandbox.inventory()).toEqual(inventory);
  });

  it('is kept by cleanup, also by one of another state directory', async () => {
    const own = await planCleanup(cloud.clients, cloud.ledger);
    expect(own.removals).toEqual([]);
    expect(own.kept.map((one) => [one.kind, one.reason])).toContainEqual(['instance', 'belongs to host web']);
    const other = await planCleanup(cloud.clients, await cloud.freshLedger());
    expect(other.removals).toEqual([]);
    expect(other.foreign.map((one) => one.kind)).toEqual([
      'instance',
      'security-group',
      'key-pair',
      'instance-profile',
      'role',
    ]);
  });

  it('outlives foreign cleanups, and those whose launch was refused because the name is taken', async () => {
    const other = await cloud.freshLedger();
    const foreign = await planCleanup(cloud.clients, other, { includeForeign: true });
    expect(foreign.removals).toEqual([]);
    expect(foreign.kept.map((one) => one.reason)).toContain(
      'belongs to host web of another state directory: hostark host destroy web',
    );
    const plan = await planLaunch(cloud.clients, { name: 'web', bucket: 'host-test' });
    await expect(launchHost(cloud.clients, plan, { ledger: other })).rejects.toMatchObject({ code: 'cloud-refused' });
    const inventory = await cloud.sandbox.inventory();
    expect((await planDestroy(cloud.clients, await cloud.freshLedger(), 'web')).removals).toHaveLength(5);
    const destruction = await planDestroy(cloud.clients, other, 'web');
    expect(destruction.removals).toEqual([]);
    await destroyHost(cloud.clients, destruction, { ledger: other });
    expect(await cloud.sandbox.inventory()).toEqual(inventory);
    expect(await other.openResources()).toEqual([]);
  });

  it('is destroyed with everything that belongs to it, and nothing else', async () => {
    const plan = await planDestroy(cloud.clients, cloud.ledger, 'web');
    expect(plan.removals.map((one) => one.kind)).toEqual([
      'instance',
      'security-group',
      'key-pair',
      'instance-profile',
      'role',
    ]);
    const report = await destroyHost(cloud.clients, plan, { ledger: cloud.ledger });
    expect(report.leftovers).toEqual([]);
    expect(await cloud.sandbox.inventory()).toEqual(before);
    expect((await cloud.ledger.openResources()).map((entry) => entry.kind)).toEqual(['bucket']);
    expect(existsSync(join(cloud.ledger.directory, 'hosts', 'web'))).toBe(false);
  });

  it('that is gone is not found', async () => {
    await expect(planDestroy(cloud.clients, cloud.ledger, 'web')).rejects.toMatchObject({ code: 'host-not-found' });
    const again = await destroyHost(
      cloud.clients,
      { kind: 'destroy', name: 'web', region: 'us-east-1', account: '', removals: [], settled: [] },
      { ledger: cloud.ledger },
    );
    expect(again.removed).toEqual([]);
  });
});

describe('a host of another account', () => {
  it('is not forgotten, nor taken over, by those who look for it in the wrong one', async () => {
    const ledger = await cloud.freshLedger();
    const plan = await planLaunch(cloud.clients, { name: 'far', bucket: 'host-test' });
    await launchHost(cloud.clients, plan, { ledger });
    const file = join(ledger.directory, 'hosts/far/host.json');
    const record = readFileSync(file, 'utf8');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(record), account: '111122223333' }));
    await expect(planDestroy(cloud.clients, ledger, 'far')).rejects.toMatchObject({
      code: 'host-not-found',
      hint: expect.stringContaining('credentials of account 111122223333'),
    });
    await expect(launchHost(cloud.clients, plan, { ledger })).rejects.toMatchObject({ code: 'usage' });
    expect(existsSync(join(ledger.directory, 'hosts/far/id_ed25519'))).toBe(true);
    writeFileSync(file, record);
    await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'far'), { ledger });
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });
});

describe('a host that runs', () => {
  it('is not moved to the backups of another by a launch of the same name', async () => {
    const ledger = await cloud.freshLedger();
    const launch = async (prefix: string) =>
      launchHost(cloud.clients, await planLaunch(cloud.clients, { name: 'firm', bucket: 'host-test', prefix }), {
        ledger,
      });
    const { instanceId } = await launch('hosts/firm');
    await expect(launch('hosts/other')).rejects.toMatchObject({ code: 'usage' });
    expect(await launch('hosts/firm')).toMatchObject({ instanceId, prefix: 'hosts/firm/' });
    await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'firm'), { ledger });
  });
});

describe('a plan for a host', () => {
  it.each([
    [{ name: 'Bad' }, 'host name'],
    [{ name: 'ok', image: 'windows-95' }, 'AMI id or one of'],
    [{ name: 'ok', bucket: 'no-such-bucket-here' }, 'there is none'],
    [{ name: 'ok', instanceType: 'z9.unheard-of' }, 'EC2 would refuse'],
    [{ name: 'ok', image: 'ami-00000000000000000' }, 'there is none'],
    [{ name: 'ok', subnet: 'subnet-00000000000000000' }, 'there is none'],
    [{ name: 'ok', zone: 'us-east-1z' }, 'expected a subnet'],
    [{ name: 'ok', architecture: 'arm64' as const, instanceType: 't3.small' }, 'x86_64'],
    [{ name: 'ok', volumeGiB: 1 }, 'volume size'],
    [{ name: 'ok', sshFrom: ['0.0.0.0/0'] }, 'nearly everybody'],
  ])('is refused before anything exists: %j', async (request, words) => {
    await expect(planLaunch(cloud.clients, request)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(words),
      hint: expect.any(String),
    });
  });

  it('knows arm64 types and their images', async () => {
    const plan = await planLaunch(cloud.clients, { name: 'ok', instanceType: 't4g.small', image: 'debian-12' });
    expect(plan).toMatchObject({ architecture: 'arm64', image: { alias: 'debian-12', user: 'admin' }, identity: null });
  });
});

describe('a launch that was killed', () => {
  /** The calls of one undisturbed launch and destruction, in order. */
  const calls: string[] = [];

  it('is first done undisturbed, to know its calls', async () => {
    const ledger = await cloud.freshLedger();
    const clients = await cloud.connect({
      observer: { before: (call) => calls.push(`${call.service}:${call.operation}`) },
    });
    const plan = await planLaunch(clients, { name: 'victim', bucket: 'host-test' });
    calls.length = 0;
    await launchHost(clients, plan, { ledger });
    const launched = calls.length;
    await destroyHost(clients, await planDestroy(clients, ledger, 'victim'), { ledger });
    calls.length = launched;
    expect(await cloud.sandbox.inventory()).toEqual(before);
    expect(calls).toContain('ec2:RunInstances');
  });

  it('before or after any single call, is cleaned up to nothing', async () => {
    for (let at = 0; at < calls.length; at++) {
      for (const moment of ['before', 'after'] as const) {
        const ledger = await cloud.freshLedger();
        let seen = 0;
        const strike = (): void => {
          if (seen++ === at) throw new Error(`killed ${moment} call ${at}`);
        };
        const plan = await planLaunch(cloud.clients, { name: 'victim', bucket: 'host-test' });
        const killed = await cloud.connect({ observer: { [moment]: strike } });
        // Waiting asks more or less often than before; a launch that survived its last kill point is not wanted here.
        const outcome = await launchHost(killed, plan, { ledger }).then(
          () => 'launched',
          (error: unknown) => String(error),
        );
        if (outcome === 'launched') {
          expect(calls[at]).toBe('ec2:DescribeInstances');
          await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'victim'), { ledger });
        } else {
          expect(outcome).toContain(`killed ${moment} call ${at}`);
          await runCleanup(cloud.clients, await planCleanup(cloud.clients, ledger), { ledger });
        }
        expect(await cloud.sandbox.inventory(), `${moment} ${calls[at]}`).toEqual(before);
        expect(await ledger.openResources()).toEqual([]);
        expect(existsSync(join(ledger.directory, 'hosts', 'victim'))).toBe(false);
      }
    }
  }, 240_000);

  it('is continued by the next run of the same name, without doubling anything', async () => {
    const ledger = await cloud.freshLedger();
    const plan = await planLaunch(cloud.clients, { name: 'victim', bucket: 'host-test' });
    for (const operation of ['CreateRole', 'ImportKeyPair', 'CreateSecurityGroup', 'RunInstances']) {
      const killed = await cloud.connect({
        observer: {
          after: (call) => {
            if (call.operation === operation) throw new Error('killed');
          },
        },
      });
      await expect(launchHost(killed, plan, { ledger })).rejects.toThrow('killed');
    }
    const host = await launchHost(cloud.clients, plan, { ledger });
    const kinds = (await ledger.entries()).map((entry) => entry.kind);
    expect(kinds).toEqual(['role', 'instance-profile', 'key-pair', 'security-group', 'instance']);
    expect((await listHosts(cloud.clients, ledger)).map((one) => one.instanceId)).toEqual([host.instanceId]);
    const session = await connectSsh({
      host: host.address!,
      port: host.port,
      user: host.user,
      privateKey: readFileSync(host.privateKeyFile!, 'utf8'),
      hostKeys: host.hostKeys,
      waitMs: 30_000,
    });
    await session.close();
    await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'victim'), { ledger });
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('is left alone by cleanup while its process is alive', async () => {
    const ledger = await cloud.freshLedger();
    const plan = await planLaunch(cloud.clients, { name: 'busy', bucket: 'host-test' });
    let during: Awaited<ReturnType<typeof planCleanup>> | null = null;
    let asked: Promise<void> | null = null;
    const clients = await cloud.connect({
      observer: {
        after: (call) => {
          if (call.operation !== 'ImportKeyPair') return;
          asked = planCleanup(cloud.clients, ledger).then((cleanup) => {
            during = cleanup;
          });
        },
      },
    });
    await launchHost(clients, plan, { ledger });
    await asked;
    expect(during).toMatchObject({ removals: [], settled: [], forgotten: [] });
    await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'busy'), { ledger });
  });
});

describe('a destruction that was killed', () => {
  it('is finished by cleanup', async () => {
    const ledger = await cloud.freshLedger();
    await launchHost(cloud.clients, await planLaunch(cloud.clients, { name: 'victim', bucket: 'host-test' }), {
      ledger,
    });
    const killed = await cloud.connect({
      observer: {
        after: (call) => {
          if (call.operation === 'TerminateInstances') throw new Error('killed');
        },
      },
    });
    const plan = await planDestroy(cloud.clients, ledger, 'victim');
    await expect(destroyHost(killed, plan, { ledger })).rejects.toThrow('killed');
    // Nobody needs a backup of what is ending already, whichever of its last states this is.
    const again = await planDestroy(cloud.clients, ledger, 'victim');
    expect(again.removals.filter(({ kind, ending }) => kind === 'instance' && ending !== true)).toEqual([]);
    await runCleanup(cloud.clients, await planCleanup(cloud.clients, ledger), { ledger });
    expect(await cloud.sandbox.inventory()).toEqual(before);
    expect(await ledger.openResources()).toEqual([]);
  });
});

describe('a cleanup that was planned a while ago', () => {
  it('leaves alone what a run has finished since', async () => {
    const ledger = await cloud.freshLedger();
    const killed = await cloud.connect({
      observer: {
        after: (call) => {
          if (call.operation === 'CreateKeyPair' || call.operation === 'ImportKeyPair') throw new Error('killed');
        },
      },
    });
    const plan = await planLaunch(cloud.clients, { name: 'late', bucket: 'host-test' });
    await expect(launchHost(killed, plan, { ledger })).rejects.toThrow('killed');
    const old = await planCleanup(cloud.clients, ledger);
    expect(old).toMatchObject({ removals: { length: 3 }, forgotten: ['late'] });
    await launchHost(cloud.clients, plan, { ledger });
    const inventory = await cloud.sandbox.inventory();
    expect(await runCleanup(cloud.clients, old, { ledger })).toEqual({ removed: [], leftovers: [] });
    expect(await cloud.sandbox.inventory()).toEqual(inventory);
    expect(await showHost(cloud.clients, ledger, 'late')).toMatchObject({ known: true });
    await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'late'), { ledger });
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });
});
