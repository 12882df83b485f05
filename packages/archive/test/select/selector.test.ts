import { isHostarkError } from '@hostark/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileSelector, matchPattern, selectEverything } from '../../src/select/selector.ts';
import { slowMatch } from '../reference/slow-filter.ts';

const component = fc.constantFrom('a', 'b', 'ab', 'c', 'a.b');
const path = fc.array(component, { minLength: 1, maxLength: 6 }).map((parts) => `/${parts.join('/')}`);
const patternPart = fc.constantFrom('a', 'b', 'ab', '*', '**', '*b', 'a*', '?', '[ab]', 'a?b', '.');
const pattern = fc
  .tuple(fc.boolean(), fc.array(patternPart, { minLength: 1, maxLength: 5 }))
  .map(([anchored, parts]) => (anchored ? '/' : '') + parts.join('/'));

describe('a pattern', () => {
  // results of restic's internal/filter
  test.each([
    ['foo', '/a/foo', true],
    ['foo', '/a/foo/x/y', true],
    ['foo', '/a/foobar', false],
    ['foo/bar', '/z/foo/bar/q', true],
    ['foo/bar', '/z/foo/x/bar', false],
    ['/foo', '/foo/bar', true],
    ['/foo', '/a/foo', false],
    ['/', '/anything', true],
    ['*.go', '/home/u/test.go/x', true],
    ['/home/*/x', '/home/u/x', true],
    ['/home/*/x', '/home/u/v/x', false],
    ['/**/x', '/x', true],
    ['/**/x', '/a/b/x/c', true],
    ['/a/**', '/a', true],
    ['/a/**/b/**/c', '/a/1/2/b/c', true],
    ['/a/**/b/**/c', '/a/1/2/c/b', false],
    ['a//b/./c', '/a/b/c', true],
    ['a/../b', '/b', true],
    ['user.*', 'user.comment', true],
    ['/user.x', 'user.x', false],
  ])('%s against %s is %s', (glob, item, expected) => {
    expect(matchPattern(glob, item)).toBe(expected);
  });

  test('agrees with the slow reference on every path', () => {
    fc.assert(
      fc.property(pattern, path, (p, item) => {
        expect(matchPattern(p, item)).toBe(slowMatch(p, item));
      }),
      { seed: 2, numRuns: 5000 },
    );
  });

  test('may have more components than a machine word has bits', () => {
    const long = Array.from({ length: 70 }, (_, i) => `d${i}`).join('/');
    expect(matchPattern(`/**/${long}`, `/x/${long}/y`)).toBe(true);
    expect(matchPattern(`/**/${long}`, `/x/${long.slice(0, -1)}/y`)).toBe(false);
  });
});

describe('a selector', () => {
  test('answers the same by path and by walking scopes', () => {
    const signed = fc.tuple(fc.boolean(), pattern).map(([negated, p]) => (negated ? '!' : '') + p);
    fc.assert(
      fc.property(fc.array(signed, { maxLength: 4 }), fc.array(path, { maxLength: 5 }), (exclude, paths) => {
        const selector = compileSelector({ exclude });
        for (const item of paths) {
          const parts = item.slice(1).split('/');
          let scope = selector.scope('/');
          for (const part of parts.slice(0, -1)) scope = scope.below(Buffer.from(part));
          const expected = exclude.reduce((out, p) => {
            const negated = p.startsWith('!');
            return slowMatch(negated ? p.slice(1) : p, item) ? !negated : out;
          }, false);
          expect(selector.rejectsPath(item)).toBe(expected);
          expect(scope.rejects(Buffer.from(parts.at(-1)!))).toBe(expected);
        }
      }),
      { seed: 3, numRuns: 3000 },
    );
  });

  test('lets a later ! take a path back, and an even later pattern reject it again', () => {
    const selector = compileSelector({ exclude: ['*.log', '!keep.log', '/tmp'] });
    expect(selector.rejectsPath('/var/a.log')).toBe(true);
    expect(selector.rejectsPath('/var/keep.log')).toBe(false);
    expect(selector.rejectsPath('/tmp/keep.log')).toBe(true);
  });

  test('keeps the two lists apart: a ! of one does not take back a match of the other', () => {
    const selector = compileSelector({ exclude: ['*.JPG', '!x.JPG'], iexclude: ['x.jpg'] });
    expect(selector.rejectsPath('/x.JPG')).toBe(true);
  });

  test('ignores case beyond ASCII rune by rune, as Go lowers it', () => {
    const selector = compileSelector({ iexclude: ['STRASSE', 'ÄÖ*', 'İx', 'ΑΣ'] });
    for (const name of ['/Strasse', '/äÖü', '/ix', '/ας'.replace('ς', 'σ')])
      expect(selector.rejectsPath(name)).toBe(true);
    expect(selector.rejectsPath('/ας')).toBe(false);
  });

  test('matches names that are not UTF-8 byte by byte', () => {
    const selector = compileSelector({ exclude: ['a*z'] });
    expect(selector.rejectsPath(Uint8Array.of(0x2f, 0x61, 0xff, 0xfe, 0x7a))).toBe(true);
    expect(selector.rejectsPath(Uint8Array.of(0x2f, 0x61, 0xff, 0xfe))).toBe(false);
  });

  test('without patterns rejects nothing and says so', () => {
    expect(compileSelector({ exclude: [''] }).isEmpty).toBe(true);
    expect(selectEverything.rejectsPath('/etc/passwd')).toBe(false);
  });

  test('names every malformed pattern with its option in one error', () => {
    const compile = () => compileSelector({ exclude: ['ok', '[', 'a/b['], iexclude: ['x\\'] });
    expect(compile).toThrow(/3 malformed patterns: --exclude "\[", --exclude "a\/b\[", --iexclude "x\\\\"/);
    try {
      compile();
    } catch (error) {
      expect(isHostarkError(error, 'bad-pattern')).toBe(true);
    }
  });
});
