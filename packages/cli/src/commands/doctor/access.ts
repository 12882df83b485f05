/** Credentials, region, endpoint and rights: what every call to the cloud stands on. */
import { checkPermissions, credentialFacts } from '@hostark/cloud';
import type { Check, CheckResult, Examination } from './check.ts';

/** Less than this is told: a backup takes longer. */
const SOON_MS = 30 * 60_000;

export const place: Check = {
  name: 'region and endpoint',
  opensCloud: true,
  needsCloud: true,
  async run({ cloud }: Examination) {
    const { region, endpoint } = (await cloud()).clients;
    return { state: 'ok', found: `${region}, ${endpoint ?? 'AWS'}` };
  },
};

export const credentials: Check = {
  name: 'credentials',
  opensCloud: true,
  needsCloud: true,
  async run({ cloud }: Examination) {
    const { clients } = await cloud();
    const { source, expires } = await credentialFacts(clients);
    const { arn } = await clients.caller();
    return expiry(`${arn}, from ${source ?? 'a source that the SDK does not name'}`, expires, Date.now());
  },
};

/** Pure, for tests. */
export function expiry(who: string, expires: string | null, now: number): CheckResult {
  if (expires === null) return { state: 'ok', found: `${who}; they do not expire` };
  const left = Date.parse(expires) - now;
  const minutes = Math.max(0, Math.floor(left / 60_000));
  if (left > SOON_MS) return { state: 'ok', found: `${who}; until ${expires}` };
  return {
    state: left > 0 ? 'warning' : 'problem',
    found: `${who}; ${left > 0 ? `${minutes} minutes left` : `expired at ${expires}`}`,
    fix: 'sign in again (aws sso login), or let the profile assume its role anew',
  };
}

export const permissions: Check = {
  name: 'permissions',
  needsCloud: true,
  async run({ cloud }: Examination) {
    const { clients, signal } = await cloud();
    const { how, denied, asked } = await checkPermissions(clients, { signal });
    const told = how === 'simulated' ? 'IAM says' : 'found by lists and dry runs, since IAM may not be asked';
    if (denied.length === 0) return { state: 'ok', found: `all ${asked} actions allowed (${told})` };
    return {
      state: 'problem',
      found: `denied: ${denied.join(', ')} (${told})`,
      fix: 'let the policies of the user or role allow these, or use a profile that may',
    };
  },
};
