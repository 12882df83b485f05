import { readFileSync, writeFileSync } from 'node:fs';
import { HostarkError } from '@hostark/protocol';
import { expect, test } from 'vitest';
import { systemError } from '../src/system-error.ts';

function thrownBy(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

test('what the system refuses is told with its path, and not as a bug', () => {
  const missing = systemError(thrownBy(() => readFileSync('/nowhere/at/all')));
  expect(missing).toMatchObject({ code: 'target-unusable', message: expect.stringContaining('/nowhere/at/all') });
  const full = systemError(thrownBy(() => writeFileSync('/dev/full', 'x')));
  expect(full).toMatchObject({ code: 'disk-full', hint: expect.stringContaining('make room') });
});

test('errors of our own and bugs stay what they are', () => {
  const own = new HostarkError('locked', 'locked');
  expect(systemError(own)).toBe(own);
  const bug = new TypeError('undefined is not a function');
  expect(systemError(bug)).toBe(bug);
});
