/** Deletes single resources. Each may be repeated; what is gone already counts as deleted. */
import { HostarkError } from '@hostark/protocol';
import { leaveGroup, undoAdoption } from './adoption.ts';
import { awsCode, unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { terminate } from './instance.ts';
import type { Removal } from './inventory.ts';
import type { ResourceKind } from './ledger.ts';
import { callOptions, type RunOptions } from './run.ts';
import { deleteSnapshot } from './volume-sets.ts';
import { checkAbort, eventually } from './wait.ts';

export interface RemovalReport {
  readonly removed: readonly Removal[];
  /** What could not be removed, and why. */
  readonly leftovers: readonly (Removal & { readonly reason: string })[];
}

type Remove = (clients: AwsClients, id: string, options: RunOptions) => Promise<void>;

const NOT_FOUND = ['NoSuchEntity', 'NoSuchEntityException'];

const REMOVE: Readonly<Record<Exclude<ResourceKind, 'bucket'>, Remove>> = {
  instance: terminate,
  adoption: undoAdoption,
  async image(clients, ImageId, options) {
    const { DeregisterImageCommand } = await import('@aws-sdk/client-ec2');
    const ec2 = await clients.ec2();
    const call = ec2.send(new DeregisterImageCommand({ ImageId }), callOptions(options));
    await unless(call, 'InvalidAMIID.NotFound', 'InvalidAMIID.Unavailable');
  },
  async volume(clients, VolumeId, options) {
    const { DeleteVolumeCommand } = await import('@aws-sdk/client-ec2');
    const ec2 = await clients.ec2();
    await unless(ec2.send(new DeleteVolumeCommand({ VolumeId }), callOptions(options)), 'InvalidVolume.NotFound');
  },
  snapshot: deleteSnapshot,
  async 'spot-request'(clients, id, options) {
    const { CancelSpotInstanceRequestsCommand } = await import('@aws-sdk/client-ec2');
    const ec2 = await clients.ec2();
    const input = { SpotInstanceRequestIds: [id] };
    await unless(
      ec2.send(new CancelSpotInstanceRequestsCommand(input), callOptions(options)),
      'InvalidSpotInstanceRequestID.NotFound',
    );
  },
  async address(clients, AllocationId, options) {
    const { ReleaseAddressCommand } = await import('@aws-sdk/client-ec2');
    const ec2 = await clients.ec2();
    const call = (): Promise<unknown> =>
      unless(
        ec2.send(new ReleaseAddressCommand({ AllocationId }), callOptions(options)),
        'InvalidAllocationID.NotFound',
        'InvalidAddress.NotFound',
      );
    // An instance that is ending holds its address for a moment more.
    await eventually(call, (error) => awsCode(error) === 'InvalidIPAddress.InUse', {
      what: `address ${AllocationId} to be free`,
      budgetMs: 120_000,
      signal: options.signal,
    });
  },
  async 'security-group'(clients, GroupId, options) {
    const { DeleteSecurityGroupCommand } = await import('@aws-sdk/client-ec2');
    const ec2 = await clients.ec2();
    await leaveGroup(clients, GroupId, options);
    const call = (): Promise<unknown> =>
      unless(ec2.send(new DeleteSecurityGroupCommand({ GroupId }), callOptions(options)), 'InvalidGroup.NotFound');
    // An instance that has ended holds its network interface, and with it the group, for some minutes more.
    await eventually(call, (error) => awsCode(error) === 'DependencyViolation', {
      what: `security group ${GroupId} to be free`,
      budgetMs: 300_000,
      signal: options.signal,
    });
  },
  async 'key-pair'(clients, KeyPairId, options) {
    const { DeleteKeyPairCommand } = await import('@aws-sdk/client-ec2');
    const ec2 = await clients.ec2();
    await unless(ec2.send(new DeleteKeyPairCommand({ KeyPairId }), callOptions(options)), 'InvalidKeyPair.NotFound');
  },
  async 'instance-profile'(clients, InstanceProfileName, options) {
    const { DeleteInstanceProfileCommand, GetInstanceProfileCommand, RemoveRoleFromInstanceProfileCommand } =
      await import('@aws-sdk/client-iam');
    const iam = await clients.iam();
    const get = iam.send(new GetInstanceProfileCommand({ InstanceProfileName }), callOptions(options));
    for (const { RoleName } of (await unless(get, ...NOT_FOUND))?.InstanceProfile?.Roles ?? []) {
      const remove = new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName });
      await unless(iam.send(remove, callOptions(options)), ...NOT_FOUND);
    }
    const call = (): Promise<unknown> =>
      unless(iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName }), callOptions(options)), ...NOT_FOUND);
    await eventually(call, isConflict, {
      what: `profile ${InstanceProfileName}`,
      budgetMs: 120_000,
      signal: options.signal,
    });
  },
  async role(clients, RoleName, options) {
    const { DeleteRoleCommand, DeleteRolePolicyCommand, ListRolePoliciesCommand } = await import('@aws-sdk/client-iam');
    const iam = await clients.iam();
    const list = iam.send(new ListRolePoliciesCommand({ RoleName }), callOptions(options));
    for (const PolicyName of (await unless(list, ...NOT_FOUND))?.PolicyNames ?? []) {
      await unless(iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }), callOptions(options)), ...NOT_FOUND);
    }
    const call = (): Promise<unknown> =>
      unless(iam.send(new DeleteRoleCommand({ RoleName }), callOptions(options)), ...NOT_FOUND);
    await eventually(call, isConflict, { what: `role ${RoleName}`, budgetMs: 120_000, signal: options.signal });
  },
};

function isConflict(error: unknown): boolean {
  return ['DeleteConflict', 'DeleteConflictException', 'ConcurrentModification'].includes(awsCode(error));
}

/**
 * Deletes in the order given and goes on after a failure, so that one stubborn resource does not keep the others.
 * Deleted ones are closed on the ledger. Throws only 'interrupted' and 'cloud-auth'.
 */
export async function removeAll(
  clients: AwsClients,
  removals: readonly Removal[],
  options: RunOptions,
): Promise<RemovalReport> {
  const known = new Map((await options.ledger.openResources()).map((entry) => [entry.id, entry]));
  const removed: Removal[] = [];
  const leftovers: (Removal & { reason: string })[] = [];
  for (const removal of removals) {
    checkAbort(options.signal);
    const event = { type: 'step', step: 'delete', resource: removal.kind, id: removal.id } as const;
    options.onEvent?.({ ...event, state: 'started' });
    try {
      if (removal.kind === 'bucket') throw new TypeError('buckets are never deleted here');
      await REMOVE[removal.kind](clients, removal.id, options);
    } catch (error) {
      const passes = error instanceof HostarkError && !['interrupted', 'cloud-auth'].includes(error.code);
      if (!passes) throw error;
      leftovers.push({ ...removal, reason: error.message });
      continue;
    }
    if (removal.ledger !== null && known.has(removal.ledger)) await options.ledger.deleted(removal.ledger);
    removed.push(removal);
    options.onEvent?.({ ...event, state: 'done' });
  }
  return { removed, leftovers };
}

/** Throws 'leftovers' when something stayed; says what and why. */
export function expectNothingLeft(report: RemovalReport): RemovalReport {
  if (report.leftovers.length === 0) return report;
  const list = report.leftovers.map((left) => `${left.kind} ${left.id} (${left.reason})`).join('; ');
  throw new HostarkError('leftovers', `${report.leftovers.length} of ours could not be removed: ${list}`, {
    hint: 'run it again in some minutes; it continues where it stopped',
    context: { removed: report.removed.length, leftovers: report.leftovers.length },
    retry: 'later',
  });
}
