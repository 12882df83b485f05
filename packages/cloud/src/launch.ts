/**
 * Launches a host: role, key pair, security group, instance, each on the ledger before it exists. A run that was
 * killed is continued by the next run of the same name; nothing is created twice.
 */
import { HostarkError } from '@hostark/protocol';
import { awsCode } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { ensure } from './ensure.ts';
import { type Host, joinHost } from './host.ts';
import { withHostLock } from './host-lock.ts';
import { forgetHostKey, type HostRecord, hostKeys, readHostRecord, writeHostRecord } from './host-record.ts';
import { createIdentity } from './identity.ts';
import { instanceOf, waitUntilRunning } from './instance.ts';
import { keyPairOf } from './key-pair.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { allowSsh, securityGroupOf } from './network.ts';
import { checkSameHost, checkSameStore } from './record-checks.ts';
import type { RunOptions } from './run.ts';
import { hostKeyUserData } from './user-data.ts';

/** Runs the plan, or continues an earlier run of the same name that was killed. Resolves when the instance runs and has an address. */
export async function launchHost(clients: AwsClients, plan: LaunchPlan, options: RunOptions): Promise<Host> {
  return withHostLock(options.ledger.directory, plan.name, () => launch(clients, plan, options));
}

async function launch(clients: AwsClients, plan: LaunchPlan, options: RunOptions): Promise<Host> {
  const { ledger } = options;
  const before = await readHostRecord(ledger.directory, plan.name);
  if (before !== null) {
    checkSameHost(before, plan, 'launched');
    checkSameStore(before, { bucket: plan.identity?.bucket ?? null, prefix: plan.identity?.prefix ?? null });
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
      origin: 'launched',
      identityFile: null,
      via: 'ssh',
      user: plan.image.user,
      hostKeys: before?.state === 'ready' ? before.hostKeys : [keys.host.publicKey],
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
    const shown = before?.instanceId === instanceId ? record.hostKeys : [keys.host.publicKey];
    const ready: HostRecord = { ...record, state: 'ready', instanceId, hostKeys: shown };
    await writeHostRecord(ledger.directory, ready);
    await forgetHostKey(ledger.directory, plan.name);
    return joinHost(instance, ready, plan.region, ledger.directory);
  } finally {
    await ledger.end(run);
  }
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
