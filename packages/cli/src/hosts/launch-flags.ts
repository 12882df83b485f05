/** What a user may choose about a new host: the same flags for `host launch` and `recover --to new`. */
import type { HostPrice, LaunchPlan, LaunchRequest } from '@hostark/cloud';

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
  return [...plan.steps, ...priceLines(plan.price)];
}

/** What a host costs, part by part, as far as it is known. */
export function priceLines({ parts, hourly, monthly, complete, asOf }: HostPrice): string[] {
  const line = (what: string, hour: number | null, month: number | null): string =>
    hour === null || month === null
      ? `  price not known                      ${what}`
      : `  $${hour.toFixed(4)} an hour, ${`$${month.toFixed(2)}`.padStart(8)} a month  ${what}`;
  return [
    ...parts.map((part) => line(part.what, part.hourly, part.monthly)),
    line(complete ? `in all (prices of ${asOf})` : `and what is not known (prices of ${asOf})`, hourly, monthly),
  ];
}
