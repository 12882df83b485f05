/** This machine's clock beside the service's: AWS refuses signatures that are 15 minutes off. */
import { clockSkewMs } from '@hostark/cloud';
import type { Check, CheckResult, Examination } from './check.ts';

const REFUSED_MS = 15 * 60_000;
const TOLD_MS = 60_000;

export const clock: Check = {
  name: 'clock',
  needsCloud: true,
  async run({ cloud }: Examination) {
    const { clients, signal } = await cloud();
    return clockResult(await clockSkewMs(clients, { signal }));
  },
};

/** Pure, for tests. */
export function clockResult(skewMs: number | null): CheckResult {
  if (skewMs === null) return { state: 'skipped', found: 'the service did not say what time it is' };
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const found = `${seconds} s ${skewMs < 0 ? 'behind' : 'ahead of'} the service`;
  if (Math.abs(skewMs) < TOLD_MS) return { state: 'ok', found };
  const state = Math.abs(skewMs) < REFUSED_MS / 2 ? 'warning' : 'problem';
  return { state, found, fix: 'set the clock: systemctl enable --now systemd-timesyncd, or chronyc makestep' };
}
