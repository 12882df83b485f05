/**
 * Launches a host: role, key pair, security group, instance, each on the ledger before it exists. A run that was
 * killed is continued by the next run of the same name; nothing is created twice.
 */
import type { Instance } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { addressOfHost, tieAddress } from './address.ts';
import { awsCode } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { isHere } from './cloud-place.ts';
import { ensure } from './ensure.ts';
import type { CloudEvent } from './events.ts';
import { type Host, joinHost } from './host.ts';
import { withHostLock } from './host-lock.ts';
import { type HostRecord, loginKey, ownHostKey, readHostRecord, writeHostRecord } from './host-record.ts';
import { createIdentity } from './identity.ts';
import { type InstanceParts, instanceOf, waitUntilRunning } from './instance.ts';
import { keyPairOf } from './key-pair.ts';
import { isCapacity } from './launch-attempts.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { allowSsh, securityGroupOf } from './network.ts';
import { checkSameHost, checkSameStore } from './record-checks.ts';
import type { RunOptions } from './run.ts';
import { finishHost } from './unfinished.ts';
import { hostKeyUserData } from './user-data.ts';

export interface LaunchOptions extends RunOptions {
  /**
   * A run of the caller that goes on after the launch, such as a recovery. Until finishHost() the host counts as half
   * made: when that run is gone, cleanup removes it, and a launch of the same name continues it.
   */
  readonly run?: string;
}

/** Runs the plan, or continues an earlier run of the same name that was killed. Resolves when the instance runs and has an address. */
export async function launchHost(clients: AwsClients, plan: LaunchPlan, options: LaunchOptions): Promise<Host> {
  return withHostLock(options.ledger.directory, plan.name, () => launch(clients, plan, options));
}

async function launch(clients: AwsClients, plan: LaunchPlan, options: LaunchOptions): Promise<Host> {
  const { ledger } = options;
  const before = await readHostRecord(ledger.directory, plan.name);
  if (before !== null) {
    checkSameHost(before, plan, 'launched');
    checkSameStore(before, { bucket: plan.identity?.bucket ?? null, prefix: plan.identity?.prefix ?? null });
  }
  const run = options.run ?? (await ledger.begin());
  try {
    const hostKey = await ownHostKey(ledger.directory, plan.name);
    const record: HostRecord = {
      schema: 1,
      name: plan.name,
      state: before?.state ?? 'launching',
      run,
      ...(before?.attempt === undefined ? {} : { attempt: before.attempt }),
      region: plan.region,
      account: plan.account,
      endpoint: plan.endpoint,
      instanceId: before?.instanceId ?? null,
      origin: 'launched',
      identityFile: plan.key === null || plan.key.kind === 'made' ? null : plan.key.file,
      via: plan.via,
      user: plan.image.user,
      hostKeys: before?.state === 'ready' ? before.hostKeys : [hostKey.publicKey],
      bucket: plan.identity?.bucket ?? null,
      prefix: plan.identity?.prefix ?? null,
    };
    await writeHostRecord(ledger.directory, record);
    const identity = plan.identity === null ? null : await createIdentity(clients, plan.identity, { ...options, run });
    await giveKey(clients, plan, run, options);
    const securityGroup = plan.network.securityGroup ?? (await ownGroup(clients, plan, run, options));
    const parts = { securityGroup, profileArn: identity?.profileArn ?? null, userData: hostKeyUserData(hostKey) };
    const { instanceId, attempt } = await startInstance(clients, plan, parts, record, run, options);
    const instance = await bringUp(clients, plan, instanceId, run, options);
    // Another instance than before (that one was removed behind our back) has got the keys of this run.
    const shown = before?.instanceId === instanceId ? record.hostKeys : [hostKey.publicKey];
    const launched: HostRecord = { ...record, attempt, instanceId, hostKeys: shown };
    await writeHostRecord(ledger.directory, launched);
    if (options.run === undefined) await finishHost(ledger, plan.name);
    return joinHost(instance, launched, plan.region, ledger.directory);
  } finally {
    if (options.run === undefined) await ledger.end(run);
  }
}

async function giveKey(clients: AwsClients, plan: LaunchPlan, run: string, options: RunOptions): Promise<void> {
  const { key, name } = plan;
  if (key === null || key.kind === 'found') return;
  const publicKey = key.kind === 'made' ? (await loginKey(options.ledger.directory, name)).publicKey : key.publicKey;
  await ensure(keyPairOf(clients, name, key.keyName, publicKey, options), plan, run, options);
}

async function ownGroup(clients: AwsClients, plan: LaunchPlan, run: string, options: RunOptions): Promise<string> {
  const group = await ensure(securityGroupOf(clients, plan.name, plan.network, options), plan, run, options);
  if (plan.network.sshFrom.length > 0) await allowSsh(clients, group, plan.network, options);
  return group;
}

/** Waits until the instance runs, and ties the elastic address to it when the plan has one. */
async function bringUp(
  clients: AwsClients,
  plan: LaunchPlan,
  instanceId: string,
  run: string,
  options: RunOptions,
): Promise<Instance> {
  const waiting = { type: 'step', step: 'wait until it runs', resource: 'instance', id: instanceId } as const;
  options.onEvent?.({ ...waiting, state: 'started' });
  const instance = await waitUntilRunning(clients, instanceId, options);
  options.onEvent?.({ ...waiting, state: 'done' });
  if (!plan.elasticIp) return instance;
  const address = await ensure(addressOfHost(clients, plan.name, options), plan, run, options);
  await tieAddress(clients, address, instanceId, options);
  options.onEvent?.({ type: 'step', step: 'tie to the host', state: 'done', resource: 'address', id: address });
  return waitUntilRunning(clients, instanceId, options);
}

/**
 * Tries the plan's attempts in order while EC2 has no machine left. Which one is tried is written down before the call, so
 * that a run which is killed in between is continued with the same token and the same parameters.
 */
async function startInstance(
  clients: AwsClients,
  plan: LaunchPlan,
  parts: InstanceParts,
  record: HostRecord,
  run: string,
  options: RunOptions,
): Promise<{ readonly instanceId: string; readonly attempt: number }> {
  const { directory } = options.ledger;
  const last = plan.attempts.length - 1;
  for (let attempt = Math.min(record.attempt ?? 0, last); ; attempt++) {
    if (attempt !== (record.attempt ?? 0)) await writeHostRecord(directory, { ...record, attempt });
    try {
      const instanceId = await ensure(instanceOf(clients, plan, parts, attempt, options), plan, run, options);
      return { instanceId, attempt };
    } catch (error) {
      if (!isCapacity(error)) throw error;
      if (attempt === last) {
        await startOver(plan, record, options);
        throw explainCapacity(plan, error);
      }
      options.onEvent?.(nextAttempt(plan, attempt, error));
    }
  }
}

/** Every attempt was refused, so there is no instance: the next run begins with the first, and with a fresh token. */
async function startOver(plan: LaunchPlan, record: HostRecord, { ledger }: RunOptions): Promise<void> {
  for (const entry of await ledger.openResources())
    if (entry.kind === 'instance' && entry.host === plan.name && isHere(entry, plan)) await ledger.deleted(entry.id);
  await writeHostRecord(ledger.directory, { ...record, attempt: 0 });
}

function nextAttempt(plan: LaunchPlan, attempt: number, error: unknown): CloudEvent {
  const [failed, next] = [plan.attempts[attempt]!, plan.attempts[attempt + 1]!];
  return {
    type: 'notice',
    level: 'warning',
    message: `EC2 has no ${failed.instanceType} left in ${failed.zone} (${awsCode(error)}): trying ${next.instanceType} in ${next.zone}`,
  };
}

function explainCapacity(plan: LaunchPlan, cause: unknown): HostarkError {
  const tried = plan.attempts.map(({ instanceType, zone }) => `${instanceType} in ${zone}`).join(', ');
  return new HostarkError('cloud-refused', `EC2 cannot start this host now: ${awsCode(cause)}; tried ${tried}`, {
    hint: 'run it again later, or with another --type or --zone; what was created so far is reused',
    retry: 'later',
    cause,
  });
}
