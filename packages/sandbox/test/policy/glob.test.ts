import fc from 'fast-check';
import { expect, test } from 'vitest';
import { glob, globMatches } from '../../src/policy/glob.ts';

/** The same by regular expression: slow and obvious. */
function reference(pattern: string, text: string): boolean {
  const body = [...pattern]
    .map((c) => (c === '*' ? '[^]*' : c === '?' ? '[^]' : c.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')))
    .join('');
  return new RegExp(`^${body}$`).test(text);
}

test('matches as the regular expression does', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '/') });
  fc.assert(
    fc.property(letters, letters, (pattern, text) => globMatches(glob(pattern), text) === reference(pattern, text)),
    { seed: 4, numRuns: 2000 },
  );
});

test('many stars take no exponential time', () => {
  const began = performance.now();
  expect(globMatches(glob('*a'.repeat(30)), `${'a'.repeat(5000)}b`)).toBe(false);
  expect(performance.now() - began).toBeLessThan(1000);
});
