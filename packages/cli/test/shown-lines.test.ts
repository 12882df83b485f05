import { describe, expect, test } from 'vitest';
import { ShownLines } from '../src/agent/shown-lines.ts';

function shown(text: string, pieces = 7): string[] {
  const lines: string[] = [];
  const output = new ShownLines((line) => lines.push(line));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieces) output.push(bytes.subarray(at, at + pieces));
  output.end();
  return lines;
}

describe('what a command prints', () => {
  test('is shown line by line, however it arrives, the unfinished last line too', () => {
    expect(shown('one\ntwo\r\n\nthree – €')).toEqual(['one', 'two', '', 'three – €']);
    expect(shown('one\n', 1)).toEqual(['one']);
    expect(shown('')).toEqual([]);
  });

  test('is shown as it stands in the end where a progress bar redraws its line', () => {
    expect(shown('10 %\r50 %\r100 %\ndone\n')).toEqual(['100 %', 'done']);
  });

  test('is cut where a line never ends', () => {
    const [line] = shown('x'.repeat(100_000), 997);
    expect(line).toBe(`${'x'.repeat(1_000)}…`);
  });

  test('is left out in the middle where it is too much, and the last lines are told', () => {
    const lines = shown(Array.from({ length: 1_000 }, (_, n) => `line ${n}\n`).join(''), 1_000);
    expect(lines.slice(0, 200).at(-1)).toBe('line 199');
    expect(lines.slice(200)).toEqual([
      '(780 lines left out)',
      ...Array.from({ length: 20 }, (_, n) => `line ${980 + n}`),
    ]);
    expect(shown(Array.from({ length: 205 }, (_, n) => `${n}\n`).join('')).length).toBe(205);
  });
});
