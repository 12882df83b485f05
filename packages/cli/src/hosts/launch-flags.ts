/** What a user may choose about a new host: the same flags for `host launch` and `recover --to new`. */
import type { LaunchPlan, LaunchRequest } from '@hostark/cloud';

export interface LaunchFlags {
  readonly image: string;
  readonly type: string;
  readonly subnet?: string;
  readonly zone?: string;
  readonly sshFrom?: string;
}

/** Returns the flags as parts of a launch request. */
export function launchChoices(
  flags: LaunchFlags,
): Pick<LaunchRequest, 'image' | 'instanceType' | 'subnet' | 'zone' | 'sshFrom'> {
  return {
    image: flags.image,
    instanceType: flags.type,
    ...(flags.subnet === undefined ? {} : { subnet: flags.subnet }),
    ...(flags.zone === undefined ? {} : { zone: flags.zone }),
    ...(flags.sshFrom === undefined ? {} : { sshFrom: [flags.sshFrom] }),
  };
}

/** The plan for people: what is created, then what it costs. */
export function launchLines(plan: LaunchPlan): string[] {
  return [...plan.steps, priceLine(plan)];
}

/** What the new host costs, as far as it is known. */
export function priceLine(plan: LaunchPlan): string {
  const price = plan.price.instanceHourly;
  return `${plan.instanceType} in ${plan.network.zone}: ${price === null ? 'price not known' : `$${price} an hour`} (as of ${plan.price.asOf})`;
}
