import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineSplitter } from '../src/lines.ts';
import { decodeFrames, encodeFrames, jsonFrame, parseExit } from '../src/relay-frames.ts';
import { quote } from '../src/shell.ts';
import { Tail } from '../src/streams.ts';
import { tarEnd, tarHeader, tarPadding } from '../src/tar.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hostark-remote-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('lines', () => {
  it('come out the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat(20)), (words, cuts) => {
        const lines = words.map((word) => word.replaceAll('\n', ' ')).filter((line) => line !== '');
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const got: string[] = [];
        const splitter = new LineSplitter((line) => got.push(line));
        let at = 0;
        for (const cut of cuts) {
          splitter.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        splitter.push(bytes.subarray(at));
        splitter.flush();
        expect(got).toEqual(lines);
      }),
      { seed: 7 },
    );
  });

  it('of absurd length are refused', () => {
    const splitter = new LineSplitter(() => {}, 10);
    expect(() => splitter.push(Buffer.alloc(11))).toThrow(RangeError);
  });
});

describe('frames of a host', () => {
  it('that make no sense are an error that says so, whatever they hold', () => {
    const whole = encodeFrames([jsonFrame('exit', 1, { code: 7, signal: null })]);
    expect(parseExit(decodeFrames(whole)[0]!.data)).toEqual({ code: 7, signal: null });
    const torn = [whole.subarray(0, 5), whole.subarray(0, -1), Buffer.from(whole).fill(99, 0, 1)];
    for (const part of torn)
      expect(() => decodeFrames(part)).toThrow(expect.objectContaining({ code: 'agent-failed' }));
    for (const exit of [
      '',
      'null',
      '[]',
      '{"code":"x","signal":null}',
      '{"code":1e9,"signal":null}',
      '{"code":null,"signal":"\\u001b"}',
    ])
      expect(() => parseExit(Buffer.from(exit))).toThrow(expect.objectContaining({ code: 'agent-failed' }));
  });
});

describe('quoting', () => {
  it('brings any word through the shell', () => {
    const words = ["it's", '$HOME `id` "x" \\', '', '-n', 'ü\n\ttab', "''"];
    const out = execFileSync('/bin/sh', ['-c', `for w in ${words.map(quote).join(' ')}; do printf '%s\\0' "$w"; done`]);
    expect(out.toString()).toBe(words.map((word) => `${word}\0`).join(''));
  });
});

describe('collected output', () => {
  it('keeps the end of what came', () => {
    const tail = new Tail(8);
    for (const piece of ['aaaa', 'bbbb', 'cc', 'dddd']) tail.push(Buffer.from(piece));
    expect(tail.text()).toBe('bbccdddd');
  });
});

describe('the tar writer', () => {
  it('writes what tar reads back, long names and executables included', () => {
    const long = `${'deep/'.repeat(40)}name`;
    const files: [string, Buffer, boolean][] = [
      ['bin/tool', Buffer.from('#!/bin/sh\n'), true],
      ['empty', Buffer.alloc(0), false],
      [long, Buffer.alloc(1_000, 'z'), false],
    ];
    const blocks = files.flatMap(([path, data, executable]) => [
      tarHeader(path, data.length, executable),
      data,
      tarPadding(data.length),
    ]);
    writeFileSync(join(directory, 'a.tar'), Buffer.concat([...blocks, tarEnd()]));
    const listing = execFileSync('tar', ['-tvf', join(directory, 'a.tar')]).toString();
    expect(listing.split('\n')[0]).toMatch(/^-rwxr-xr-x .* bin\/tool$/);
    expect(listing).toContain(long);
    const back = execFileSync('tar', ['-xOf', join(directory, 'a.tar'), long]);
    expect(back.equals(Buffer.alloc(1_000, 'z'))).toBe(true);
  });
});
