/** Dumps whose command leaves children behind. */
import type { OperationEvent } from '@hostark/protocol';
import { expect, test } from 'vitest';
import { type DumpSource, dumpSource } from '../src/agent/dump-source.ts';

async function textOf(source: DumpSource): Promise<string> {
  let text = '';
  for await (const chunk of source.chunks) text += Buffer.from(chunk).toString();
  return text;
}

const none = (_: OperationEvent): void => {};

test('a dump is read to the end of what its children print, and fails with its command', async () => {
  const { signal } = new AbortController();
  const late = dumpSource('(sleep 0.3; echo late) & echo early', { signal, onEvent: none });
  expect(await textOf(late)).toBe('early\nlate\n');
  await late.finished();
  const failing = dumpSource('echo half; exit 4', { signal, onEvent: none });
  expect(await textOf(failing)).toBe('half\n');
  await expect(failing.finished()).rejects.toMatchObject({ code: 'command-failed' });
});

test('a daemon that keeps only the standard error of a dump is not waited for', async () => {
  const { signal } = new AbortController();
  const source = dumpSource('sleep 7 >/dev/null & echo all', { signal, onEvent: none });
  const started = performance.now();
  expect(await textOf(source)).toBe('all\n');
  await source.finished();
  expect(performance.now() - started).toBeLessThan(5_000);
});

test('a stop ends children that outlive the command of a dump and hold its output open', async () => {
  const stop = new AbortController();
  const source = dumpSource('sleep 903 & echo early', { signal: stop.signal, onEvent: none });
  setTimeout(() => stop.abort(new Error('stopped')), 300);
  expect(await textOf(source)).toBe('early\n');
  await expect(source.finished()).rejects.toThrow('stopped');
}, 10_000);
