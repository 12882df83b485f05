/**
 * Times as a tree has them: RFC3339Nano with the offset of the local zone at that instant. Reading accepts what
 * readInstant() of the repository package accepts; writing gives what its writeInstant() gives.
 */

import { two } from './tree-text';

/** Returns the zone's offset in minutes for all of a day (of UTC, since 1970), or MIXED. */
// @ts-ignore: decorator
@external("js", "offsetOfDay")
declare function offsetOfDay(day: i32): i32;
/** Returns the zone's offset in minutes at a time, in seconds since 1970. */
// @ts-ignore: decorator
@external("js", "offsetAt")
declare function offsetAt(seconds: f64): i32;

/** The offset changes within the day. */
const MIXED: i32 = i32.MAX_VALUE;
/** Offsets of days, 8 bytes each: the day with its sign bit turned (so that 0 is none), and the offset. */
const DAYS: usize = 12_288;
const DAY_SLOTS: i32 = 1024;
/** The text of the date written last. */
const DATE: usize = 1008;

/** Times that are written here: the years 1 to 9998 and most of 9999, in every zone. */
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_128_000;

const DAY_SECONDS: i64 = 86_400;

let dateDay: i32 = i32.MIN_VALUE;

/** What readTime() found. */
export let readSeconds: i64 = 0;
export let readNanos: u32 = 0;

/** Returns whether a time can be written. */
// @ts-ignore: decorator
@inline
export function isPlainTime(seconds: i64): bool {
  return seconds >= FIRST_SECOND && seconds < LAST_SECOND;
}

// @ts-ignore: decorator
@inline
function dayOf(seconds: i64): i32 {
  const day = seconds / DAY_SECONDS;
  return <i32>(seconds % DAY_SECONDS < 0 ? day - 1 : day);
}

function offsetOf(seconds: i64): i32 {
  const day = dayOf(seconds);
  const slot = DAYS + ((<usize>(day & (DAY_SLOTS - 1))) << 3);
  const key = day ^ i32.MIN_VALUE;
  if (load<i32>(slot) != key) {
    store<i32>(slot, key);
    store<i32>(slot, offsetOfDay(day), 4);
  }
  const offset = load<i32>(slot, 4);
  return offset == MIXED ? offsetAt(<f64>seconds) : offset;
}

/** Writes a plain time, without quotes. */
export function writeTime(at: usize, seconds: i64, nanos: u32): usize {
  const offset = offsetOf(seconds);
  const local = seconds + <i64>(offset * 60);
  const day = dayOf(local);
  if (day != dateDay) renderDate(day);
  store<u64>(at, load<u64>(DATE));
  store<u64>(at, load<u64>(DATE, 8), 8);
  const second = <u32>(local - <i64>day * DAY_SECONDS);
  const minute = second / 60;
  const hour = minute / 60;
  two(at + 11, hour);
  store<u8>(at, 0x3a, 13);
  two(at + 14, minute - hour * 60);
  store<u8>(at, 0x3a, 16);
  two(at + 17, second - minute * 60);
  at += 19;
  if (nanos) at = fraction(at, nanos);
  if (!offset) {
    store<u8>(at, 0x5a);
    return at + 1;
  }
  const size = <u32>abs(offset);
  store<u8>(at, offset < 0 ? 0x2d : 0x2b);
  two(at + 1, size / 60);
  store<u8>(at, 0x3a, 3);
  two(at + 4, size % 60);
  return at + 6;
}

/** Nine digits after a point, without the zeros at the end. */
function fraction(at: usize, nanos: u32): usize {
  store<u8>(at, 0x2e);
  let rest = nanos;
  for (let to = at + 9; to > at; to--) {
    const next = rest / 10;
    store<u8>(to, rest - next * 10 + 0x30);
    rest = next;
  }
  let end = at + 9;
  while (load<u8>(end) == 0x30) end--;
  return end + 1;
}

/** The civil date of a day since 1970-01-01 (proleptic Gregorian), as `YYYY-MM-DDT`. */
function renderDate(day: i32): void {
  const shifted = day + 719_468;
  const era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097;
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const shiftedMonth = (5 * dayOfYear + 2) / 153;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = <u32>(yearOfEra + era * 400 + (month <= 2 ? 1 : 0));
  two(DATE, year / 100);
  two(DATE + 2, year % 100);
  store<u8>(DATE, 0x2d, 4);
  two(DATE + 5, month);
  store<u8>(DATE, 0x2d, 7);
  two(DATE + 8, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1);
  store<u8>(DATE, 0x54, 10);
  dateDay = day;
}

/** Returns two digits as a number, or something far above every number of a date. */
// @ts-ignore: decorator
@inline
function readTwo(at: usize): u32 {
  const high = <u32>load<u8>(at) - 0x30;
  const low = <u32>load<u8>(at, 1) - 0x30;
  return high > 9 || low > 9 ? 0x10000 : high * 10 + low;
}

function daysIn(year: u32, month: u32): u32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  if (month < 1 || month > 12) return 0;
  return 30 + ((month + (month >> 3)) & 1);
}

function daysFromCivil(year: i32, month: i32, day: i32): i64 {
  const y = month <= 2 ? year - 1 : year;
  const era = (y >= 0 ? y : y - 399) / 400;
  const yearOfEra = y - era * 400;
  const dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468;
}

/** Reads the time that a quote ends; leaves it in readSeconds and readNanos. Returns the position after the quote, or 0. */
export function readTime(from: usize): usize {
  const century = readTwo(from);
  const yearOfCentury = readTwo(from + 2);
  const month = readTwo(from + 5);
  const day = readTwo(from + 8);
  const hour = readTwo(from + 11);
  const minute = readTwo(from + 14);
  const second = readTwo(from + 17);
  if ((century | yearOfCentury | month | day | hour | minute | second) >= 0x10000) return 0;
  const year = century * 100 + yearOfCentury;
  if (load<u8>(from, 4) != 0x2d || load<u8>(from, 7) != 0x2d || load<u8>(from, 10) != 0x54) return 0;
  if (load<u8>(from, 13) != 0x3a || load<u8>(from, 16) != 0x3a) return 0;
  if (day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) return 0;
  let at = from + 19;
  let nanos: u32 = 0;
  if (load<u8>(at) == 0x2e) {
    let unit: u32 = 100_000_000;
    const start = ++at;
    for (;;) {
      const digit = <u32>load<u8>(at) - 0x30;
      if (digit > 9) break;
      nanos += digit * unit;
      unit /= 10;
      at++;
    }
    if (at == start) return 0;
  }
  let offset: i64 = 0;
  const zone = load<u8>(at);
  if (zone == 0x5a) at++;
  else {
    const hours = readTwo(at + 1);
    const minutes = readTwo(at + 4);
    if ((zone != 0x2b && zone != 0x2d) || load<u8>(at, 3) != 0x3a || hours > 24 || minutes > 59) return 0;
    offset = <i64>(hours * 60 + minutes) * (zone == 0x2d ? -60 : 60);
    at += 6;
  }
  if (load<u8>(at) != 0x22) return 0;
  readSeconds = daysFromCivil(year, month, day) * DAY_SECONDS + <i64>(hour * 3600 + minute * 60 + second) - offset;
  readNanos = nanos;
  return at + 1;
}
