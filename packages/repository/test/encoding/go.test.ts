import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../src/encoding/byte-writer.ts';
import { textOf, utf8 } from '../../src/encoding/bytes.ts';
import { formatInstant, parseInstant } from '../../src/encoding/instant-text.ts';
import { JsonReader } from '../../src/encoding/json-read.ts';
import { writeJsonBytes, writeJsonName } from '../../src/encoding/json-write.ts';
import { goQuote, goUnquote } from '../../src/encoding/quote.ts';
import { goText, isUtf8 } from '../../src/encoding/runes.ts';
import { epochSeconds, localInstant, systemZone, utcZone, ZERO_INSTANT } from '../../src/encoding/time.ts';

/** What Go printed; see the note inside. */
const vectors = JSON.parse(readFileSync(new URL('../fixtures/go-vectors.json', import.meta.url), 'utf8')) as {
  quotedRunesSha256: string;
  strings: { hex: string; name: string; text: string }[];
  times: { seconds: number; nanos: number; offset: number; text: string }[];
};

const SEED = { seed: 20260801, numRuns: 500 };

function written(write: (out: ByteWriter) => void): string {
  const out = new ByteWriter(1);
  write(out);
  return textOf(out.take());
}

describe('quoting', () => {
  test('agrees with Go about every code point', () => {
    const hash = createHash('sha256');
    for (let block = 0; block <= 0x10ffff; block += 0x1000) {
      const runes = Array.from({ length: 0x1000 }, (_, i) => block + i).filter(
        (rune) => rune < 0xd800 || rune >= 0xe000,
      );
      const text = runes.map((rune) => String.fromCodePoint(rune)).join('');
      hash.update('"');
      hash.update(goQuote(utf8(text)));
      hash.update('"');
    }
    expect(hash.digest('hex')).toBe(vectors.quotedRunesSha256);
  });

  test('writes names and texts as Go writes them', () => {
    for (const { hex, name, text } of vectors.strings) {
      const bytes = Buffer.from(hex, 'hex');
      expect(written((out) => writeJsonName(out, bytes))).toBe(name);
      expect(written((out) => writeJsonBytes(out, bytes))).toBe(text);
    }
  });

  test('reads back every byte string that it wrote', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const quoted = goQuote(bytes);
        expect(isUtf8(quoted)).toBe(true);
        expect(goUnquote(quoted)).toEqual(bytes);
      }),
      SEED,
    );
  });

  test.each(['"', 'a\nb', '\\', '\\q', "\\'", '\\x4', '\\xzz', '\\u12', '\\ud800', '\\U00110000', '\\400', '\\08'])(
    'refuses %j as Go does',
    (quoted) => {
      expect(goUnquote(utf8(quoted))).toBeNull();
    },
  );

  test('reads octal escapes as bytes', () => {
    expect(goUnquote(utf8('\\101\\377'))).toEqual(new Uint8Array([0x41, 0xff]));
  });
});

describe('JSON strings', () => {
  test('come back as Go would read them: invalid bytes as U+FFFD', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const json = new JsonReader(utf8(written((out) => writeJsonBytes(out, bytes))));
        json.string();
        expect(textOf(json.value())).toBe(goText(bytes));
        json.end();
      }),
      SEED,
    );
  });

  test('agree with JSON.parse on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) => {
        const json = new JsonReader(utf8(JSON.stringify(text)));
        json.string();
        expect(json.text()).toBe(textOf(utf8(text)));
      }),
      SEED,
    );
  });
});

describe('a JSON reader', () => {
  test('accepts and refuses what JSON.parse accepts and refuses', () => {
    const text = fc.oneof(
      fc.json(),
      fc.string({ unit: fc.constantFrom(...'{}[]",:0123.eE+-truefalsn \\u/\t'), maxLength: 12 }),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        const accepts = (parse: () => void): boolean => {
          try {
            parse();
            return true;
          } catch {
            return false;
          }
        };
        const read = (): void => {
          const json = new JsonReader(utf8(candidate));
          json.skip();
          json.end();
        };
        expect(accepts(read)).toBe(accepts(() => JSON.parse(candidate)));
      }),
      { ...SEED, numRuns: 3000 },
    );
  });

  test('keeps 64-bit integers exact', () => {
    for (const value of [0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n, 999999999999999n, 1000000000000000n]) {
      expect(new JsonReader(utf8(String(value))).uint64()).toBe(value);
      expect(written((out) => out.decimal64(value))).toBe(String(value));
    }
  });

  test.each(['18446744073709551616', '-1', '1.0', '1e3', '01', '', 'x'])('refuses %j as a 64-bit integer', (text) => {
    expect(() => new JsonReader(utf8(text)).uint64()).toThrow(SyntaxError);
  });

  test('refuses nesting that would exhaust the stack', () => {
    expect(() => new JsonReader(utf8('['.repeat(100_000))).skip()).toThrow(SyntaxError);
  });
});

describe('instants', () => {
  test('are written and read as Go does', () => {
    expect(vectors.times.length).toBeGreaterThan(150);
    for (const { seconds, nanos, offset, text } of vectors.times) {
      const instant = { ns: BigInt(seconds) * 1_000_000_000n + BigInt(nanos), offsetMinutes: offset };
      expect(formatInstant(instant)).toBe(text);
      expect(parseInstant(text)).toEqual(instant);
      expect(epochSeconds(instant)).toBe(seconds);
    }
  });

  test('round trip over the whole range that the format knows', () => {
    const ns = fc.bigInt({ min: ZERO_INSTANT.ns, max: 253402128000n * 1_000_000_000n });
    fc.assert(
      fc.property(ns, fc.integer({ min: -840, max: 840 }), (value, offsetMinutes) => {
        const instant = { ns: value + 86_400_000_000_000n, offsetMinutes };
        expect(parseInstant(formatInstant(instant))).toEqual(instant);
      }),
      SEED,
    );
  });

  test('around the ends of 63-bit nanoseconds and of seconds are exact', () => {
    for (const base of [0n, 2n ** 63n, -(2n ** 63n), 2n ** 33n * 1_000_000_000n, -(2n ** 33n) * 1_000_000_000n]) {
      for (const step of [-1_000_000_001n, -1_000_000_000n, -999_999_999n, -1n, 0n, 1n, 999_999_999n, 1_000_000_000n]) {
        const instant = { ns: base + step, offsetMinutes: 0 };
        expect(parseInstant(formatInstant(instant))).toEqual(instant);
      }
    }
  });

  test.each([
    '2024-02-30T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2024-13-01T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:00:60Z',
    '2024-01-01 00:00:00Z',
    '2024-01-01T00:00:00',
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00+0100',
    '24-01-01T00:00:00Z',
    '',
  ])('refuse %j', (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  test('drop digits below nanoseconds and take +00:00 for Z', () => {
    expect(parseInstant('1970-01-01T00:00:00.1234567899+00:00')).toEqual({ ns: 123_456_789n, offsetMinutes: 0 });
  });

  test('outside the years 0 to 9999 are moved inside, as restic moves them', () => {
    expect(formatInstant(localInstant(10n ** 21n, utcZone))).toMatch(/^9999-/);
    expect(formatInstant(localInstant(-(10n ** 21n), utcZone))).toMatch(/^0000-/);
  });

  test('take the offset that the zone has at that time', () => {
    const july = 1_720_000_000;
    const zone = (seconds: number): number => (seconds === july ? 120 : 60);
    expect(formatInstant(localInstant(BigInt(july) * 1_000_000_000n, zone))).toBe('2024-07-03T11:46:40+02:00');
    expect(formatInstant(localInstant(BigInt(july + 1) * 1_000_000_000n, zone))).toBe('2024-07-03T10:46:41+01:00');
    expect(systemZone(july)).toBe(0 - new Date(july * 1000).getTimezoneOffset());
  });
});
