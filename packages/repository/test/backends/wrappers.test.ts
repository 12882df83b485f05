/** What the wrappers add to a backend; that they keep its contract is in conformance.test.ts. */
import { HostarkError } from '@hostark/protocol';
import { describe, expect, test } from 'vitest';
import type { Backend } from '../../src/backend.ts';
import { counting } from '../../src/backends/counting.ts';
import { dryRun } from '../../src/backends/dry-run.ts';
import { heldBack } from '../../src/backends/held-back.ts';
import { limited } from '../../src/backends/limited.ts';
import { memoryBackend } from '../../src/backends/memory.ts';
import { type Retry, retrying } from '../../src/backends/retrying.ts';
import { collect, handleOf, patternBytes } from '../conformance.ts';
import { fakeClock, settle } from '../fake-clock.ts';
import { failing } from './failing.ts';

const later = (): HostarkError => new HostarkError('backend-unavailable', 'down', { retry: 'later' });
const content = patternBytes(100, 1);
const pack = handleOf('data', content);
const lock = handleOf('locks', content);

describe('heldBack', () => {
  test('reads at once, and changes wait until they may', async () => {
    const inner = memoryBackend();
    await inner.save(lock, content);
    let allow = (): void => {};
    const backend = heldBack(inner, new Promise<void>((resolve) => (allow = resolve)));
    expect(await backend.load(lock)).toEqual(content);
    const saved = backend.save(pack, content);
    const removed = backend.remove(lock);
    await settle();
    expect(await inner.exists(pack)).toBe(false);
    expect(await inner.exists(lock)).toBe(true);
    allow();
    await Promise.all([saved, removed]);
    expect(await inner.exists(pack)).toBe(true);
    expect(await inner.exists(lock)).toBe(false);
  });

  test('changes that may not be made fail with the reason and change nothing', async () => {
    const inner = memoryBackend();
    const refused = Promise.reject(new Error('somebody else has the lock'));
    refused.catch(() => {});
    await expect(heldBack(inner, refused).save(pack, content)).rejects.toThrow('somebody else has the lock');
    expect(await inner.exists(pack)).toBe(false);
  });

  test('knows which index files its reader was told of, however slowly that one reads', async () => {
    const inner = memoryBackend();
    for (const seed of [1, 2]) {
      const bytes = patternBytes(100, seed);
      await inner.save(handleOf('index', bytes), bytes);
    }
    const backend = heldBack(inner, Promise.resolve());
    expect(await backend.listedIndexes()).toBeNull();
    const reader = backend.list('index')[Symbol.asyncIterator]();
    await reader.next();
    expect((await backend.listedIndexes())?.size).toBe(2);
  });
});

describe('retrying', () => {
  test('tries again with waits that double from one second, and tells each', async () => {
    const clock = fakeClock({ eager: true });
    const told: Retry[] = [];
    let failures = 4;
    const inner = failing(memoryBackend(), () => {
      if (failures-- > 0) throw later();
    });
    const backend = retrying(inner, { clock, random: () => 0.5, onRetry: (retry) => told.push(retry) });
    await backend.save(pack, content);
    expect(clock.waits).toEqual([1000, 2000, 4000, 8000]);
    expect(told.map(({ operation, attempt, delayMs }) => [operation, attempt, delayMs])).toEqual([
      [`save data/${pack.name}`, 1, 1000],
      [`save data/${pack.name}`, 2, 2000],
      [`save data/${pack.name}`, 3, 4000],
      [`save data/${pack.name}`, 4, 8000],
    ]);
  });

  test('jitter is half a wait in both directions', async () => {
    for (const [random, expected] of [
      [0, 500],
      [0.999999, 1500],
    ] as const) {
      const clock = fakeClock({ eager: true });
      let failures = 1;
      const inner = failing(memoryBackend(), () => {
        if (failures-- > 0) throw later();
      });
      await retrying(inner, { clock, random: () => random }).exists(pack);
      expect(clock.waits).toEqual([expected]);
    }
  });

  test('gives up after 15 minutes with the last error', async () => {
    const clock = fakeClock({ eager: true });
    const start = clock.now();
    const inner = failing(memoryBackend(), () => {
      throw later();
    });
    await expect(retrying(inner, { clock, random: () => 0.5 }).size(pack)).rejects.toMatchObject({ message: 'down' });
    expect(clock.now() - start).toBeGreaterThan(13 * 60_000);
    expect(clock.now() - start).toBeLessThanOrEqual(15 * 60_000);
    expect(Math.max(...clock.waits)).toBe(60_000);
  });

  test('retries once even when the first try took all the time', async () => {
    const clock = fakeClock({ eager: true });
    let calls = 0;
    const inner = failing(memoryBackend(), () => {
      if (calls++ > 0) return;
      clock.jump(3_600_000);
      throw later();
    });
    expect(await retrying(inner, { clock }).exists(pack)).toBe(false);
  });

  test('what will not change is not tried again', async () => {
    const clock = fakeClock({ eager: true });
    for (const code of ['object-missing', 'backend-denied', 'disk-full', 'object-truncated'] as const) {
      let calls = 0;
      const inner = failing(memoryBackend(), () => {
        calls++;
        throw new HostarkError(code, 'no');
      });
      await expect(retrying(inner, { clock }).load(pack)).rejects.toMatchObject({ code });
      expect(calls).toBe(1);
    }
    expect(clock.waits).toEqual([]);
  });

  test('a list that breaks off goes on without naming anything twice', async () => {
    const clock = fakeClock({ eager: true });
    const memory = memoryBackend();
    for (let i = 0; i < 10; i++) await memory.save(handleOf('index', patternBytes(50, i)), patternBytes(50, i));
    let failures = 2;
    const inner = failing(memory, (_, listed) => {
      if (listed === 7 && failures-- > 0) throw later();
    });
    const names = (await collect(retrying(inner, { clock }).list('index'))).map((entry) => entry.name);
    expect(names).toHaveLength(10);
    expect(new Set(names).size).toBe(10);
    expect(clock.waits).toHaveLength(2);
  });

  test('an error of the consumer of a list is not retried', async () => {
    const memory = memoryBackend();
    await memory.save(handleOf('index', content), content);
    const backend = retrying(memory, { clock: fakeClock({ eager: true }) });
    const consume = async (): Promise<void> => {
      for await (const _ of backend.list('index')) throw later();
    };
    await expect(consume()).rejects.toMatchObject({ code: 'backend-unavailable' });
  });

  test('an abort ends the wait at once with its reason', async () => {
    const clock = fakeClock();
    const inner = failing(memoryBackend(), () => {
      throw later();
    });
    const abort = new AbortController();
    const saving = retrying(inner, { clock }).save(pack, content, { signal: abort.signal });
    const reason = new Error('enough');
    await settle();
    abort.abort(reason);
    await expect(saving).rejects.toBe(reason);
  });

  test('a load that used up its time is refused at once for an hour, others are not', async () => {
    const clock = fakeClock({ eager: true });
    const memory = memoryBackend();
    let calls = 0;
    let down = true;
    const inner = failing(memory, () => {
      calls++;
      if (down) throw later();
    });
    const backend = retrying(inner, { clock });
    await memory.save(pack, content);
    await expect(backend.load(pack)).rejects.toMatchObject({ code: 'backend-unavailable' });
    const before = calls;
    await expect(backend.load(pack)).rejects.toMatchObject({ code: 'backend-unavailable' });
    expect(calls).toBe(before);
    down = false;
    await expect(backend.load(lock)).rejects.toMatchObject({ code: 'object-missing' });
    clock.jump(3_600_001);
    expect(await backend.load(pack)).toEqual(content);
  });
});

/** A memory backend whose loads and saves end when told, counting how many are under way. */
function gated(): { backend: Backend; running: () => number; release: () => void } {
  const memory = memoryBackend();
  const waiting: (() => void)[] = [];
  let running = 0;
  const pass = async (): Promise<void> => {
    running++;
    await new Promise<void>((resolve) => waiting.push(resolve));
    running--;
  };
  const backend = {
    location: 'gated',
    connections: 3,
    save: async (...args: Parameters<Backend['save']>) => pass().then(() => memory.save(...args)),
    load: async (...args: Parameters<Backend['load']>) => pass().then(() => memory.load(...args)),
    size: async () => pass().then(() => 0),
    list: memory.list.bind(memory),
    remove: async () => pass(),
    exists: async () => pass().then(() => true),
    close: async () => {},
  };
  return { backend, running: () => running, release: () => waiting.splice(0).forEach((open) => void open()) };
}

describe('limited', () => {
  test('no more requests run at the same time than allowed, and all run in the end', async () => {
    const gate = gated();
    const backend = limited(gate.backend);
    const done = Promise.all(Array.from({ length: 10 }, () => backend.save(pack, content)));
    for (let round = 0; round < 4; round++) {
      await settle();
      expect(gate.running()).toBe(round < 3 ? 3 : 1);
      gate.release();
    }
    await done;
  });

  test('locks do not wait behind uploads', async () => {
    const gate = gated();
    const backend = limited(gate.backend, 1);
    const saves = [backend.save(pack, content), backend.save(pack, content)];
    await settle();
    expect(gate.running()).toBe(1);
    const saving = backend.save(lock, content);
    await settle();
    expect(gate.running()).toBe(2);
    gate.release();
    await saving;
    await settle();
    gate.release();
    await Promise.all(saves);
  });

  test('who is aborted while waiting gives up the place in the queue', async () => {
    const gate = gated();
    const backend = limited(gate.backend, 1);
    const first = backend.save(pack, content);
    const abort = new AbortController();
    const second = backend.save(pack, content, { signal: abort.signal });
    const third = backend.exists(pack);
    const reason = new Error('no more');
    abort.abort(reason);
    await expect(second).rejects.toBe(reason);
    gate.release();
    await first;
    await settle();
    gate.release();
    expect(await third).toBe(true);
  });

  test('a failed request frees its place', async () => {
    const backend = limited(memoryBackend(), 1);
    for (let i = 0; i < 3; i++) await expect(backend.load(pack)).rejects.toMatchObject({ code: 'object-missing' });
    await backend.save(pack, content);
  });

  test('zero connections make no sense', () => {
    expect(() => limited(memoryBackend(), 0)).toThrow(RangeError);
  });
});

describe('counting', () => {
  test('counts requests, failures and bytes by operation', async () => {
    const backend = counting(memoryBackend());
    await backend.save(pack, [content.subarray(0, 30), content.subarray(30)]);
    await backend.load(pack);
    await backend.load(pack, { offset: 0, length: 7 });
    await backend.load(lock).catch(() => {});
    await backend.size(pack);
    await backend.exists(pack);
    await collect(backend.list('data'));
    await backend.remove(pack);
    expect(backend.counts).toEqual({
      save: { requests: 1, failures: 0, bytes: 100 },
      load: { requests: 3, failures: 1, bytes: 107 },
      size: { requests: 1, failures: 0, bytes: 0 },
      list: { requests: 1, failures: 0, bytes: 0 },
      remove: { requests: 1, failures: 0, bytes: 0 },
      exists: { requests: 1, failures: 0, bytes: 0 },
    });
  });
});

describe('dryRun', () => {
  test('reads come from below, and nothing is changed there', async () => {
    const memory = memoryBackend();
    await memory.save(pack, content);
    const backend = dryRun(memory);
    await backend.save(handleOf('index', content), content);
    await backend.remove(pack);
    expect(await backend.load(pack)).toEqual(content);
    expect([...memory.objects.keys()]).toEqual([`data/${pack.name.slice(0, 2)}/${pack.name}`]);
  });

  test('creating a config where there is one is refused, as it would be in earnest', async () => {
    const memory = memoryBackend();
    const config = { type: 'config', name: '' } as const;
    await dryRun(memory).save(config, content, { createOnly: true });
    await memory.save(config, content);
    await expect(dryRun(memory).save(config, content, { createOnly: true })).rejects.toMatchObject({
      code: 'repository-exists',
    });
  });

  test('shortcuts past it are hidden', () => {
    expect(dryRun({ ...memoryBackend(), traits: { localDirectory: '/srv' } } as Backend).traits).toBeUndefined();
  });
});
