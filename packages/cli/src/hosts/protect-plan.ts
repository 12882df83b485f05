/** What a backup of a host would do, as data and as lines for people. */
import { describeMaxCpu } from '../repository/max-cpu.ts';
import type { ProtectRequest } from './protect.ts';

/** Plain JSON. Commands stand in it as they were given: they are the caller's own words. */
export interface ProtectPlan extends Omit<ProtectRequest, 'onRecoveryKey'> {
  readonly kind: 'protect';
  readonly host: string;
  readonly instanceId: string;
  /** In restic's notation. */
  readonly repository: string;
  readonly createsRepository: boolean;
}

export function describeProtect(plan: ProtectPlan): string[] {
  const { hooks, freeze, stream, rates, maxCpu, priority } = plan;
  const onHost = `on ${plan.host} (${plan.instanceId})`;
  const kib = (bps: number | undefined): string => (bps === undefined ? 'no limit' : `${Math.round(bps / 1024)} KiB/s`);
  return [
    ...(plan.createsRepository ? [`would create the repository ${plan.repository} and show a recovery key`] : []),
    `would bring the agent ${onHost} unless it is there`,
    ...(hooks?.pre === undefined ? [] : [`would run before, at most ${hooks.timeoutSeconds} s: ${hooks.pre}`]),
    ...(freeze === undefined
      ? []
      : [`would freeze ${freeze.mounts.join(' ')} while it reads, at most ${freeze.timeoutSeconds} s: writers wait`]),
    stream === undefined
      ? `would save ${plan.targets.join(' ')} ${onHost} into ${plan.repository}`
      : `would save what this prints ${onHost} as ${stream.filename} into ${plan.repository}: ${stream.command}`,
    ...(hooks?.post === undefined
      ? []
      : [`would run after, whatever happened, at most ${hooks.timeoutSeconds} s: ${hooks.post}`]),
    ...(rates === undefined ? [] : [`limits: upload ${kib(rates.uploadBps)}, download ${kib(rates.downloadBps)}`]),
    ...(maxCpu === undefined ? [] : [`limit: CPU time of ${describeMaxCpu(maxCpu)}`]),
    ...(priority === undefined
      ? []
      : [`priority: nice ${priority.cpu ?? 10}, disk class ${priority.io ?? 'best-effort'}`]),
  ];
}
