/**
 * Adopts a host that runs, without a restart: tags, role, profile, and a security group when asked, each on the ledger
 * before it exists. A run that was killed is continued by the next run of the same name, or undone by cleanup.
 */
import type { AdoptPlan } from './adopt-plan.ts';
import { type AdoptionMarks, adoptionOf, giveProfile, joinGroup } from './adoption.ts';
import type { AwsClients } from './clients.ts';
import { ensure } from './ensure.ts';
import { type Host, joinHost } from './host.ts';
import { withHostLock } from './host-lock.ts';
import { type HostRecord, readHostRecord, writeHostRecord } from './host-record.ts';
import { createIdentity } from './identity.ts';
import { describeInstance } from './instance.ts';
import { allowSsh, securityGroupOf } from './network.ts';
import { checkSameHost, checkSameStore } from './record-checks.ts';
import type { RunOptions } from './run.ts';

/** Runs the plan, or continues an earlier run of it. Resolves when the host has its profile. Throws 'locked' when another run works on it. */
export async function adoptHost(clients: AwsClients, plan: AdoptPlan, options: RunOptions): Promise<Host> {
  return withHostLock(options.ledger.directory, plan.name, () => adopt(clients, plan, options));
}

async function adopt(clients: AwsClients, plan: AdoptPlan, options: RunOptions): Promise<Host> {
  const { ledger } = options;
  const before = await readHostRecord(ledger.directory, plan.name);
  if (before !== null) {
    checkSameHost(before, plan, 'adopted');
    checkSameStore(before, plan.identity);
  }
  const run = await ledger.begin();
  try {
    const { bucket, prefix } = plan.identity;
    const record: HostRecord = {
      schema: 1,
      name: plan.name,
      state: before?.state ?? 'adopting',
      origin: 'adopted',
      run,
      region: plan.region,
      account: plan.account,
      endpoint: plan.endpoint,
      instanceId: plan.instanceId,
      user: plan.user,
      identityFile: plan.identityFile,
      via: plan.via,
      hostKeys: plan.hostKeys,
      bucket,
      prefix,
    };
    await writeHostRecord(ledger.directory, record);
    const { instanceId, user, replacedProfile } = plan;
    const marks: AdoptionMarks = { instanceId, host: plan.name, user, bucket, prefix, replacedProfile };
    await ensure(adoptionOf(clients, marks, options), plan, run, options);
    const { profileArn } = await createIdentity(clients, plan.identity, { ...options, run });
    await giveProfile(clients, marks, profileArn, options);
    if (plan.access !== null) await letIn(clients, plan, plan.access, run, options);
    const ready: HostRecord = { ...record, state: 'ready' };
    const instance = await describeInstance(clients, instanceId, options);
    await writeHostRecord(ledger.directory, ready); // last: until here a kill is undone by cleanup, then it is done
    return joinHost(instance ?? { InstanceId: instanceId }, ready, plan.region, ledger.directory);
  } finally {
    await ledger.end(run);
  }
}

/** A group of ours beside the host's own: theirs may be shared with other hosts, which must not be opened along with it. */
async function letIn(
  clients: AwsClients,
  plan: AdoptPlan,
  access: NonNullable<AdoptPlan['access']>,
  run: string,
  options: RunOptions,
): Promise<void> {
  const network = { vpc: plan.vpc, ...access };
  const group = await ensure(securityGroupOf(clients, plan.name, network, options), plan, run, options);
  await allowSsh(clients, group, network, options);
  await joinGroup(clients, plan.instanceId, group, options);
}
