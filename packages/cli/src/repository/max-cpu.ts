/** `--max-cpu`: how much of the processors a command may take, as a number of cores or a share of all. */
import { availableParallelism } from 'node:os';
import { HostarkError, type MaxCpu } from '@hostark/protocol';
import type { GlobalFlags } from '../repository/settings.ts';
import type { CommandCode } from '../tree/command.ts';

export interface MaxCpuFlags {
  readonly maxCpu?: string;
}

/** Below this a key alone would take a minute to open. */
const LEAST_CORES = 0.05;
const LEAST_PERCENT = 1;
/** No machine to rent has more. */
const MOST_CORES = 1024;

/** Parses `0.5` (cores) or `25%` (of all processors of the machine that works). Throws 'usage'. */
export function parseMaxCpu(text: string): MaxCpu {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? [];
  const value = Number(number);
  if (percent === '%' && value >= LEAST_PERCENT && value <= 100) return { share: value / 100 };
  if (percent === '' && value >= LEAST_CORES && value <= MOST_CORES) return { cores: value };
  throw new HostarkError(
    'usage',
    `--max-cpu: expected cores from ${LEAST_CORES} to ${MOST_CORES}, or ${LEAST_PERCENT}% to 100% of all, got ${JSON.stringify(text)}`,
    { hint: '--max-cpu 0.5 is half of one core, --max-cpu 25% a quarter of all cores' },
  );
}

/** Returns the limit in words. */
export function describeMaxCpu(limit: MaxCpu): string {
  if ('share' in limit) return `${Number((100 * limit.share).toFixed(2))} % of all cores`;
  return limit.cores === 1 ? '1 core' : `${limit.cores} cores`;
}

/** Runs `work` under a limit; undefined is none. One at a time in a process. */
export async function underMaxCpu<T>(limit: MaxCpu | undefined, work: () => Promise<T>): Promise<T> {
  if (limit === undefined) return work();
  const all = availableParallelism();
  const cores = 'cores' in limit ? limit.cores : Math.max(LEAST_CORES, limit.share * all);
  if (cores >= all) return work();
  const { limitCpu } = await import('@hostark/archive/cpu-limit');
  const release = limitCpu(cores);
  try {
    return await work();
  } finally {
    release();
  }
}

/** Returns the command with `--max-cpu` held for this process. */
export function limitingCpu<Flags>(code: CommandCode<Flags>): CommandCode<Flags & MaxCpuFlags> {
  return async (context, flags: Flags & MaxCpuFlags & GlobalFlags, args) =>
    underMaxCpu(flags.maxCpu === undefined ? undefined : limitHere(flags.maxCpu), () => code(context, flags, args));
}

/** A number of cores that this machine does not have is a slip: most likely a percentage was meant. */
function limitHere(text: string): MaxCpu {
  const limit = parseMaxCpu(text);
  const all = availableParallelism();
  if (!('cores' in limit) || limit.cores <= all) return limit;
  throw new HostarkError('usage', `--max-cpu: expected at most the ${all} cores of this machine, got ${text}`, {
    hint: `--max-cpu ${Math.min(100, limit.cores)}% is a share of all cores`,
  });
}
