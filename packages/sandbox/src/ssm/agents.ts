/**
 * The SSM agents: which instances would have one that reports in. An agent is online while its instance runs with a
 * role that EC2 may assume and whose policies allow what the agent calls (AmazonSSMManagedInstanceCore does); it gets
 * there late when the consistency switch says so.
 */
import type { RolePrincipal } from '../auth/principal.ts';
import type { Consistency } from '../ec2/consistency.ts';
import type { SandboxRequest, ServiceContext } from '../http/service.ts';
import type { ProfileStore } from '../iam/profiles.ts';
import { type FleetInstance, fleetOf } from './fleet.ts';

/** Registration, then fetching and answering commands (AWS: "ec2messages, ssmmessages, and other API operations"). */
const NEEDED = [
  'ssm:UpdateInstanceInformation',
  'ec2messages:GetMessages',
  'ec2messages:AcknowledgeMessage',
  'ec2messages:SendReply',
  'ssmmessages:CreateControlChannel',
  'ssmmessages:OpenControlChannel',
] as const;

/** An instance whose agent has reported in at least once. */
export interface Agent {
  readonly instance: FleetInstance;
  readonly online: boolean;
  readonly registeredAt: number;
  readonly lastPingAt: number;
}

export class Agents {
  readonly #context: ServiceContext;
  readonly #profiles: ProfileStore;
  readonly consistency: Consistency;
  /** When an agent was first able to report, and when it last was. */
  readonly #able = new Map<string, { since: number; last: number }>();

  constructor(context: ServiceContext, profiles: ProfileStore, consistency: Consistency) {
    this.#context = context;
    this.#profiles = profiles;
    this.consistency = consistency;
  }

  /** Agents of a region that Systems Manager knows. Counts a look for those that are still late. */
  list(request: SandboxRequest): readonly Agent[] {
    const now = this.#context.now();
    return fleetOf(this.#context.identities)
      .instances(request.region)
      .flatMap((instance): Agent[] => {
        const online = instance.running && this.#mayReport(request, instance);
        const before = this.#able.get(instance.id);
        if (!online && before === undefined) return [];
        const known = { since: before?.since ?? now, last: online ? now : (before?.last ?? now) };
        this.#able.set(instance.id, known);
        if (!this.consistency.settled('agent', instance.id, known.since, now)) return [];
        return [{ instance, online, registeredAt: known.since, lastPingAt: known.last }];
      });
  }

  #mayReport(request: SandboxRequest, instance: FleetInstance): boolean {
    const role = this.#roleOf(request.region, instance);
    if (role === null) return false;
    return NEEDED.every((action) => {
      const resource = action.startsWith('ssm:')
        ? `arn:aws:ec2:${request.region}:${this.#context.accountId}:instance/${instance.id}`
        : '*';
      return this.#context.decide({ ...request, principal: role }, { action, resource }).allowed;
    });
  }

  #roleOf(region: string, instance: FleetInstance): RolePrincipal | null {
    const { identities, accountId } = this.#context;
    const name = instance.profileArn === null ? null : (this.#profiles.byArn(instance.profileArn)?.roleName ?? null);
    const role = name === null ? null : identities.role(name);
    if (role === null || !this.#context.serviceMayAssume(role, 'ec2.amazonaws.com')) return null;
    return {
      kind: 'assumed-role',
      accountId,
      arn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/${instance.id}`,
      roleArn: identities.roleArn(role),
      roleName: role.name,
      sessionName: instance.id,
      userId: `${role.id}:${instance.id}`,
      tags: role.tags,
      accessKeyId: '',
      instanceArn: `arn:aws:ec2:${region}:${accountId}:instance/${instance.id}`,
    };
  }
}
