/** What a user may choose about a new host: the same flags for `host launch` and `recover --to new`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type Architecture,
  type HostPrice,
  type LaunchPlan,
  type LaunchRequest,
  type OwnKey,
  parseVolume,
  publicKeyOf,
} from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { wholeNumber } from '../repository/settings.ts';

export interface LaunchFlags {
  readonly image: string;
  readonly arch?: Architecture;
  readonly type?: string;
  readonly subnet?: string;
  readonly vpc?: string;
  readonly zone?: string;
  readonly securityGroup?: string;
  readonly sshFrom?: string[];
  readonly keyFile?: string;
  readonly ssm?: boolean;
  /** False with --no-ssh. */
  readonly ssh?: boolean;
  readonly elasticIp?: boolean;
  readonly rootSize?: string;
  readonly volume?: string[];
  readonly spot?: boolean;
}

/** Returns the flags as parts of a launch request. Throws 'usage' for a key that cannot be read, and malformed sizes. */
export function launchChoices(flags: LaunchFlags): Omit<LaunchRequest, 'name'> {
  return {
    image: flags.image,
    ...given('architecture', flags.arch),
    ...given('instanceType', flags.type),
    ...given('subnet', flags.subnet),
    ...given('vpc', flags.vpc),
    ...given('zone', flags.zone),
    ...given('securityGroup', flags.securityGroup),
    ...given('sshFrom', flags.sshFrom),
    ...given('ownKey', flags.keyFile === undefined ? undefined : ownKey(flags.keyFile)),
    ...given('ssm', flags.ssm),
    ...given('ssh', flags.ssh),
    ...given('elasticIp', flags.elasticIp),
    ...given('volumeGiB', flags.rootSize === undefined ? undefined : gibibytes(flags.rootSize)),
    ...given('volumes', flags.volume?.map(parseVolume)),
    ...given('spot', flags.spot),
  };
}

function given<K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [key in K]: V });
}

function gibibytes(text: string): number {
  return wholeNumber(text, '--root-size', { min: 1, max: 65_536 });
}

function ownKey(file: string): OwnKey {
  const privateKeyFile = resolve(file);
  try {
    return { privateKeyFile, publicKey: publicKeyOf(readFileSync(privateKeyFile, 'utf8'), 'hostark') };
  } catch (cause) {
    throw new HostarkError('usage', `--key-file ${file}: ${(cause as Error).message}`, {
      hint: 'give the private half of a key, OpenSSH or PEM, without a passphrase; its public half is imported into EC2',
      cause,
    });
  }
}

/** The plan for people: what is created, then what it costs. */
export function launchLines(plan: LaunchPlan): string[] {
  return [...plan.steps, ...priceLines(plan.price)];
}

/** What a host costs, part by part, as far as it is known. */
export function priceLines({ parts, hourly, monthly, complete, asOf }: HostPrice): string[] {
  const line = (what: string, hour: number | null, month: number | null): string =>
    hour === null || month === null
      ? `${'  price not known'.padEnd(37)}${what}`
      : `  $${hour.toFixed(4)} an hour, ${`$${month.toFixed(2)}`.padStart(8)} a month  ${what}`;
  const each = parts.map((part) => line(part.what, part.hourly, part.monthly));
  if (parts.every((part) => part.monthly === null)) return [...each, `  in all: not known (prices of ${asOf})`];
  return [
    ...each,
    line(complete ? `in all (prices of ${asOf})` : `and what is not known (prices of ${asOf})`, hourly, monthly),
  ];
}
