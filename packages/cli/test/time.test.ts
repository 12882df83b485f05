import { expect, test } from 'vitest';
import { parseTime } from '../src/repository/time.ts';

const utc = (...parts: [number, number, number, number?, number?, number?]): bigint =>
  BigInt(Date.UTC(...parts)) * 1_000_000n;
const local = (...parts: [number, number, number, number?, number?, number?]): bigint =>
  BigInt(new Date(parts[0], parts[1], parts[2], parts[3] ?? 0, parts[4] ?? 0, parts[5] ?? 0).getTime()) * 1_000_000n;

test.each([
  ['2020-02-29', local(2020, 1, 29)],
  ['2020-02-29 12:34', local(2020, 1, 29, 12, 34)],
  ['2020-02-29T12:34:56', local(2020, 1, 29, 12, 34, 56)],
  ['29.02.2020', local(2020, 1, 29)],
  ['29.02.2020 12:34:56', local(2020, 1, 29, 12, 34, 56)],
  ['2020-02-29 12:34:56 +0130', utc(2020, 1, 29, 11, 4, 56)],
  ['2020-02-29 12:34:56 -0700', utc(2020, 1, 29, 19, 34, 56)],
  ['2020-02-29T12:34:56Z', utc(2020, 1, 29, 12, 34, 56)],
  ['29.02.2020 12:34 UTC', utc(2020, 1, 29, 12, 34)],
])('%s is read', (text, ns) => {
  expect(parseTime(text, '--time').ns).toBe(ns);
});

test.each(['', 'yesterday', '2020-02-30', '2020-13-01', '2020-01-01 24:00', '2020-01-01 10:60', '1.2.2020'])(
  '%s is refused',
  (text) => {
    expect(() => parseTime(text, '--oldest')).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining('--oldest') }),
    );
  },
);
