/** Prices and ages of volumes as people read them. */
import type { VolumePrice } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';

/** Dollars, or that they are not known. */
export function dollars(amount: number | null): string {
  if (amount === null) return 'not known';
  return amount > 0 && amount < 0.01 ? 'under $0.01' : `$${amount.toFixed(2)}`;
}

export function priceLine(price: VolumePrice, bound = 'at most '): string {
  const once =
    price.once === 0
      ? ''
      : `, and once ${price.once === null ? 'not known' : `${bound}${dollars(price.once)}`} for the transfer`;
  const monthly = price.monthly === null ? 'price not known' : `${bound}${dollars(price.monthly)} a month`;
  return `${monthly}${once} (prices of ${price.asOf})`;
}

/** `5 min`, `3 h`, `12 d`: how long ago. */
export function age(since: string, now: number = Date.now()): string {
  const minutes = Math.max(0, Math.floor((now - Date.parse(since)) / 60_000));
  if (Number.isNaN(minutes)) return '-';
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2 * 1440 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
}

const HOURS: Readonly<Record<string, number>> = { y: 365 * 24, m: 30 * 24, w: 7 * 24, d: 24, h: 1 };

/** restic's notation for keep rules: `30d`, `1y6m`, `36h`. Returns milliseconds; throws 'usage'. */
export function keepDuration(text: string, flag: string): number {
  const parts = [...text.matchAll(/(\d+)([ymwdh])/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    throw new HostarkError(
      'usage',
      `${flag}: expected a duration such as 30d, 12h or 1y6m, got ${JSON.stringify(text)}`,
    );
  }
  return parts.reduce((sum, part) => sum + Number(part[1]) * HOURS[part[2]!]! * 3_600_000, 0);
}
