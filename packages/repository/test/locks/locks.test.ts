/** Locks: who may work at the same time, how they stay fresh, and when they are given up. */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { HostarkError } from '@hostark/protocol';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type MemoryBackend, memoryBackend } from '../../src/backends/memory.ts';
import { acquireLock, type Lock, type LockOptions } from '../../src/locks/lock.ts';
import { decodeLock, encodeLock, type LockInfo, type LockRepository } from '../../src/locks/lock-file.ts';
import { isProcessAlive, isStale } from '../../src/locks/stale.ts';
import { unlock } from '../../src/locks/unlock.ts';
import { collect } from '../conformance.ts';
import { type FakeClock, fakeClock, settle } from '../fake-clock.ts';

const MINUTE = 60_000;

/** A repository whose sealing is a byte in front, so that damage can be seen; `fail` may break single steps. */
interface TestRepository extends LockRepository {
  readonly backend: MemoryBackend;
  fail: (step: 'load' | 'save', id: string) => void;
}

function repository(backend: MemoryBackend = memoryBackend()): TestRepository {
  const repo: TestRepository = {
    backend,
    fail: () => {},
    async loadUnpacked(type, name) {
      repo.fail('load', name);
      const bytes = await backend.load({ type, name });
      if (bytes[0] !== 0x5e) throw new HostarkError('object-damaged', `locks/${name} is not sealed`);
      return bytes.slice(1);
    },
    async saveUnpacked(type, plain) {
      repo.fail('save', '');
      const sealed = Uint8Array.of(0x5e, ...plain);
      const name = createHash('sha256').update(sealed).digest('hex');
      await backend.save({ type, name }, sealed);
      return name;
    },
  };
  return repo;
}

const me = { host: 'web-1', user: 'root', pid: 4711, uid: 0, gid: 0, isAlive: () => true };
const held: Lock[] = [];
afterEach(async () => {
  for (const lock of held.splice(0)) await lock.release().catch(() => {});
});

/** Starts to take a lock and moves the clock until that is decided. */
async function take(repo: LockRepository, clock: FakeClock, options: Partial<LockOptions> = {}): Promise<Lock> {
  const pending = acquireLock(repo, { exclusive: false, ...me, clock, ...options });
  pending.catch(() => {});
  await clock.advance(250);
  const lock = await pending;
  held.push(lock);
  return lock;
}

/** A repository over `shared`, coherent or not known to be, each of whose requests happens at a moment that `steps` chooses. */
function stepwise(shared: MemoryBackend, steps: fc.Scheduler, isCoherent = true): LockRepository {
  const turn = (): Promise<void> => steps.schedule(Promise.resolve());
  const whole = repository(shared);
  return {
    backend: {
      traits: { isCoherent: () => isCoherent },
      async *list(type) {
        await turn();
        yield* shared.list(type);
      },
      remove: (handle) => turn().then(() => shared.remove(handle)),
    },
    loadUnpacked: (type, id) => turn().then(() => whole.loadUnpacked(type, id)),
    saveUnpacked: (type, plain) => turn().then(() => whole.saveUnpacked(type, plain)),
  };
}

/** From now on saves hang; the result lets them all go on. */
function hangSaves(repo: TestRepository): () => void {
  const save = repo.saveUnpacked;
  const waiting: (() => void)[] = [];
  repo.saveUnpacked = (...args) => new Promise<void>((resolve) => waiting.push(resolve)).then(() => save(...args));
  return () => {
    repo.saveUnpacked = save;
    for (const go of waiting.splice(0)) go();
  };
}

async function lockNames(repo: TestRepository): Promise<string[]> {
  return (await collect(repo.backend.list('locks'))).map((entry) => entry.name);
}

const info: LockInfo = {
  timeMs: Date.UTC(2026, 10, 22, 11, 55, 0, 250),
  exclusive: true,
  host: 'db-2',
  user: 'backup',
  pid: 99,
  uid: 1000,
  gid: 0,
};

describe('the lock file', () => {
  test('has restic’s fields in restic’s order, without zero ids', () => {
    expect(new TextDecoder().decode(encodeLock(info))).toBe(
      '{"time":"2026-11-22T11:55:00.250Z","exclusive":true,"hostname":"db-2","username":"backup","pid":99,"uid":1000}',
    );
    expect(decodeLock(encodeLock(info))).toEqual(info);
  });

  test('restic’s own, with nanoseconds and a zone, is read', () => {
    const restic =
      '{"time":"2026-11-22T12:55:00.250123456+01:00","exclusive":false,"hostname":"h","username":"u","pid":7,"gid":5,"new":1}';
    const lock = decodeLock(new TextEncoder().encode(restic));
    expect(lock).toEqual({ ...info, exclusive: false, host: 'h', user: 'u', pid: 7, uid: 0, gid: 5 });
  });

  test.each(['', 'x', '[]', 'null', '{}', '{"time":"yesterday"}'])('%j is object-damaged', (text) => {
    expect(() => decodeLock(new TextEncoder().encode(text))).toThrow(
      expect.objectContaining({ code: 'object-damaged' }),
    );
  });
});

describe('taking a lock', () => {
  test('waits 200 ms before it looks again, unless its store shows at once what others have saved', async () => {
    for (const isCoherent of [undefined, () => false, () => true]) {
      const repo = repository(
        Object.assign(memoryBackend(), isCoherent === undefined ? {} : { traits: { isCoherent } }),
      );
      const clock = fakeClock();
      const lock = await take(repo, clock);
      expect(clock.waits.filter((ms) => ms === 200)).toHaveLength(isCoherent?.() === true ? 0 : 1);
      await lock.release();
    }
  });

  test('on such a store no two hold conflicting locks, however their steps fall', async () => {
    let both = 0;
    const race = async (steps: fc.Scheduler, kinds: readonly boolean[]): Promise<void> => {
      const shared = memoryBackend();
      const takers = kinds.map((exclusive, i) => {
        const clock = fakeClock();
        return acquireLock(stepwise(shared, steps), { exclusive, ...me, pid: i + 1, clock }).catch((error) => {
          expect(error).toMatchObject({ code: 'locked' });
          return null;
        });
      });
      const locks = await steps.waitFor(Promise.all(takers));
      const winners = kinds.filter((_, i) => locks[i] !== null);
      expect(winners.length > 1 && winners.includes(true), `held: ${winners}`).toBe(false);
      if (winners.length > 1) both++;
      await steps.waitFor(Promise.all(locks.map((lock) => lock?.release())));
      expect(await collect(shared.list('locks'))).toEqual([]);
    };
    const kinds = fc.array(fc.boolean(), { minLength: 2, maxLength: 3 });
    await fc.assert(fc.asyncProperty(fc.scheduler(), kinds, race), { seed: 7, numRuns: 500 });
    expect(both).toBeGreaterThan(0);
  });

  test('nor where some wait as stock restic does, and some do not', async () => {
    let waited = 0;
    const race = async (steps: fc.Scheduler, kinds: readonly (readonly [boolean, boolean])[]): Promise<void> => {
      const shared = memoryBackend();
      // A wait ends when the scheduler says so: after any steps of the others.
      const sleep = async (ms: number): Promise<void> => {
        waited += ms === 200 ? 1 : 0;
        await (ms === 200 ? steps.schedule(Promise.resolve()) : new Promise(() => {}));
      };
      const takers = kinds.map(([exclusive, waits], i) =>
        acquireLock(stepwise(shared, steps, !waits), {
          exclusive,
          ...me,
          pid: i + 1,
          clock: { now: () => 0, sleep },
        }).catch((error) => {
          expect(error).toMatchObject({ code: 'locked' });
          return null;
        }),
      );
      const locks = await steps.waitFor(Promise.all(takers));
      const winners = kinds.filter((_, i) => locks[i] !== null).map(([exclusive]) => exclusive);
      expect(winners.length > 1 && winners.includes(true), `held: ${winners}`).toBe(false);
    };
    const kinds = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 2, maxLength: 3 });
    await fc.assert(fc.asyncProperty(fc.scheduler(), kinds, race), { seed: 8, numRuns: 500 });
    expect(waited).toBeGreaterThan(0);
  });

  test('where a list shows a lock a little later, the wait keeps two from holding it exclusively', async () => {
    const clock = fakeClock();
    const shared = memoryBackend();
    const savedMs = new Map<string, number>();
    const late = (): LockRepository => {
      const whole = repository(shared);
      return {
        backend: {
          async *list(type) {
            for await (const entry of shared.list(type)) if (clock.now() - savedMs.get(entry.name)! >= 150) yield entry;
          },
          remove: (handle) => shared.remove(handle),
        },
        loadUnpacked: (type, id) => whole.loadUnpacked(type, id),
        async saveUnpacked(type, plain) {
          const name = await whole.saveUnpacked(type, plain);
          savedMs.set(name, clock.now());
          return name;
        },
      };
    };
    const tries = [1, 2].map((pid) => acquireLock(late(), { ...me, pid, exclusive: true, clock }));
    const outcomes = Promise.allSettled(tries);
    await clock.advance(250);
    const locks = (await outcomes).filter((outcome) => outcome.status === 'fulfilled');
    for (const { value } of locks) held.push(value);
    expect(locks.length).toBeLessThanOrEqual(1);
  });

  test('who wants to begin early is told before the lock file is written; never while others hold one', async () => {
    const repo = repository();
    const clock = fakeClock();
    const seen: number[] = [];
    const onUnopposed = (): void => void lockNames(repo).then((names) => seen.push(names.length));
    const pending = acquireLock(repo, { exclusive: true, ...me, clock, onUnopposed });
    await settle();
    expect(seen).toEqual([0]);
    await clock.advance(250);
    held.push(await pending);
    await expect(take(repo, clock, { onUnopposed })).rejects.toMatchObject({ code: 'locked' });
    expect(seen).toEqual([0]);
  });

  test('answers that were asked for early are forgotten when it is certain, not before', async () => {
    const repo = repository();
    const clock = fakeClock();
    const forgotten: number[] = [];
    const forgetEarlyAnswers = (): void => void forgotten.push(clock.waits.length);
    Object.assign(repo.backend, { traits: { forgetEarlyAnswers } });
    await take(repo, clock, { exclusive: true });
    expect(forgotten).toEqual([clock.waits.indexOf(200) + 1]);
    await expect(take(repo, clock)).rejects.toMatchObject({ code: 'locked' });
    expect(forgotten).toHaveLength(1);
    // Who waits for others begins anew after they have gone.
    const pending = acquireLock(repo, { exclusive: false, ...me, clock, retryMs: 6000 });
    await clock.advance(100);
    expect(forgotten).toHaveLength(2);
    await held.pop()?.release();
    await clock.advance(6000);
    held.push(await pending);
    expect(forgotten).toHaveLength(3);
  });

  test('many may share a repository, and each leaves nothing behind', async () => {
    const repo = repository();
    const clock = fakeClock();
    const a = await take(repo, clock);
    const b = await take(repo, clock);
    expect(await lockNames(repo)).toHaveLength(2);
    expect(a.id).not.toBe(b.id);
    await a.release();
    await b.release();
    expect(await lockNames(repo)).toEqual([]);
  });

  test.each([
    [true, true],
    [true, false],
    [false, true],
  ])('held exclusively %s, wanted exclusively %s: locked', async (first, second) => {
    const repo = repository();
    const clock = fakeClock();
    await take(repo, clock, { exclusive: first, user: 'anna', pid: 17, host: 'db-2' });
    await clock.advance(3 * MINUTE);
    await expect(take(repo, clock, { exclusive: second })).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringMatching(/anna on db-2, process 17, since 2026-11-22T12:00:00.000Z \(3 min ago\)/),
      hint: expect.stringContaining('--retry-lock'),
      context: expect.objectContaining({ host: 'db-2', user: 'anna', pid: 17, stale: false }),
    });
    expect(await lockNames(repo)).toHaveLength(1);
  });

  test('two who begin at the same moment do not both get it exclusively', async () => {
    const repo = repository();
    const clock = fakeClock();
    const tries = [1, 2].map((pid) => acquireLock(repo, { ...me, pid, exclusive: true, clock }));
    const outcomes = Promise.allSettled(tries);
    await clock.advance(1000);
    const locks = (await outcomes).filter((outcome) => outcome.status === 'fulfilled');
    for (const { value } of locks) held.push(value);
    expect(locks.length).toBeLessThanOrEqual(1);
    expect(await lockNames(repo)).toHaveLength(locks.length);
  });

  test('stale locks block too; the error says how to remove them', async () => {
    const repo = repository();
    const clock = fakeClock();
    await repo.saveUnpacked('locks', encodeLock({ ...info, timeMs: clock.now() - 31 * MINUTE }));
    await expect(take(repo, clock)).rejects.toMatchObject({
      code: 'locked',
      hint: expect.stringMatching(/not refreshed for 30 minutes.*hostark unlock/),
    });
  });

  test('a lock of a process of this host that is gone is called stale', async () => {
    const repo = repository();
    const clock = fakeClock();
    await repo.saveUnpacked('locks', encodeLock({ ...info, host: 'web-1', timeMs: clock.now() }));
    await expect(take(repo, clock, { isAlive: () => false })).rejects.toMatchObject({
      hint: expect.stringContaining('its process is gone'),
    });
  });

  test('an empty lock file means nothing', async () => {
    const repo = repository();
    repo.backend.objects.set(`locks/${'e'.repeat(64)}`, new Uint8Array(0));
    await take(repo, fakeClock(), { exclusive: true });
  });

  test('an unreadable lock is read again after 5, 10 and 20 seconds, then named', async () => {
    const repo = repository();
    const clock = fakeClock();
    const name = 'd'.repeat(64);
    repo.backend.objects.set(`locks/${name}`, Uint8Array.of(1, 2, 3));
    const pending = acquireLock(repo, { exclusive: false, ...me, clock });
    pending.catch(() => {});
    await clock.advance(36_000);
    await expect(pending).rejects.toMatchObject({
      code: 'object-damaged',
      message: expect.stringContaining(name),
      hint: expect.stringContaining('unlock --remove-all'),
    });
    expect(clock.waits).toEqual([5000, 10_000, 20_000]);
  });

  test('a lock that becomes readable, or goes away, while we wait is no obstacle', async () => {
    const repo = repository();
    const clock = fakeClock();
    const name = 'd'.repeat(64);
    repo.backend.objects.set(`locks/${name}`, Uint8Array.of(1, 2, 3));
    const pending = acquireLock(repo, { exclusive: false, ...me, clock });
    await clock.advance(4000);
    repo.backend.objects.delete(`locks/${name}`);
    await clock.advance(2000);
    held.push(await pending);
  });

  test('a lock that vanishes between list and read is gone, not unreadable', async () => {
    const repo = repository();
    const clock = fakeClock();
    const id = await repo.saveUnpacked('locks', encodeLock(info));
    repo.fail = (step, name) => {
      if (step === 'load' && name === id) repo.backend.objects.delete(`locks/${id}`);
    };
    await take(repo, clock, { exclusive: true });
    expect(clock.waits).not.toContain(5000);
  });

  test('with a retry time it waits 5 seconds, doubling to a minute, and gets the lock when it is free', async () => {
    const repo = repository();
    const clock = fakeClock();
    const other = await take(repo, clock, { exclusive: true });
    const waits: number[] = [];
    const pending = acquireLock(repo, {
      ...me,
      exclusive: true,
      clock,
      retryMs: 10 * MINUTE,
      onWait: (conflict, delayMs) => {
        expect(conflict.code).toBe('locked');
        waits.push(delayMs);
      },
    });
    await clock.advance(4 * MINUTE);
    expect(waits).toEqual([5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
    await other.release();
    await clock.advance(MINUTE + 500);
    held.push(await pending);
  });

  test('when the retry time is over it says locked', async () => {
    const repo = repository();
    const clock = fakeClock();
    await take(repo, clock, { exclusive: true });
    const pending = acquireLock(repo, { ...me, exclusive: false, clock, retryMs: 12_000 });
    pending.catch(() => {});
    await clock.advance(13_000);
    await expect(pending).rejects.toMatchObject({ code: 'locked' });
  });

  test('an abort while settling removes the lock just written', async () => {
    const repo = repository();
    const clock = fakeClock();
    const abort = new AbortController();
    const pending = acquireLock(repo, { ...me, exclusive: false, clock, signal: abort.signal });
    await settle();
    expect(await lockNames(repo)).toHaveLength(1);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(pending).rejects.toBe(reason);
    expect(await lockNames(repo)).toEqual([]);
  });
});

describe('holding a lock', () => {
  test('every 5 minutes a new file replaces the old one; there is always one', async () => {
    const repo = repository();
    const clock = fakeClock();
    const lock = await take(repo, clock);
    const seen = new Set<string>();
    for (let minute = 0; minute < 21; minute++) {
      await clock.advance(MINUTE);
      const names = await lockNames(repo);
      expect(names).toEqual([lock.id]);
      seen.add(lock.id);
      const stored = decodeLock(await repo.loadUnpacked('locks', lock.id));
      expect(clock.now() - stored.timeMs).toBeLessThanOrEqual(5 * MINUTE + 2000);
    }
    expect(seen.size).toBe(5);
    expect(lock.lost.aborted).toBe(false);
  });

  test('the new file is written before the old one goes', async () => {
    const repo = repository();
    const clock = fakeClock();
    const lock = await take(repo, clock);
    const counts: number[] = [];
    const remove = repo.backend.remove.bind(repo.backend);
    Object.assign(repo.backend, {
      remove: async (handle: Parameters<typeof remove>[0]) => {
        counts.push((await lockNames(repo)).length);
        await remove(handle);
      },
    });
    await clock.advance(6 * MINUTE);
    expect(counts).toEqual([2]);
    expect(lock.lost.aborted).toBe(false);
  });

  test('a refresh that fails is told and tried again after a minute', async () => {
    const repo = repository();
    const clock = fakeClock();
    const failures: unknown[] = [];
    const lock = await take(repo, clock, { onRefreshFailed: (error) => failures.push(error) });
    const first = lock.id;
    repo.fail = (step) => {
      if (step === 'save') throw new HostarkError('backend-unavailable', 'down');
    };
    await clock.advance(8 * MINUTE);
    expect(failures).toHaveLength(4);
    repo.fail = () => {};
    await clock.advance(2 * MINUTE);
    expect(lock.id).not.toBe(first);
    expect(lock.lost.aborted).toBe(false);
  });

  test('without a refresh for 22.5 minutes the lock is lost', async () => {
    const repo = repository();
    const clock = fakeClock();
    const lock = await take(repo, clock);
    repo.fail = (step) => {
      if (step === 'save') throw new HostarkError('backend-unavailable', 'down');
    };
    await clock.advance(22 * MINUTE);
    expect(lock.lost.aborted).toBe(false);
    await clock.advance(MINUTE);
    expect(lock.lost.aborted).toBe(true);
    expect(lock.lost.reason).toMatchObject({ code: 'lock-lost' });
  });

  test('a write that hangs does not hide the loss', async () => {
    const repo = repository();
    const clock = fakeClock();
    const lock = await take(repo, clock);
    const open = hangSaves(repo);
    await clock.advance(25 * MINUTE);
    expect(lock.lost.aborted).toBe(true);
    open();
    await clock.advance(1000);
  });

  test('a write that hangs does not keep release waiting, and leaves no file when it ends at last', async () => {
    const repo = repository();
    const clock = fakeClock();
    const lock = await take(repo, clock);
    const open = hangSaves(repo);
    await clock.advance(6 * MINUTE);
    const released = lock.release();
    await clock.advance(11_000);
    await released;
    expect(await lockNames(repo)).toEqual([]);
    open();
    await settle();
    expect(await lockNames(repo)).toEqual([]);
  });

  test('after a standby the lock is renewed if its file is still there', async () => {
    const repo = repository();
    const clock = fakeClock();
    const lock = await take(repo, clock);
    const before = lock.id;
    clock.jump(8 * 60 * MINUTE);
    await clock.advance(5000);
    expect(lock.lost.aborted).toBe(false);
    expect(lock.id).not.toBe(before);
    expect(await lockNames(repo)).toEqual([lock.id]);
  });

  test('after a standby in which somebody removed it the lock is lost', async () => {
    const repo = repository();
    const clock = fakeClock();
    const lock = await take(repo, clock);
    repo.backend.objects.clear();
    clock.jump(8 * 60 * MINUTE);
    await clock.advance(5000);
    expect(lock.lost.reason).toMatchObject({ code: 'lock-lost' });
    expect(await lockNames(repo)).toEqual([]);
  });

  test('release may be called twice, and nothing is written afterwards', async () => {
    const repo = repository();
    const clock = fakeClock();
    const lock = await take(repo, clock);
    await Promise.all([lock.release(), lock.release()]);
    await lock.release();
    await clock.advance(60 * MINUTE);
    expect(await lockNames(repo)).toEqual([]);
    expect(lock.lost.aborted).toBe(false);
  });

  test('a release during a refresh leaves no file', async () => {
    const repo = repository();
    const clock = fakeClock();
    const lock = await take(repo, clock);
    const open = hangSaves(repo);
    await clock.advance(5 * MINUTE + 1000);
    const released = lock.release();
    open();
    await released;
    expect(await lockNames(repo)).toEqual([]);
  });

  test('a real clock works as well, and `await using` releases', async () => {
    const repo = repository();
    const lock = await acquireLock(repo, { ...me, exclusive: true });
    expect(await lockNames(repo)).toEqual([lock.id]);
    await lock[Symbol.asyncDispose]();
    expect(await lockNames(repo)).toEqual([]);
  });
});

describe('stale', () => {
  const rule = { nowMs: info.timeMs + 10 * MINUTE, host: 'db-2', isAlive: () => true };
  test('is what is older than 30 minutes, or of a dead process of this host', () => {
    expect(isStale(info, rule)).toBe(false);
    expect(isStale(info, { ...rule, nowMs: info.timeMs + 30 * MINUTE })).toBe(false);
    expect(isStale(info, { ...rule, nowMs: info.timeMs + 30 * MINUTE + 1 })).toBe(true);
    expect(isStale(info, { ...rule, isAlive: () => false })).toBe(true);
    expect(isStale(info, { ...rule, isAlive: () => false, host: 'web-1' })).toBe(false);
  });

  test('the liveness probe hurts nobody: a child without handlers survives it, and is dead when it has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    expect(isProcessAlive(pid)).toBe(true);
    expect(isProcessAlive(pid)).toBe(true);
    expect(child.exitCode).toBe(null);
    child.stdin.end();
    await once(child, 'exit');
    expect(isProcessAlive(pid)).toBe(false);
  });

  test('process groups are not processes', () => {
    for (const pid of [0, -1, -process.pid, 1.5, Number.NaN]) expect(isProcessAlive(pid)).toBe(false);
  });

  test('"not permitted" means alive', ({ skip }) => {
    if (process.getuid?.() === 0) return skip('root may signal everyone');
    expect(isProcessAlive(1)).toBe(true);
  });
});

describe('unlock', () => {
  async function prepared(): Promise<{ repo: TestRepository; clock: FakeClock; ids: Record<string, string> }> {
    const repo = repository();
    const clock = fakeClock();
    const now = clock.now();
    const ids = {
      fresh: await repo.saveUnpacked('locks', encodeLock({ ...info, timeMs: now })),
      old: await repo.saveUnpacked('locks', encodeLock({ ...info, timeMs: now - 31 * MINUTE })),
      dead: await repo.saveUnpacked('locks', encodeLock({ ...info, timeMs: now, host: 'web-1', pid: 1234 })),
      alive: await repo.saveUnpacked('locks', encodeLock({ ...info, timeMs: now, host: 'web-1', pid: 5678 })),
    };
    repo.backend.objects.set(`locks/${'e'.repeat(64)}`, new Uint8Array(0));
    repo.backend.objects.set(`locks/${'d'.repeat(64)}`, Uint8Array.of(1));
    return { repo, clock, ids };
  }

  test('removes stale locks and no others', async () => {
    const { repo, clock, ids } = await prepared();
    const removed = await unlock(repo, { host: 'web-1', clock, isAlive: (pid) => pid === 5678 });
    expect(removed.map((lock) => lock.id).sort()).toEqual([ids.old, ids.dead].sort());
    expect((await lockNames(repo)).sort()).toEqual([ids.fresh, ids.alive, 'e'.repeat(64), 'd'.repeat(64)].sort());
  });

  test('removes everything when asked to', async () => {
    const { repo, clock } = await prepared();
    const removed = await unlock(repo, { host: 'web-1', clock, removeAll: true });
    expect(removed).toHaveLength(6);
    expect(removed.filter((lock) => lock.info === null)).toHaveLength(2);
    expect(await lockNames(repo)).toEqual([]);
  });
});
