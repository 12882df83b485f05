/** Times that users type, in restic's notation. */
import { HostarkError } from '@hostark/protocol';
import { type Instant, localInstant, systemZone } from '@hostark/repository';

const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?$/;

/** Returns the instant of `2006-01-02 15:04:05` in the local zone, or of `now`. Throws 'usage' for anything else. */
export function parseTime(text: string, flag: string): Instant {
  if (text === 'now') return localInstant(BigInt(Date.now()) * 1_000_000n, systemZone);
  const match = TIME.exec(text);
  const [year, month, day, hour, minute, second] = (match ?? []).slice(1).map((part) => Number(part ?? 0));
  const date = new Date(year ?? Number.NaN, (month ?? 0) - 1, day, hour, minute, second);
  if (match === null || date.getMonth() !== month! - 1 || date.getDate() !== day) {
    throw new HostarkError(
      'usage',
      `${flag}: expected a time such as '2006-01-02 15:04:05', got ${JSON.stringify(text)}`,
    );
  }
  return localInstant(BigInt(date.getTime()) * 1_000_000n, systemZone);
}
