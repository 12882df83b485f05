/** Times that users type, in restic's notations. */
import { HostarkError } from '@hostark/protocol';
import { type Instant, localInstant, systemZone } from '@hostark/repository';

const CLOCK = '(?:[ T](\\d\\d):(\\d\\d)(?::(\\d\\d))?(?: ?([+-])(\\d\\d):?(\\d\\d)|( ?(?:Z|UTC)))?)?';
const YEAR_FIRST = new RegExp(`^(\\d{4})-(\\d\\d)-(\\d\\d)${CLOCK}$`);
const DAY_FIRST = new RegExp(`^(\\d\\d)\\.(\\d\\d)\\.(\\d{4})${CLOCK}$`);

/**
 * Returns the instant of `2006-01-02 15:04:05` or `02.01.2006 15:04:05`, which may be cut after the date or the minutes and
 * may end in an offset such as +0200 or in UTC; without one it is in the local zone. Also of `now`. Throws 'usage' for
 * anything else.
 */
export function parseTime(text: string, flag: string): Instant {
  if (text === 'now') return localInstant(BigInt(Date.now()) * 1_000_000n, systemZone);
  const match = YEAR_FIRST.exec(text) ?? dayFirst(text);
  const milliseconds = match === null ? null : epochMilliseconds(match);
  if (milliseconds === null) {
    throw new HostarkError(
      'usage',
      `${flag}: expected a time such as '2006-01-02 15:04:05', got ${JSON.stringify(text)}`,
    );
  }
  return localInstant(BigInt(milliseconds) * 1_000_000n, systemZone);
}

/** The parts in the order of the other notation. */
function dayFirst(text: string): (string | undefined)[] | null {
  const match = DAY_FIRST.exec(text);
  return match === null ? null : [match[0], match[3], match[2], match[1], ...match.slice(4)];
}

/** Returns null for a date that no calendar has. */
function epochMilliseconds(match: readonly (string | undefined)[]): number | null {
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [sign, hours, minutes, utc] = match.slice(7);
  const asUtc = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  if (asUtc.getUTCMonth() !== month - 1 || asUtc.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
    return null;
  }
  if (sign === undefined && utc === undefined) return new Date(year, month - 1, day, hour, minute, second).getTime();
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * (sign === '-' ? -1 : 1);
  return asUtc.getTime() - offset * 60_000;
}
