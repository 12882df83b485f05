/** What EC2 has to give: switched off for chosen instance types and zones, as AWS runs out of them. */
import type { IdentityStore } from '../auth/identities.ts';
import { ServiceError } from '../http/service-error.ts';

/** Left out, or `*`, means every one. */
export interface Shortage {
  /** e.g. `t3.micro`. */
  readonly instanceType?: string;
  /** e.g. `us-east-1a`. */
  readonly zone?: string;
  /** `capacity` (default): InsufficientInstanceCapacity. `offering`: the zone does not have the type at all (Unsupported). */
  readonly kind?: 'capacity' | 'offering';
}

export interface CapacitySwitch {
  /** From now on there are none of these; returns the way back. */
  lack(shortage: Shortage): { restore(): void };
  /** Everything can be had again. */
  clear(): void;
}

export class Capacity implements CapacitySwitch {
  #shortages: readonly Shortage[] = [];

  lack(shortage: Shortage): { restore(): void } {
    this.#shortages = [...this.#shortages, shortage];
    return {
      restore: () => {
        this.#shortages = this.#shortages.filter((one) => one !== shortage);
      },
    };
  }

  clear(): void {
    this.#shortages = [];
  }

  /** What stands against an instance of that type in that zone; null when nothing does. */
  against(instanceType: string, zone: string): 'capacity' | 'offering' | null {
    const hits = this.#shortages.filter((one) => among(one.instanceType, instanceType) && among(one.zone, zone));
    if (hits.some((one) => one.kind === 'offering')) return 'offering';
    return hits.length > 0 ? 'capacity' : null;
  }

  /** Throws as AWS does when a type cannot be had in the zone that was asked for. */
  demand(instanceType: string, zone: string, zones: readonly string[]): void {
    const against = this.against(instanceType, zone);
    if (against === null) return;
    const others = zones.filter((other) => this.against(instanceType, other) === null).join(', ');
    if (against === 'offering')
      throw new ServiceError(
        400,
        'Unsupported',
        `Your requested instance type (${instanceType}) is not supported in your requested Availability Zone (${zone}). Please retry your request by not specifying an Availability Zone${others === '' ? '' : ` or choosing ${others}`}.`,
      );
    throw new ServiceError(
      500,
      'InsufficientInstanceCapacity',
      `We currently do not have sufficient ${instanceType} capacity in the Availability Zone you requested (${zone}). Our system will be working on provisioning additional capacity.${others === '' ? '' : ` You can currently get ${instanceType} capacity by not specifying an Availability Zone in your request or choosing ${others}.`}`,
    );
  }
}

function among(pattern: string | undefined, value: string): boolean {
  return pattern === undefined || pattern === '*' || pattern === value;
}

const SWITCHES = new WeakMap<IdentityStore, Capacity>();

/** The switch of the sandbox that has this identity store. */
export function capacityOf(identities: IdentityStore): Capacity {
  const found = SWITCHES.get(identities) ?? new Capacity();
  SWITCHES.set(identities, found);
  return found;
}
