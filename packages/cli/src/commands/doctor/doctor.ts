/**
 * `hostark doctor`: looks at everything that backups of hosts stand on, and says how to mend what is wrong. Exit 0 when
 * nothing is, 22 when something is; warnings do not count. Changes nothing.
 */
import { HostarkError, isHostarkError } from '@hostark/protocol';
import { type Cloud, cloudPlace, openCloud } from '../../hosts/cloud.ts';
import { plural } from '../../terminal/format.ts';
import type { CommandCode } from '../../tree/command.ts';
import { credentials, permissions, place } from './access.ts';
import { bucket } from './bucket.ts';
import type { Check, CheckResult, DoctorFlags, Examination } from './check.ts';
import { clock } from './clock.ts';
import { host } from './host.ts';
import { nativePieces, nodeVersion } from './runtime.ts';
import { leftovers, stateDirectory } from './state.ts';

const CHECKS: readonly Check[] = [
  nodeVersion,
  nativePieces,
  stateDirectory,
  place,
  clock,
  credentials,
  permissions,
  leftovers,
  bucket,
  host,
];

export const doctor: CommandCode<DoctorFlags> = async (context, flags) => {
  const { out } = context;
  let opened: Promise<Cloud> | null = null;
  const cloud = (): Promise<Cloud> => {
    opened ??= openCloud(context, cloudPlace(context, flags));
    return opened;
  };
  const problems: string[] = [];
  let blocked: string | null = null;
  try {
    for (const check of CHECKS) {
      const result: CheckResult =
        blocked !== null && check.needsCloud === true
          ? { state: 'skipped', found: `needs ${blocked}` }
          : await examine(check, { context, flags, cloud });
      if (result.state === 'problem') {
        problems.push(check.name);
        if (check.opensCloud === true) blocked ??= check.name;
      }
      out.data({ message_type: 'check', check: check.name, ...result });
      out.print(`${result.state.padEnd(8)} ${check.name}: ${result.found}`);
      if (result.fix !== undefined) out.print(`         fix: ${result.fix}`);
    }
  } finally {
    await (opened as Promise<Cloud> | null)?.then((one) => one.close()).catch(() => {});
  }
  out.data({ message_type: 'summary', problems });
  if (problems.length === 0) return 0;
  throw new HostarkError('not-healthy', `${plural(problems.length, 'problem')}: ${problems.join(', ')}`, {
    hint: 'each is named above with what mends it',
  });
};

/** What a check throws is what it found. */
async function examine(check: Check, examination: Examination): Promise<CheckResult> {
  try {
    return await check.run(examination);
  } catch (error) {
    if (!(error instanceof Error) || isHostarkError(error, 'interrupted')) throw error;
    const hint = isHostarkError(error) ? error.hint : null;
    const cause = error.cause instanceof Error && !isHostarkError(error) ? ` (${error.cause.message})` : '';
    return { state: 'problem', found: `${error.message}${cause}`, ...(hint === null ? {} : { fix: hint }) };
  }
}
