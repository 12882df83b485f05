/**
 * Points in time as the format stores them: nanoseconds since 1970 with the UTC offset they were written in, and their
 * text form, Go's RFC3339Nano (fraction without trailing zeros, `Z` for offset 0). The offset is part of a tree's id.
 */
import type { ByteWriter } from './byte-writer.ts';

/** A point in time. `ns` counts from 1970-01-01T00:00:00Z; `offsetMinutes` is east of Greenwich. */
export interface Instant {
  readonly ns: bigint;
  readonly offsetMinutes: number;
}

/** Returns the offset of the local zone, in minutes east, that is in force at a time (seconds since 1970). */
export type ZoneOffset = (epochSeconds: number) => number;

/** The zone without offsets: everything ends in `Z`. */
export const utcZone: ZoneOffset = () => 0;

/** The zone of this process, daylight saving included. Seconds of old local mean times are dropped, as Go does. */
export const systemZone: ZoneOffset = (epochSeconds) => {
  const minutes = new Date(epochSeconds * 1000).getTimezoneOffset();
  return minutes === 0 || Number.isNaN(minutes) ? 0 : -Math.trunc(minutes);
};

const NS = 1_000_000_000n;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** Go's zero time: what a missing time field means. */
export const ZERO_INSTANT: Instant = { ns: -62135596800n * NS, offsetMinutes: 0 };

// One 64-bit cell seen as bigint and as two halves (little endian): bigints are made and taken apart without arithmetic.
const cell = new BigInt64Array(1);
const halves = new Int32Array(cell.buffer);

/** Splits nanoseconds; results are left in these two, so that nothing is allocated. */
let splitSeconds = 0;
let splitNanos = 0;

function split(ns: bigint): void {
  if (ns < MIN_INT64 || ns > MAX_INT64) {
    const nanos = ((ns % NS) + NS) % NS;
    splitSeconds = Number((ns - nanos) / NS);
    splitNanos = Number(nanos);
    return;
  }
  cell[0] = ns;
  const low = halves[0]!;
  let seconds = Math.floor((halves[1]! * 4294967296 + (low >>> 0)) / 1e9);
  // The quotient of doubles may be off by one; the remainder modulo 2^32 tells.
  let nanos = (low - Math.imul(seconds | 0, 1_000_000_000)) | 0;
  if (nanos < 0) {
    nanos += 1_000_000_000;
    seconds--;
  } else if (nanos >= 1_000_000_000) {
    nanos -= 1_000_000_000;
    seconds++;
  }
  splitSeconds = seconds;
  splitNanos = nanos;
}

function join(seconds: number, nanos: number): bigint {
  // 2^33 seconds times 10^9 still fits 63 bits.
  if (seconds > 8589934591 || seconds < -8589934592) return BigInt(seconds) * NS + BigInt(nanos);
  const high = Math.floor(seconds / 65536) * 1_000_000_000;
  const low = (seconds - Math.floor(seconds / 65536) * 65536) * 1_000_000_000 + nanos;
  // value = high * 2^16 + low, both below 2^53.
  const lowSum = (high % 65536) * 65536 + low;
  const carry = Math.floor(lowSum / 4294967296);
  halves[0] = lowSum - carry * 4294967296;
  halves[1] = (high - (high % 65536)) / 65536 + carry;
  return cell[0]!;
}

/** Returns the seconds since 1970, rounded down. */
export function epochSeconds(instant: Instant): number {
  split(instant.ns);
  return splitSeconds;
}

/** Days since 1970-01-01 of a date in the proleptic Gregorian calendar. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468;
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719468;
  const era = Math.floor(shifted / 146097);
  const dayOfEra = shifted - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** Returns `ns` with the offset that `zone` has then. Years outside 0 to 9999 are moved inside, as restic's FixTime does. */
export function localInstant(ns: bigint, zone: ZoneOffset): Instant {
  split(ns);
  const offsetMinutes = zone(splitSeconds);
  const local = splitSeconds + offsetMinutes * 60;
  const days = Math.floor(local / 86400);
  // -719528 and 2932896 are the days of 0000-01-01 and 9999-12-31.
  if (days >= -719528 && days <= 2932896) return { ns, offsetMinutes };
  const date = civilFromDays(days);
  const inside = daysFromCivil(date.year < 0 ? 0 : 9999, date.month, date.day);
  return { ns: join(splitSeconds + (inside - days) * 86400, splitNanos), offsetMinutes };
}

/** The text of the last date written: neighbours in a tree are often of one day. */
let lastDay = Number.NaN;
const lastDate = new Uint8Array(11);

function renderDate(days: number): void {
  const { year, month, day } = civilFromDays(days);
  if (year < 0 || year > 9999) throw new RangeError(`time: expected a year from 0 to 9999, got ${year}`);
  const text = `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T`;
  for (let i = 0; i < 11; i++) lastDate[i] = text.charCodeAt(i);
  lastDay = days;
}

/** Appends an instant as RFC3339Nano, without quotes. Throws RangeError for a year outside 0 to 9999. */
export function writeInstant(out: ByteWriter, instant: Instant): void {
  split(instant.ns);
  const { offsetMinutes } = instant;
  const local = splitSeconds + offsetMinutes * 60;
  const days = Math.floor(local / 86400);
  if (days !== lastDay) renderDate(days);
  out.bytes(lastDate);
  const second = local - days * 86400;
  const minute = (second / 60) | 0;
  const hour = (minute / 60) | 0;
  out.padded(hour, 2);
  out.byte(0x3a);
  out.padded(minute - hour * 60, 2);
  out.byte(0x3a);
  out.padded(second - minute * 60, 2);
  if (splitNanos !== 0) {
    out.byte(0x2e);
    out.padded(splitNanos, 9);
    while (out.buffer[out.length - 1] === 0x30) out.length--;
  }
  if (offsetMinutes === 0) {
    out.byte(0x5a);
    return;
  }
  const east = Math.abs(offsetMinutes);
  out.byte(offsetMinutes < 0 ? 0x2d : 0x2b);
  out.padded((east / 60) | 0, 2);
  out.byte(0x3a);
  out.padded(east % 60, 2);
}

function two(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! - 0x30;
  const low = bytes[at + 1]! - 0x30;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : -1;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}

/** Reads RFC 3339 text from `from` to `to`; digits below nanoseconds are dropped. Returns null for anything else. */
export function readInstant(bytes: Uint8Array, from: number, to: number): Instant | null {
  if (to - from < 20) return null;
  const century = two(bytes, from);
  const yearOfCentury = two(bytes, from + 2);
  const month = two(bytes, from + 5);
  const day = two(bytes, from + 8);
  const hour = two(bytes, from + 11);
  const minute = two(bytes, from + 14);
  const second = two(bytes, from + 17);
  if ((century | yearOfCentury | month | day | hour | minute | second) < 0) return null;
  const year = century * 100 + yearOfCentury;
  const punctuated =
    bytes[from + 4] === 0x2d &&
    bytes[from + 7] === 0x2d &&
    bytes[from + 10] === 0x54 &&
    bytes[from + 13] === 0x3a &&
    bytes[from + 16] === 0x3a;
  if (!punctuated || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) return null;
  let at = from + 19;
  let nanos = 0;
  if (bytes[at] === 0x2e) {
    at++;
    const start = at;
    for (let unit = 100_000_000; at < to; at++, unit /= 10) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) break;
      if (unit >= 1) nanos += digit * unit;
    }
    if (at === start) return null;
  }
  let offsetMinutes = 0;
  const zone = bytes[at];
  if (zone === 0x5a) {
    if (at + 1 !== to) return null;
  } else {
    if ((zone !== 0x2b && zone !== 0x2d) || at + 6 !== to || bytes[at + 3] !== 0x3a) return null;
    const hours = two(bytes, at + 1);
    const minutes = two(bytes, at + 4);
    if ((hours | minutes) < 0 || hours > 24 || minutes > 59) return null;
    const east = hours * 60 + minutes;
    offsetMinutes = zone === 0x2d && east !== 0 ? -east : east;
  }
  const seconds = daysFromCivil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offsetMinutes * 60;
  return { ns: join(seconds, nanos), offsetMinutes };
}
