import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileFilter, type Decision, type FilterPatterns } from '../../src/select/filter.ts';
import { slowMatch } from '../reference/slow-filter.ts';

function decide(patterns: FilterPatterns, path: string): Decision {
  let scope = compileFilter(patterns).root;
  const parts = path.slice(1).split('/');
  for (const part of parts.slice(0, -1)) scope = scope.below(Buffer.from(part));
  return scope.decide(Buffer.from(parts.at(-1)!));
}

describe('a filter', () => {
  test('takes everything when there are no patterns', () => {
    expect(compileFilter({}).takesAll).toBe(true);
    expect(decide({}, '/a/b')).toEqual({ selected: true, descend: true });
  });

  // results of restic's ListWithChild
  test.each([
    ['/home/u', '/home', { selected: false, descend: true }],
    ['/home/u', '/etc', { selected: false, descend: false }],
    ['/home/u', '/home/u', { selected: true, descend: true }],
    ['/home/u', '/home/u/deep/file', { selected: true, descend: true }],
    ['*.c', '/home', { selected: false, descend: true }],
    ['/a/**/x', '/a/b/c', { selected: false, descend: true }],
    ['/a/**/x', '/b', { selected: false, descend: false }],
    ['/a/b*', '/a/c', { selected: false, descend: false }],
  ])('--include %s decides %s', (include, path, expected) => {
    expect(decide({ include: [include] }, path)).toEqual(expected);
  });

  test('never closes a directory that holds a match', () => {
    const component = fc.constantFrom('a', 'b', 'ab', 'c');
    const path = fc.array(component, { minLength: 1, maxLength: 6 });
    const part = fc.constantFrom('a', 'b', '*', '**', 'a*', '[ab]');
    const pattern = fc
      .tuple(fc.boolean(), fc.array(part, { minLength: 1, maxLength: 5 }))
      .map(([anchored, parts]) => (anchored ? '/' : '') + parts.join('/'));
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 3 }), path, (include, parts) => {
        const full = `/${parts.join('/')}`;
        const matched = include.some((p) => slowMatch(p, full));
        expect(decide({ include }, full).selected).toBe(matched);
        if (!matched) return;
        for (let i = 1; i < parts.length; i++) {
          expect(decide({ include }, `/${parts.slice(0, i).join('/')}`).descend).toBe(true);
        }
      }),
      { seed: 4, numRuns: 3000 },
    );
  });

  test('excludes neither select nor enter what they match', () => {
    expect(decide({ exclude: ['*.o'] }, '/a.o')).toEqual({ selected: false, descend: false });
    expect(decide({ iexclude: ['*.O'] }, '/a.o')).toEqual({ selected: false, descend: false });
    expect(decide({ exclude: ['*.o'] }, '/a.c')).toEqual({ selected: true, descend: true });
  });

  test('refuses include and exclude together', () => {
    expect(() => compileFilter({ include: ['a'], iexclude: ['b'] })).toThrow(/either include or exclude/);
  });
});
