/** Output of a host's command on its way to our own reader. */
import { getEventListeners } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { passOn } from '../src/commands/host/exec.ts';

test('a reader that stands still holds the stream back, until it reads, leaves, or the run is interrupted', async () => {
  for (const how of ['drain', 'close', 'abort'] as const) {
    const stop = new AbortController();
    const full = new PassThrough({ highWaterMark: 1 });
    let passed = false;
    const passing = Promise.resolve(passOn(full, Buffer.from('abc'), stop.signal, () => {})).then(() => {
      passed = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(passed).toBe(false);
    if (how === 'drain') full.resume();
    if (how === 'close') full.destroy();
    if (how === 'abort') stop.abort();
    await passing;
    expect(full.listenerCount('drain') + getEventListeners(stop.signal, 'abort').length).toBe(0);
  }
});
