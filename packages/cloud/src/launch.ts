/**
 * Launches a host: role, key pair, security group, instance, each on the ledger before it exists. A run that was
 * killed is continued by the next run of the same name; nothing is created twice.
 */
import { HostarkError } from '@hostark/protocol';
import { awsCode } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { ensure } from './ensure.ts';
import { type Host, joinHost } from './host.ts';
import { forgetHostKey, type HostRecord, hostKeys, readHostRecord, writeHostRecord } from './host-record.ts';
import { createIdentity } from './identity.ts';
import { instanceOf, waitUntilRunning } from './instance.ts';
import { keyPairOf } from './key-pair.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { allowSsh, securityGroupOf } from './network.ts';
import type { RunOptions } from './run.ts';
import { hostKeyUserData } from './user-data.ts';

/** Runs the plan, or continues an earlier run of the same name that was killed. Resolves when the instance runs and has an address. */
export async function launchHost(clients: AwsClients, plan: LaunchPlan, options: RunOptions): Promise<Host> {
  const { ledger } = options;
  const before = await readHostRecord(ledger.directory, plan.name);
  if (before !== null) {
    checkSamePlace(before, plan);
    checkSameStore(before, plan);
  }
  const run = await ledger.begin();
  try {
    const keys = await hostKeys(ledger.directory, plan.name);
    const record: HostRecord = {
      schema: 1,
      name: plan.name,
      state: before?.state ?? 'launching',
      run,
      region: plan.region,
      account: plan.account,
      endpoint: plan.endpoint,
      instanceId: before?.instanceId ?? null,
      user: plan.image.user,
      hostKey: before?.state === 'ready' ? before.hostKey : keys.host.publicKey,
      bucket: plan.identity?.bucket ?? null,
      prefix: plan.identity?.prefix ?? null,
    };
    await writeHostRecord(ledger.directory, record);
    const identity = plan.identity === null ? null : await createIdentity(clients, plan.identity, { ...options, run });
    await ensure(keyPairOf(clients, plan.name, plan.keyName, keys.login.publicKey, options), plan, run, options);
    const securityGroup = await ensure(securityGroupOf(clients, plan.name, plan.network, options), plan, run, options);
    await allowSsh(clients, securityGroup, plan.network, options);
    const parts = { securityGroup, profileArn: identity?.profileArn ?? null, userData: hostKeyUserData(keys.host) };
    const instanceId = await ensure(instanceOf(clients, plan, parts, options), plan, run, options).catch(
      explainCapacity,
    );
    options.onEvent?.({
      type: 'step',
      step: 'wait until it runs',
      state: 'started',
      resource: 'instance',
      id: instanceId,
    });
    const instance = await waitUntilRunning(clients, instanceId, options);
    options.onEvent?.({
      type: 'step',
      step: 'wait until it runs',
      state: 'done',
      resource: 'instance',
      id: instanceId,
    });
    // Another instance than before (that one was removed behind our back) has got the keys of this run.
    const hostKey = before?.instanceId === instanceId ? record.hostKey : keys.host.publicKey;
    const ready: HostRecord = { ...record, state: 'ready', instanceId, hostKey };
    await writeHostRecord(ledger.directory, ready);
    await forgetHostKey(ledger.directory, plan.name);
    return joinHost(instance, ready, plan.region, ledger.directory);
  } finally {
    await ledger.end(run);
  }
}

function checkSamePlace(before: HostRecord, plan: LaunchPlan): void {
  if (before.state === 'destroying') {
    throw new HostarkError('usage', `host ${plan.name} is being destroyed`, {
      hint: `finish that first: hostark host destroy ${plan.name}`,
    });
  }
  if (before.account === plan.account && before.region === plan.region) return;
  throw new HostarkError(
    'usage',
    `host ${plan.name}: expected in account ${plan.account}, ${plan.region}; this machine knows it in ${before.account}, ${before.region}`,
    {
      hint: `choose another name, or destroy the other one first; if that account or sandbox is gone, remove hosts/${plan.name} from the state directory`,
    },
  );
}

/** A repeated launch finds the host as it is: it must not move a host that runs to the backups of another one. */
function checkSameStore(before: HostRecord, plan: LaunchPlan): void {
  const wanted = { bucket: plan.identity?.bucket ?? null, prefix: plan.identity?.prefix ?? null };
  if (before.state !== 'ready' || (before.bucket === wanted.bucket && before.prefix === wanted.prefix)) return;
  throw new HostarkError(
    'usage',
    `host ${plan.name} exists and backs up into ${before.bucket}/${before.prefix}, expected ${wanted.bucket}/${wanted.prefix}`,
    { hint: 'choose another name, or destroy it first' },
  );
}

function explainCapacity(error: unknown): never {
  const code = awsCode(error);
  if (code === 'InsufficientInstanceCapacity' || code === 'InsufficientHostCapacity' || code === 'Unsupported') {
    throw new HostarkError('cloud-refused', `EC2 cannot start this instance type in this zone now: ${code}`, {
      hint: 'run it again with another --type or --zone; what was created so far is reused',
      retry: 'later',
      cause: error,
    });
  }
  throw error;
}
