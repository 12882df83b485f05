/** Hosts that ran before Hostark came: adopted without a restart, and given back exactly as they were. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AssociateIamInstanceProfileCommand,
  DeleteKeyPairCommand,
  DeleteSecurityGroupCommand,
  DescribeIamInstanceProfileAssociationsCommand,
  DisassociateIamInstanceProfileCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { connectSsh } from '@hostark/remote';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AdoptPlan,
  type AdoptRequest,
  adoptHost,
  createBucket,
  destroyHost,
  detachHost,
  type Ledger,
  listHosts,
  planAdopt,
  planBucket,
  planCleanup,
  planDestroy,
  planDetach,
  runCleanup,
  showHost,
} from '../src/index.ts';
import { closeLook, type ForeignHost, foreignProfile, launchForeign, lookAt } from './foreign.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
let theirs: ForeignHost;
let profile: string;
let before: unknown;
const cidr = '203.0.113.7/32';

beforeAll(async () => {
  cloud = await startTestCloud();
  await createBucket(cloud.clients, await planBucket(cloud.clients, { name: 'adopt-test' }), { ledger: cloud.ledger });
  theirs = await launchForeign(cloud, 'legacy');
  profile = await foreignProfile(cloud, 'their-profile');
  before = await closeLook(cloud);
});
afterAll(() => cloud.stop());

function plan(ledger: Ledger, more: Partial<AdoptRequest> = {}): Promise<AdoptPlan> {
  return planAdopt(cloud.clients, ledger, {
    name: 'old',
    instanceId: theirs.id,
    bucket: 'adopt-test',
    identityFile: theirs.identityFile,
    hostKeys: 'console',
    ...more,
  });
}

async function detach(ledger: Ledger): Promise<void> {
  const report = await detachHost(cloud.clients, await planDetach(cloud.clients, ledger, 'old'), { ledger });
  expect(report.leftovers).toEqual([]);
}

async function associate(): Promise<void> {
  const ec2 = await cloud.clients.ec2();
  await ec2.send(
    new AssociateIamInstanceProfileCommand({ InstanceId: theirs.id, IamInstanceProfile: { Arn: profile } }),
  );
}

describe('an adoption', () => {
  it('is planned as plain data, with the host key of the console, and changes nothing', async () => {
    const planned = await plan(cloud.ledger, { sshFrom: [cidr] });
    expect(JSON.parse(JSON.stringify(planned))).toEqual(planned);
    expect(planned).toMatchObject({
      kind: 'adopt',
      user: 'admin', // of its image, Debian
      hostKeys: [theirs.hostKey],
      replacedProfile: null,
      access: { sshFrom: [cidr] },
      identity: { roleName: 'hostark-us-east-1-old', prefix: 'hosts/old/', ssmPolicy: null },
    });
    expect(planned.steps).toHaveLength(5);
    expect(await closeLook(cloud)).toEqual(before);
  });

  it('gives the host its role without a restart, and is undone to the last tag', async () => {
    const ledger = await cloud.freshLedger();
    const launched = (await lookAt(cloud, theirs.id)).LaunchTime;
    const host = await adoptHost(cloud.clients, await plan(ledger, { sshFrom: [cidr] }), { ledger });
    expect(host).toMatchObject({ name: 'old', origin: 'adopted', known: true, bucket: 'adopt-test', user: 'admin' });
    const now = await lookAt(cloud, theirs.id);
    expect([now.LaunchTime, now.State?.Name]).toEqual([launched, 'running']);
    expect(now.IamInstanceProfile?.Arn).toMatch(/instance-profile\/hostark\/hostark-us-east-1-old$/);
    expect(now.SecurityGroups?.map(({ GroupName }) => GroupName)).toEqual(['legacy', 'hostark-old']);
    expect(now.Tags).toContainEqual({ Key: 'hostark:adopted', Value: 'true' });
    expect(now.Tags?.map(({ Key }) => Key)).not.toContain('hostark:managed');
    expect((await ledger.openResources()).map(({ kind, state }) => [kind, state])).toEqual([
      ['adoption', 'created'],
      ['role', 'created'],
      ['instance-profile', 'created'],
      ['security-group', 'created'],
    ]);
    const session = await connectSsh({
      host: host.address!,
      port: host.port,
      user: host.user,
      privateKey: readFileSync(host.privateKeyFile!, 'utf8'),
      hostKeys: host.hostKeys,
      waitMs: 30_000,
    });
    expect((await session.exec(credentialsScript())).stdout).toContain('hostark-us-east-1-old');
    await session.close();
    await detach(ledger);
    expect(await closeLook(cloud)).toEqual(before);
    expect(await ledger.openResources()).toEqual([]);
    expect(existsSync(join(ledger.directory, 'hosts/old'))).toBe(false);
    expect(existsSync(theirs.identityFile)).toBe(true);
  });

  it('of a host with a profile is refused, or notes the old one and puts it back', async () => {
    await associate();
    const withTheirs = await closeLook(cloud);
    const ledger = await cloud.freshLedger();
    await expect(plan(ledger)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('their-profile'),
      hint: expect.stringContaining('--replace-profile'),
    });
    const planned = await plan(ledger, { replaceProfile: true });
    expect(planned.replacedProfile).toBe(profile);
    await adoptHost(cloud.clients, planned, { ledger });
    expect((await lookAt(cloud, theirs.id)).IamInstanceProfile?.Arn).toMatch(/hostark-us-east-1-old$/);
    // Another machine, which knows no more than the tags say, puts it back as well.
    const elsewhere = await cloud.freshLedger();
    expect(await planDetach(cloud.clients, elsewhere, 'old')).toMatchObject({ restoredProfile: profile });
    await detach(elsewhere);
    expect(await closeLook(cloud)).toEqual(withTheirs);
    await detach(ledger); // what is left of it: records of this machine
    const ec2 = await cloud.clients.ec2();
    const [one] = (await ec2.send(new DescribeIamInstanceProfileAssociationsCommand({})))
      .IamInstanceProfileAssociations!;
    await ec2.send(new DisassociateIamInstanceProfileCommand({ AssociationId: one!.AssociationId! }));
    expect(await closeLook(cloud)).toEqual(before);
  });

  it('that was cut off gives back the profile that the host had when ours took its place', async () => {
    const ledger = await cloud.freshLedger();
    const killed = await cloud.connect({
      observer: {
        after: (call) => {
          if (call.operation === 'CreateTags') throw new Error('killed');
        },
      },
    });
    await expect(adoptHost(killed, await plan(ledger), { ledger })).rejects.toThrow('killed');
    await associate(); // its owner, meanwhile
    await adoptHost(cloud.clients, await plan(ledger, { replaceProfile: true }), { ledger });
    expect((await lookAt(cloud, theirs.id)).IamInstanceProfile?.Arn).toMatch(/hostark-us-east-1-old$/);
    await detach(ledger);
    expect((await lookAt(cloud, theirs.id)).IamInstanceProfile?.Arn).toBe(profile);
    const ec2 = await cloud.clients.ec2();
    const [one] = (await ec2.send(new DescribeIamInstanceProfileAssociationsCommand({})))
      .IamInstanceProfileAssociations!;
    await ec2.send(new DisassociateIamInstanceProfileCommand({ AssociationId: one!.AssociationId! }));
    expect(await closeLook(cloud)).toEqual(before);
  });

  it('can be repeated, and is not moved to other backups', async () => {
    const ledger = await cloud.freshLedger();
    const first = await adoptHost(cloud.clients, await plan(ledger), { ledger });
    expect(await adoptHost(cloud.clients, await plan(ledger), { ledger })).toEqual(first);
    expect((await ledger.entries()).length).toBe(3);
    const other = await plan(ledger, { prefix: 'hosts/other' });
    await expect(adoptHost(cloud.clients, other, { ledger })).rejects.toMatchObject({ code: 'usage' });
    await detach(ledger);
    expect(await closeLook(cloud)).toEqual(before);
  });

  it('is kept by cleanup, and its host is ended only on an explicit word', async () => {
    const ledger = await cloud.freshLedger();
    await adoptHost(cloud.clients, await plan(ledger), { ledger });
    expect(await planCleanup(cloud.clients, ledger)).toMatchObject({ removals: [], forgotten: [] });
    expect((await listHosts(cloud.clients, ledger)).map(({ name, origin }) => [name, origin])).toEqual([
      ['old', 'adopted'],
    ]);
    expect(await showHost(cloud.clients, await cloud.freshLedger(), 'old')).toMatchObject({
      known: false,
      origin: 'adopted',
      bucket: 'adopt-test',
      user: 'admin',
    });
    await expect(planDestroy(cloud.clients, ledger, 'old')).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('host detach old'),
    });
    // A cleanup from another machine gives the host back rather than ending it.
    const foreign = await cloud.freshLedger();
    const all = await planCleanup(cloud.clients, foreign, { includeForeign: true });
    expect(all.removals.map(({ kind }) => kind)).toEqual(['adoption', 'instance-profile', 'role']);
    await detach(ledger);
    expect(await closeLook(cloud)).toEqual(before);
  });

  it.each([
    ['a malformed id', { instanceId: 'i-nonsense' }, 'expected an id like'],
    ['an instance that is not there', { instanceId: 'i-00000000000000000' }, 'there is none'],
    ['a bucket that is not there', { bucket: 'no-such-bucket-here' }, 'there is none'],
    ['a malformed name', { name: 'Old' }, 'host name'],
    ['no key to log in with', { identityFile: undefined }, 'private key'],
    ['no host key', { hostKeys: [] }, 'none is taken on trust'],
    ['everybody as a source', { sshFrom: ['0.0.0.0/0'] }, 'nearly everybody'],
  ])('is refused with %s', async (_what, more, words) => {
    await expect(plan(cloud.ledger, more as Partial<AdoptRequest>)).rejects.toMatchObject({
      message: expect.stringContaining(words),
      hint: expect.any(String),
    });
    expect(await closeLook(cloud)).toEqual(before);
  });

  it('is refused under a second name, and for what another machine adopted', async () => {
    const ledger = await cloud.freshLedger();
    await adoptHost(cloud.clients, await plan(ledger), { ledger });
    const hint = expect.stringContaining('host detach old');
    await expect(plan(ledger, { name: 'older' })).rejects.toMatchObject({ code: 'usage', hint });
    await expect(plan(await cloud.freshLedger())).rejects.toMatchObject({ code: 'usage', hint });
    await detach(ledger);
    await expect(planDetach(cloud.clients, ledger, 'old')).rejects.toMatchObject({ code: 'host-not-found' });
  });

  it('waits until EC2 knows the new profile', async () => {
    const ledger = await cloud.freshLedger();
    const planned = await plan(ledger);
    const rule = cloud.sandbox.faults.add({
      service: 'ec2',
      operation: 'AssociateIamInstanceProfile',
      kind: 'error',
      status: 400,
      code: 'InvalidParameterValue',
      message: 'Value (x) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN',
      times: 2,
    });
    const lost = cloud.sandbox.faults.add({ service: 'iam', operation: 'CreateRole', kind: 'drop', when: 'after' });
    await adoptHost(cloud.clients, planned, { ledger });
    expect([rule.struck, lost.struck]).toEqual([2, 1]);
    await detach(ledger);
    expect(await closeLook(cloud)).toEqual(before);
  });
});

describe('an adoption that was killed', () => {
  /** Each call of one undisturbed adoption, and how often it is asked. */
  const calls: string[] = [];
  const request = { sshFrom: [cidr], replaceProfile: true };
  let start: unknown;

  beforeAll(async () => {
    await associate();
    start = await closeLook(cloud);
    const ledger = await cloud.freshLedger();
    const clients = await cloud.connect({
      observer: { before: (call) => calls.push(`${call.service}:${call.operation}`) },
    });
    const planned = await plan(ledger, request);
    calls.length = 0;
    await adoptHost(clients, planned, { ledger });
    await detach(ledger);
    expect(await closeLook(cloud)).toEqual(start);
  });

  it('before or after any single call, is undone by cleanup', async () => {
    expect(calls).toContain('ec2:ReplaceIamInstanceProfileAssociation');
    for (let at = 0; at < calls.length; at++) {
      for (const moment of ['before', 'after'] as const) {
        const ledger = await cloud.freshLedger();
        await killed(ledger, at, moment);
        await runCleanup(cloud.clients, await planCleanup(cloud.clients, ledger), { ledger });
        expect(await closeLook(cloud), `${moment} ${at} ${calls[at]}`).toEqual(start);
        expect(await ledger.openResources()).toEqual([]);
        expect(existsSync(join(ledger.directory, 'hosts', 'old'))).toBe(false);
      }
    }
  }, 240_000);

  it('at any of them in turn, is continued by the next run, without doubling anything', async () => {
    const ledger = await cloud.freshLedger();
    for (let at = 0; at < calls.length; at++) await killed(ledger, at, 'after');
    await adoptHost(cloud.clients, await plan(ledger, request), { ledger });
    expect((await ledger.entries()).map(({ kind }) => kind)).toEqual([
      'adoption',
      'role',
      'instance-profile',
      'security-group',
    ]);
    await detach(ledger);
    expect(await closeLook(cloud)).toEqual(start);
  });

  async function killed(ledger: Ledger, at: number, moment: 'before' | 'after'): Promise<void> {
    let seen = 0;
    const strike = (): void => {
      if (seen++ === at) throw new Error(`killed ${moment} call ${at}`);
    };
    const clients = await cloud.connect({ observer: { [moment]: strike } });
    const outcome = await adoptHost(clients, await plan(ledger, request), { ledger }).catch((error) => String(error));
    // A run that continues needs fewer calls than the first, and may be done before its kill point.
    if (typeof outcome === 'string') expect(outcome).toContain(`killed ${moment} call ${at}`);
    else expect(seen).toBeLessThanOrEqual(calls.length);
  }
});

describe('a detachment that was killed', () => {
  it('after any single call, is finished by cleanup', async () => {
    const calls: string[] = [];
    const start = await closeLook(cloud); // with their own profile
    for (let at = 0; at === 0 || at < calls.length; at++) {
      const ledger = await cloud.freshLedger();
      await adoptHost(cloud.clients, await plan(ledger, { sshFrom: [cidr], replaceProfile: true }), { ledger });
      const detachment = await planDetach(cloud.clients, ledger, 'old');
      let seen = 0;
      const after = ({ operation }: { readonly operation: string }): void => {
        if (at === 0) calls.push(operation);
        else if (seen++ === at) throw new Error('killed');
      };
      const killed = await cloud.connect({ observer: { after } });
      await detachHost(killed, detachment, { ledger }).catch((error) => expect(String(error)).toContain('killed'));
      await runCleanup(cloud.clients, await planCleanup(cloud.clients, ledger), { ledger });
      expect(await closeLook(cloud), `${at} ${calls[at]}`).toEqual(start);
      expect(await ledger.openResources()).toEqual([]);
    }
    expect(calls).toContain('DeleteTags');
  }, 60_000);
});

describe('an adopted host', () => {
  it('is destroyed only on the explicit word, with what was made for it and nothing else', async () => {
    const ledger = await cloud.freshLedger();
    const start = await closeLook(cloud);
    const doomed = await launchForeign(cloud, 'doomed');
    const request = { name: 'doomed', instanceId: doomed.id, identityFile: doomed.identityFile, sshFrom: [cidr] };
    await adoptHost(cloud.clients, await plan(ledger, request), { ledger });
    const planned = await planDestroy(cloud.clients, ledger, 'doomed', { adopted: true });
    expect(planned.removals.map(({ kind }) => kind)).toEqual([
      'instance',
      'security-group',
      'instance-profile',
      'role',
    ]);
    await destroyHost(cloud.clients, planned, { ledger });
    expect(await ledger.openResources()).toEqual([]);
    const ec2 = await cloud.clients.ec2();
    await ec2.send(new DeleteSecurityGroupCommand({ GroupName: 'doomed' })); // their own group and key are still there
    await ec2.send(new DeleteKeyPairCommand({ KeyName: 'doomed' }));
    expect(await closeLook(cloud)).toEqual(start);
  });

  it('that its owner has ended leaves nothing behind when it is detached', async () => {
    const ledger = await cloud.freshLedger();
    const start = await closeLook(cloud);
    const gone = await launchForeign(cloud, 'gone');
    await adoptHost(cloud.clients, await plan(ledger, { name: 'gone', instanceId: gone.id }), { ledger });
    const ec2 = await cloud.clients.ec2();
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [gone.id] }));
    while ((await lookAt(cloud, gone.id)).State?.Name !== 'terminated') await new Promise((r) => setTimeout(r, 50));
    await detachHost(cloud.clients, await planDetach(cloud.clients, ledger, 'gone'), { ledger });
    await ec2.send(new DeleteSecurityGroupCommand({ GroupName: 'gone' }));
    await ec2.send(new DeleteKeyPairCommand({ KeyName: 'gone' }));
    expect(await closeLook(cloud)).toEqual(start);
    expect(await ledger.openResources()).toEqual([]);
  });
});

/** Asks the host's own metadata whose credentials it has. */
function credentialsScript(): string {
  return `token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/api/token")
curl -fsS -H "X-aws-ec2-metadata-token: $token" "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/iam/security-credentials/"`;
}
