import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toByteString } from '../../src/select/bytes.ts';
import { compileGlob } from '../../src/select/glob.ts';
import { slowGlob } from '../reference/slow-filter.ts';

function matches(glob: string, name: string | Uint8Array): boolean {
  const matcher = compileGlob(toByteString(glob));
  if (matcher === null) throw new Error(`malformed: ${glob}`);
  return matcher(toByteString(name));
}

describe('a glob', () => {
  // results of Go's filepath.Match
  test.each([
    ['abc', 'abc', true],
    ['*', '', true],
    ['*c', 'abc', true],
    ['a*', 'ab', true],
    ['a*b', 'ab', true],
    ['a*b', 'a', false],
    ['ab*b', 'ab', false],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[e-g]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['a?b', 'aüb', true],
    ['a[^a]b', 'aüb', true],
    ['a???b', 'aüb', false],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['[!a]', '!', true],
    ['[\\]a]', ']', true],
    ['[x\\-]', '-', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['*.tar.*', 'x.tar.tar.gz', true],
    ['**', 'anything', true],
    ['.*', 'plain', false],
    ['*', '.hidden', true],
  ])('%s against %s is %s', (glob, name, expected) => {
    expect(matches(glob, name)).toBe(expected);
  });

  test.each([
    '[',
    '[]',
    '[]a]',
    '[a',
    '[^]',
    '[^',
    '[-]',
    '[x-]',
    '[-x]',
    '[a-b-c]',
    'a[',
    'a\\',
    '[\\',
    '[a\\',
    '*[',
    'x*y[z',
  ])('%s is malformed', (glob) => {
    expect(compileGlob(glob)).toBeNull();
  });

  test('? takes one byte of a name that is not UTF-8, and one whole character of a name that is', () => {
    expect(matches('a?b', Uint8Array.of(97, 0xff, 98))).toBe(true);
    expect(matches('?', Buffer.from('€'))).toBe(true);
    expect(matches('??', Uint8Array.of(0xe2, 0x82))).toBe(true);
  });

  test('agrees with the slow reference', () => {
    const piece = fc.constantFrom('a', 'b', 'c', '*', '?', '[ab]', '[^a]', '[a-b]', '\\*', '\\a', '.');
    const glob = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '*', '.'), maxLength: 10 });
    fc.assert(
      fc.property(glob, name, (g, n) => {
        expect(matches(g, n)).toBe(slowGlob(g, n));
      }),
      { seed: 1, numRuns: 5000 },
    );
  });
});
