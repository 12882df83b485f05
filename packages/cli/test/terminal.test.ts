import type { ProgressEvent } from '@hostark/protocol';
import { HostarkError } from '@hostark/protocol';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatRemaining, formatSeconds, plural } from '../src/terminal/format.ts';
import { Output, stringifyExact } from '../src/terminal/output.ts';
import { progressLine, RateEstimate } from '../src/terminal/progress.ts';
import { table } from '../src/terminal/table.ts';
import { capturedIo } from './io.ts';

const event = (part: Partial<ProgressEvent>): ProgressEvent => ({
  type: 'progress',
  phase: 'backup',
  filesDone: 0,
  filesTotal: null,
  bytesDone: 0,
  bytesTotal: null,
  errors: 0,
  current: [],
  ...part,
});

describe('numbers', () => {
  test('sizes have three digits and never say 1024 of a unit', () => {
    const sizes = [0, 1, 1023, 1024, 1536, 10 * 1024, 1024 * 1024 - 1, 1 << 20, 3.5 * 2 ** 30];
    expect(sizes.map(formatBytes)).toEqual([
      '0 B',
      '1 B',
      '1023 B',
      '1.00 KiB',
      '1.50 KiB',
      '10.0 KiB',
      '1.00 MiB',
      '1.00 MiB',
      '3.50 GiB',
    ]);
  });
  test('durations and counts read as people say them', () => {
    expect([0.44, 59.9, 65, 3725].map(formatSeconds)).toEqual(['0.4 s', '59.9 s', '1:05', '1:02:05']);
    expect([plural(1, 'file'), plural(53000, 'file')]).toEqual(['1 file', '53,000 files']);
  });
  test('a remaining time is never zero', () => {
    expect([0, 5, 42, 700, 9000].map(formatRemaining)).toEqual([
      'a few seconds',
      'a few seconds',
      'about 50 s',
      'about 12 min',
      'about 2.5 h',
    ]);
  });
});

describe('progress', () => {
  test('while the total is unknown there is no percentage', () => {
    expect(progressLine(event({ filesDone: 3, bytesDone: 2048 }), new RateEstimate(), 80)).toBe(
      'backup: 3 files, 2.00 KiB, scanning',
    );
  });
  test('an estimate is hidden for 15 seconds and below two percent', () => {
    const rate = new RateEstimate();
    rate.add(0, 0);
    rate.add(10_000, 500);
    expect(rate.secondsLeft(1000)).toBeNull();
    rate.add(20_000, 600);
    expect(rate.secondsLeft(100_000)).toBeNull();
    expect(rate.secondsLeft(1200)).toBeCloseTo(20);
  });
  test('the line never exceeds the terminal', () => {
    const long = event({ bytesDone: 1, bytesTotal: 2, current: [`/${'x'.repeat(500)}`] });
    expect(progressLine(long, new RateEstimate(), 60).length).toBeLessThan(60);
  });
});

describe('output', () => {
  test('with --json stdout holds JSON lines alone, and big numbers stay exact', () => {
    const io = capturedIo();
    const out = new Output(io, { json: true, quiet: false, verbose: 0 });
    out.print('for people');
    out.say('for people');
    out.data({ inode: 18446744073709551615n });
    expect(io.out()).toBe('{"inode":18446744073709551615}\n');
  });
  test('an error says what to do next, and no stack trace comes without -v', () => {
    const io = capturedIo();
    new Output(io, { json: false, quiet: true, verbose: 0 }).failure(
      new HostarkError('locked', 'locked by pid 4', { hint: 'run `hostark unlock`' }),
      11,
    );
    expect(io.err()).toBe('hostark: locked by pid 4\nhint: run `hostark unlock`\n');
  });
  test("with --json an error is restic's exit_error with our code and hint beside it", () => {
    const io = capturedIo();
    new Output(io, { json: true, quiet: false, verbose: 0 }).failure(
      new HostarkError('locked', 'locked', { hint: 'wait' }),
      11,
    );
    expect(JSON.parse(io.err())).toMatchObject({
      message_type: 'exit_error',
      code: 11,
      message: 'locked',
      error_code: 'locked',
      hint: 'wait',
    });
  });
  test('without a terminal progress is silent at first, not a flood of lines', () => {
    const io = capturedIo();
    const out = new Output(io, { json: false, quiet: false, verbose: 0 });
    for (let i = 0; i < 100; i++) out.event(event({ bytesDone: i }));
    expect(io.err()).toBe('');
  });
  test('what a host or a file name says cannot steer the terminal', () => {
    const io = capturedIo();
    const out = new Output(io, { json: false, quiet: false, verbose: 1 });
    const evil = 'a\x1b]0;title\x07b\x9b2Jc\rd\u{7f}';
    out.print(evil);
    out.say(evil);
    out.event({ type: 'notice', level: 'warning', message: evil });
    out.event({ type: 'item-error', item: evil, during: 'archival', message: evil });
    out.event({ type: 'item', action: 'new', item: evil, bytes: 1 });
    out.failure(new HostarkError('agent-failed', evil, { hint: evil, cause: new Error(evil) }), 1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(io.out() + io.err()).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    expect(io.out()).toContain('a\\x1b]0;title\\x07b\\x9b2Jc\\x0dd\\x7f\n');
  });
  test('exact JSON keeps order, nesting and strings that hold digits', () => {
    expect(stringifyExact({ b: [1n, '2'], a: { c: -9007199254740993n } })).toBe(
      '{"b":[1,"2"],"a":{"c":-9007199254740993}}',
    );
  });
});

test('a table aligns its columns and leaves no blanks at line ends', () => {
  expect(
    table(
      ['NAME', 'X'],
      [
        ['a', '1'],
        ['longer', ''],
      ],
    ),
  ).toEqual(['NAME    X', 'a       1', 'longer']);
});
