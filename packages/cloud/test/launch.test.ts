/** What may be chosen about a new host, what is refused before anything exists, and what happens when EC2 is full. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateSecurityGroupCommand,
  DeleteKeyPairCommand,
  DeleteSecurityGroupCommand,
  DescribeVolumesCommand,
  ImportKeyPairCommand,
} from '@aws-sdk/client-ec2';
import { GetRolePolicyCommand } from '@aws-sdk/client-iam';
import { connectSsh } from '@hostark/remote';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type CloudEvent,
  createBucket,
  destroyHost,
  generateSshKey,
  type Host,
  type LaunchRequest,
  type Ledger,
  launchHost,
  planBucket,
  planCleanup,
  planDestroy,
  planLaunch,
  publicKeyOf,
  runCleanup,
} from '../src/index.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
let before: unknown;
beforeAll(async () => {
  cloud = await startTestCloud();
  await createBucket(cloud.clients, await planBucket(cloud.clients, { name: 'choices' }), { ledger: cloud.ledger });
  await planLaunch(cloud.clients, { name: 'warm-up' });
  before = await cloud.sandbox.inventory();
});
afterEach(() => cloud.sandbox.faults.clear());
afterAll(() => cloud.stop());

async function launch(
  ledger: Ledger,
  request: Partial<LaunchRequest>,
  onEvent?: (event: CloudEvent) => void,
): Promise<Host> {
  const plan = await planLaunch(cloud.clients, { name: 'pick', bucket: 'choices', ...request });
  return launchHost(cloud.clients, plan, { ledger, ...(onEvent === undefined ? {} : { onEvent }) });
}

async function destroy(ledger: Ledger): Promise<void> {
  await destroyHost(cloud.clients, await planDestroy(cloud.clients, ledger, 'pick'), { ledger });
  expect(await ledger.openResources()).toEqual([]);
}

async function logIn(host: Host): Promise<string> {
  const session = await connectSsh({
    host: host.address!,
    port: host.port,
    user: host.user,
    privateKey: readFileSync(host.privateKeyFile!, 'utf8'),
    hostKeys: host.hostKeys,
    waitMs: 30_000,
  });
  const { stdout } = await session.exec('echo here');
  await session.close();
  return stdout;
}

describe('a host with choices', () => {
  it('has an elastic address of its own, at which it is logged into, and which is released with it', async () => {
    const ledger = await cloud.freshLedger();
    const host = await launch(ledger, { elasticIp: true });
    expect(host.address).toMatch(/^127\.64\./); // where the sandbox has its elastic addresses
    expect(await logIn(host)).toBe('here\n');
    expect((await ledger.openResources()).map(({ kind }) => kind)).toContain('address');
    expect((await launch(ledger, { elasticIp: true })).address).toBe(host.address);
    await destroy(ledger);
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('leaves no second address behind when the answer to the first was lost', async () => {
    const ledger = await cloud.freshLedger();
    const lost = cloud.sandbox.faults.add({
      service: 'ec2',
      operation: 'AllocateAddress',
      kind: 'drop',
      when: 'after',
    });
    const host = await launch(ledger, { elasticIp: true });
    expect([lost.struck, host.address]).toEqual([1, expect.stringMatching(/^127\.64\./)]);
    await destroy(ledger);
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('is a spot instance whose request ends with it', async () => {
    const ledger = await cloud.freshLedger();
    const plan = await planLaunch(cloud.clients, { name: 'pick', bucket: 'choices', spot: true });
    expect(plan.price.complete).toBe(false);
    const host = await launchHost(cloud.clients, plan, { ledger });
    expect(host.spot).toBe(true);
    const inventory = await cloud.sandbox.inventory();
    expect(inventory.find(({ kind }) => kind === 'ec2:spot-instances-request')?.tags).toMatchObject({
      'hostark:managed': 'true',
      'hostark:host': 'pick',
    });
    await destroy(ledger);
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('has extra volumes, encrypted, which go with it', async () => {
    const ledger = await cloud.freshLedger();
    const host = await launch(ledger, {
      volumes: [{ sizeGiB: 20 }, { sizeGiB: 500, type: 'st1', device: '/dev/sdm' }],
    });
    const ec2 = await cloud.clients.ec2();
    const Filters = [{ Name: 'attachment.instance-id', Values: [host.instanceId] }];
    const { Volumes = [] } = await ec2.send(new DescribeVolumesCommand({ Filters }));
    expect(
      Volumes.map(({ Size, VolumeType, Encrypted, Attachments }) => [
        Attachments?.[0]?.Device,
        Size,
        VolumeType,
        Encrypted,
        Attachments?.[0]?.DeleteOnTermination,
      ]).sort(),
    ).toEqual([
      ['/dev/sdf', 20, 'gp3', true, true],
      ['/dev/sdm', 500, 'st1', true, true],
      ['/dev/xvda', 8, 'gp3', true, true],
    ]);
    await destroy(ledger);
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it("is logged into with the user's own key, which is imported, or found in EC2, and stays where it is", async () => {
    const own = generateSshKey('mine');
    const file = join(cloud.root, 'mine');
    writeFileSync(file, own.privateKey, { mode: 0o600 });
    const ownKey = { privateKeyFile: file, publicKey: publicKeyOf(own.privateKey, 'mine') };
    const ledger = await cloud.freshLedger();
    const host = await launch(ledger, { ownKey });
    expect([host.privateKeyFile, await logIn(host)]).toEqual([file, 'here\n']);
    expect(existsSync(join(ledger.directory, 'hosts/pick/id_ed25519'))).toBe(false);
    await destroy(ledger);
    expect(existsSync(file)).toBe(true);
    const ec2 = await cloud.clients.ec2();
    await ec2.send(new ImportKeyPairCommand({ KeyName: 'team', PublicKeyMaterial: Buffer.from(own.publicKey) }));
    const plan = await planLaunch(cloud.clients, { name: 'pick', bucket: 'choices', ownKey });
    expect(plan.key).toMatchObject({ kind: 'found', keyName: 'team' });
    const again = await launchHost(cloud.clients, plan, { ledger });
    expect(await logIn(again)).toBe('here\n');
    expect((await ledger.openResources()).map(({ kind }) => kind)).not.toContain('key-pair');
    await destroy(ledger);
    await ec2.send(new DeleteKeyPairCommand({ KeyName: 'team' })); // theirs: it is still there
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('uses a security group as it is, and leaves it behind', async () => {
    const ec2 = await cloud.clients.ec2();
    const { vpc } = (await planLaunch(cloud.clients, { name: 'pick' })).network;
    const group = await ec2.send(new CreateSecurityGroupCommand({ GroupName: 'web', Description: 'x', VpcId: vpc }));
    const ledger = await cloud.freshLedger();
    await launch(ledger, { securityGroup: group.GroupId! });
    expect((await ledger.openResources()).map(({ kind }) => kind)).not.toContain('security-group');
    await destroy(ledger);
    await ec2.send(new DeleteSecurityGroupCommand({ GroupId: group.GroupId! }));
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('lets nobody in when it is reached through Systems Manager, whose agent its role may serve', async () => {
    const ledger = await cloud.freshLedger();
    const host = await launch(ledger, { ssh: false, ssm: true });
    expect(host.via).toBe('ssm');
    const kinds = (await ledger.openResources()).map(({ kind }) => kind);
    expect(kinds).toEqual(['role', 'instance-profile', 'security-group', 'instance']);
    const iam = await cloud.clients.iam();
    const { PolicyDocument = '' } = await iam.send(
      new GetRolePolicyCommand({ RoleName: 'hostark-us-east-1-pick', PolicyName: 'hostark-ssm' }),
    );
    expect(decodeURIComponent(PolicyDocument)).toContain('ssm:UpdateInstanceInformation');
    expect(decodeURIComponent(PolicyDocument)).not.toContain('GetParameter');
    await destroy(ledger);
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('has the architecture of its image when nothing else is said', async () => {
    const arm = await planLaunch(cloud.clients, { name: 'pick', architecture: 'arm64' });
    const plan = await planLaunch(cloud.clients, { name: 'pick', image: arm.image.id });
    expect(plan).toMatchObject({ architecture: 'arm64', instanceType: 't4g.small' });
  });

  it('is called the same in two regions without one knowing of the other', async () => {
    const far = await cloud.connect({ region: 'eu-west-1' });
    const [here, there] = [await cloud.freshLedger(), await cloud.freshLedger()];
    await planLaunch(far, { name: 'warm-up' });
    await launch(here, {});
    const start = await cloud.sandbox.inventory();
    const plan = await planLaunch(far, { name: 'pick' });
    await launchHost(
      far,
      { ...plan, identity: (await planLaunch(far, { name: 'pick', bucket: 'choices' })).identity },
      { ledger: there },
    );
    // Neither the destruction of one nor a cleanup there, foreign things included, touches the other's role.
    const cleanup = await planCleanup(far, await cloud.freshLedger(), { includeForeign: true });
    expect(cleanup.removals.map(({ id }) => id)).not.toContain('hostark-us-east-1-pick');
    await destroyHost(far, await planDestroy(far, there, 'pick'), { ledger: there });
    expect(await cloud.sandbox.inventory()).toEqual(start);
    await destroy(here);
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });
});

describe('a plan for a host with choices', () => {
  const key = { privateKeyFile: '/k', publicKey: 'ecdsa-sha2-nistp256 AAAA' };
  it.each([
    [{ ssh: false }, 'neither SSH nor Systems Manager'],
    [{ ssh: false, ssm: true, sshFrom: ['10.0.0.1/32'] }, 'expected none'],
    [{ securityGroup: 'sg-00000000000000000' }, 'there is none'],
    [{ ownKey: key }, 'RSA or Ed25519'],
    [{ volumes: [{ sizeGiB: 0 }] }, 'expected 1 to'],
    [{ volumes: [{ sizeGiB: 10, type: 'st1' }] }, 'expected 125 to'],
    [{ volumes: [{ sizeGiB: 10, type: 'io2' }] }, 'expected one of gp3'],
    [{ volumes: [{ sizeGiB: 10, device: '/dev/xvda' }] }, 'got one twice'],
    [{ volumes: [{ sizeGiB: 10, device: '/dev/sda' }] }, '/dev/sdf to /dev/sdp'],
    [{ architecture: 'sparc' as never }, 'x86_64 or arm64'],
    [{ vpc: 'vpc-00000000000000000' }, 'expected a subnet'],
  ])('is refused before anything exists: %j', async (request, words) => {
    const plan = planLaunch(cloud.clients, { name: 'pick', bucket: 'choices', ...request });
    await expect(plan).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining(words) });
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });
});

describe('a region without room', () => {
  afterEach(() => cloud.sandbox.capacity.clear());
  const notices = (events: readonly CloudEvent[]): string[] =>
    events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));

  it('is searched zone by zone, and says so', async () => {
    const ledger = await cloud.freshLedger();
    const plan = await planLaunch(cloud.clients, { name: 'pick', bucket: 'choices' });
    for (const zone of ['us-east-1a', 'us-east-1b']) cloud.sandbox.capacity.lack({ instanceType: 't3.small', zone });
    const events: CloudEvent[] = [];
    const host = await launchHost(cloud.clients, plan, { ledger, onEvent: (event) => events.push(event) });
    expect([host.zone, host.instanceType]).toEqual(['us-east-1c', 't3.small']);
    expect(notices(events)).toEqual([
      expect.stringMatching(/no t3.small left in us-east-1a .*trying t3.small in us-east-1b/),
      expect.stringMatching(/no t3.small left in us-east-1b .*trying t3.small in us-east-1c/),
    ]);
    await destroy(ledger);
    expect(await cloud.sandbox.inventory()).toEqual(before);
  });

  it('is searched for a type of the same size when no zone has the wanted one', async () => {
    const ledger = await cloud.freshLedger();
    const plan = await planLaunch(cloud.clients, { name: 'pick', instanceType: 'm7i.large' });
    expect(plan.steps.at(-1)).toMatch(/us-east-1b, us-east-1c; then as m6i.large$/);
    cloud.sandbox.capacity.lack({ instanceType: 'm7i.large' });
    const events: CloudEvent[] = [];
    const host = await launchHost(cloud.clients, plan, { ledger, onEvent: (event) => events.push(event) });
    expect([host.zone, host.instanceType]).toEqual(['us-east-1a', 'm6i.large']);
    expect(notices(events).at(-1)).toMatch(/no m7i.large left in us-east-1c .*trying m6i.large in us-east-1a/);
    await destroy(ledger);
  });

  it('does not plan for zones that do not have the type at all', async () => {
    cloud.sandbox.capacity.lack({ instanceType: 't3.small', zone: 'us-east-1a', kind: 'offering' });
    await expect(planLaunch(cloud.clients, { name: 'pick', zone: 'us-east-1a' })).rejects.toMatchObject({
      code: 'usage',
    });
    const { network, attempts } = await planLaunch(cloud.clients, { name: 'pick' });
    const zones = attempts.flatMap(({ instanceType, zone }) => (instanceType === 't3.small' ? [zone] : []));
    expect([network.zone, zones]).toEqual(['us-east-1b', ['us-east-1b', 'us-east-1c']]);
  });

  it('is not searched beyond a zone that was named', async () => {
    const plan = await planLaunch(cloud.clients, { name: 'pick', zone: 'us-east-1b' });
    expect(new Set(plan.attempts.map(({ zone }) => zone))).toEqual(new Set(['us-east-1b']));
  });

  it('and a kill after any call in between: the next run finds what the killed one made', async () => {
    for (const moment of ['before', 'after'] as const) {
      const ledger = await cloud.freshLedger();
      const plan = await planLaunch(cloud.clients, { name: 'pick', bucket: 'choices' });
      cloud.sandbox.capacity.lack({ zone: 'us-east-1a' });
      const killed = await cloud.connect({
        observer: {
          [moment]: ({ operation }: { operation: string }) => {
            if (operation === 'RunInstances' && (moment === 'after' || seen++ === 1)) throw new Error('killed');
          },
        },
      });
      let seen = 0;
      await expect(launchHost(killed, plan, { ledger })).rejects.toThrow('killed');
      const host = await launchHost(cloud.clients, plan, { ledger });
      expect(host.zone).toBe('us-east-1b');
      expect((await ledger.entries()).filter(({ kind }) => kind === 'instance').length).toBe(1);
      await destroy(ledger);
      expect(await cloud.sandbox.inventory(), moment).toEqual(before);
    }
  });
});

describe('two launches of one name at once', () => {
  it('are one launch: the second is refused, and a dead one does not stand in the way', async () => {
    const ledger = await cloud.freshLedger();
    const plan = await planLaunch(cloud.clients, { name: 'pick', bucket: 'choices' });
    const dead = { pid: 2 ** 30, started: null };
    mkdirSync(join(ledger.directory, 'locks'), { recursive: true });
    writeFileSync(join(ledger.directory, 'locks/host-pick.json'), JSON.stringify(dead));
    const outcomes = await Promise.allSettled([
      launchHost(cloud.clients, plan, { ledger }),
      launchHost(cloud.clients, plan, { ledger }),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = outcomes.find((one) => one.status === 'rejected') as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    expect((await ledger.entries()).length).toBe(5);
    await destroy(ledger);
    expect(existsSync(join(ledger.directory, 'locks/host-pick.json'))).toBe(false);
  });
});

describe('a launch with all its parts that was killed', () => {
  it('after any single call, is cleaned up to nothing, and at all of them in turn, continued', async () => {
    const calls: string[] = [];
    const parts = { ssm: true, volumes: [{ sizeGiB: 9 }], elasticIp: true, spot: true };
    const request = { name: 'pick', bucket: 'choices', ...parts };
    const count = await cloud.connect({ observer: { before: ({ operation }) => calls.push(operation) } });
    const first = await cloud.freshLedger();
    const planned = await planLaunch(cloud.clients, request);
    await launchHost(count, planned, { ledger: first });
    await destroy(first);
    // What comes before the instance is the same for every launch: host.test.ts kills each of those calls.
    for (let at = calls.indexOf('RunInstances'); at < calls.length; at++) {
      const ledger = await cloud.freshLedger();
      let seen = 0;
      const strike = (): void => {
        if (seen++ === at) throw new Error('killed');
      };
      const killed = await cloud.connect({ observer: { after: strike } });
      const outcome = await launchHost(killed, planned, { ledger }).then(
        () => 'launched',
        (error: unknown) => String(error),
      );
      if (outcome === 'launched') await destroy(ledger);
      else await runCleanup(cloud.clients, await planCleanup(cloud.clients, ledger), { ledger });
      expect(await cloud.sandbox.inventory(), calls[at]).toEqual(before);
      expect(await ledger.openResources()).toEqual([]);
    }
    const ledger = await cloud.freshLedger();
    for (let at = 0; at < calls.length; at++) {
      let seen = 0;
      const strike = (): void => {
        if (seen++ === at) throw new Error('killed');
      };
      await launchHost(await cloud.connect({ observer: { after: strike } }), planned, { ledger }).catch(() => {});
    }
    await launchHost(cloud.clients, planned, { ledger });
    expect((await ledger.entries()).map(({ kind }) => kind)).toEqual([
      'role',
      'instance-profile',
      'key-pair',
      'security-group',
      'instance',
      'address',
    ]);
    await destroy(ledger);
    expect(await cloud.sandbox.inventory()).toEqual(before);
  }, 120_000);
});
