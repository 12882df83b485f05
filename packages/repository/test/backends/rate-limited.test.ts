/** Rates, in the time of a fake clock and in that of this machine; that the wrapper keeps the contract is in conformance.test.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sandbox, startSandbox } from '@hostark/sandbox';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, Pace } from '../../src/backend.ts';
import { memoryBackend } from '../../src/backends/memory.ts';
import { openBackend } from '../../src/backends/open.ts';
import { Pacer } from '../../src/backends/pacer.ts';
import { rateLimited } from '../../src/backends/rate-limited.ts';
import { expectBytes, handleOf, patternBytes } from '../conformance.ts';
import { fakeClock } from '../fake-clock.ts';

const KIB = 1024;
const content = patternBytes(100, 1);
const pack = handleOf('data', content);
const lock = handleOf('locks', content);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

describe('the pacer', () => {
  test('passes what it is given at the rate, within 5 %, whatever the pieces', async () => {
    const rates = fc.integer({ min: KIB, max: 200 << 20 });
    const pieces = fc.array(fc.integer({ min: 1, max: 1 << 20 }), { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(rates, pieces, async (rate, sizes) => {
        const clock = fakeClock({ eager: true });
        const start = clock.now();
        const pacer = new Pacer(rate, clock);
        for (const size of sizes) await pacer.take(size);
        expect((clock.now() - start) / ((1000 * sum(sizes)) / rate)).toBeCloseTo(1, 2);
      }),
      { seed: 11, numRuns: 100 },
    );
  });

  test('late timers are made up for, longer silence is not', async () => {
    const clock = fakeClock({ eager: true });
    const pacer = new Pacer(1000, clock);
    clock.jump(40);
    await pacer.take(50);
    clock.jump(60_000);
    await pacer.take(100);
    await pacer.take(100);
    expect(clock.waits).toEqual([10, 50, 100]);
  });

  test('many transfers share the rate, and all go on', async () => {
    const clock = fakeClock();
    const pacer = new Pacer(10_000, clock);
    const passed = [0, 0, 0, 0];
    const transfers = passed.map(async (_, i) => {
      for (let piece = 0; piece < 20; piece++) {
        await pacer.take(500);
        passed[i]! += 500;
      }
    });
    await clock.advance(2000);
    expect(sum(passed)).toBe(20_000);
    expect(passed).toEqual([5000, 5000, 5000, 5000]);
    await clock.advance(2000);
    await Promise.all(transfers);
  });

  test('pieces are a moment long at every rate', () => {
    const pieces = [1, 100, 1000, 1e6].map((kib) => new Pacer(kib * KIB, fakeClock()).pieceBytes);
    expect(pieces).toEqual([256, 5120, 51_200, 1 << 20]);
  });

  test('an aborted wait still owes what it waited for', async () => {
    const clock = fakeClock();
    const pacer = new Pacer(1000, clock);
    const abort = new AbortController();
    const aborted = pacer.take(1000, abort.signal);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    let passed = false;
    const next = pacer.take(100).then(() => (passed = true));
    await clock.advance(1099);
    expect(passed).toBe(false);
    await clock.advance(1);
    await next;
  });
});

describe('rateLimited', () => {
  test('uploads keep to their rate from the first one on, downloads pass freely', async () => {
    const clock = fakeClock({ eager: true });
    const backend = rateLimited(memoryBackend(), { uploadBps: 1000, clock });
    for (let i = 0; i < 10; i++) await backend.save(pack, content);
    expect(sum(clock.waits)).toBeCloseTo(1000);
    await backend.load(pack);
    expect(clock.waits).toHaveLength(10);
  });

  test('downloads keep to theirs, whole objects and ranges', async () => {
    const clock = fakeClock({ eager: true });
    const backend = rateLimited(memoryBackend(), { downloadBps: 1000, clock });
    await backend.save(pack, content);
    await backend.load(pack);
    await backend.load(pack, { offset: 0, length: 50 });
    await backend.load(pack, { offset: 0, length: 50 });
    expect(sum(clock.waits)).toBeCloseTo(200);
  });

  test('locks are never held back', async () => {
    const clock = fakeClock({ eager: true });
    const backend = rateLimited(memoryBackend(), { uploadBps: 1, downloadBps: 1, clock });
    await backend.save(lock, content);
    await backend.load(lock);
    expect(clock.waits).toEqual([]);
  });

  test('few answers are under way at a low rate, and as many as ever at a high one', () => {
    const inner = memoryBackend();
    const connections = [1, 100, 4096, 1e6].map((kib) => rateLimited(inner, { downloadBps: kib * KIB }).connections);
    expect(connections).toEqual([1, 2, 8, 16]);
    expect(rateLimited(inner, { uploadBps: KIB }).connections).toBe(16);
  });
});

/** Lets everything pass and remembers the pieces. */
function recordingPace(pieceBytes: number): Pace & { readonly pieces: number[] } {
  const pieces: number[] = [];
  return {
    pieceBytes,
    pieces,
    take: async (bytes) => {
      pieces.push(bytes);
    },
  };
}

describe.each(['a folder', 'S3'] as const)('%s', (place) => {
  let directory: string;
  let sandbox: Sandbox | null = null;
  let location: string;
  const open = (rates: { uploadBps?: number; downloadBps?: number } = {}): Promise<Backend> =>
    openBackend(location, {
      create: true,
      rates,
      ...(sandbox === null ? {} : { s3: { credentials: sandbox.adminCredentials, region: 'eu-central-1' } }),
    });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hostark-rates-'));
    if (place === 'S3') sandbox = await startSandbox({ directory, region: 'eu-central-1' });
    location = sandbox === null ? join(directory, 'repo') : `s3:${sandbox.endpoint}/rates/repo`;
  });
  afterAll(async () => {
    await sandbox?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('asks for leave for every byte of a body, and takes no more at once than it may', async () => {
    const backend = await open();
    const bytes = patternBytes(300_000, 5);
    const handle = handleOf('data', bytes);
    const up = recordingPace(7000);
    await backend.save(handle, [bytes.subarray(0, 100_001), bytes.subarray(100_001)], { pace: up });
    expect(sum(up.pieces)).toBe(bytes.length);
    expect(Math.max(...up.pieces)).toBe(7000);
    const down = recordingPace(7000);
    expectBytes(await backend.load(handle, undefined, { pace: down }), bytes);
    expect(sum(down.pieces)).toBe(bytes.length);
    const part = recordingPace(7000);
    expectBytes(await backend.load(handle, { offset: 9, length: 200_000 }, { pace: part }), bytes.subarray(9, 200_009));
    expect(sum(part.pieces)).toBe(200_000);
    await backend.close();
  });

  test('is never faster than it may be (a moment may be made up for), in transfers side by side or one after the other, small or large', async () => {
    const rate = 2000 * KIB;
    const backend = await open({ uploadBps: rate, downloadBps: rate });
    const bodies = [900, 600, 400, 60, 40].map((kib, i) => patternBytes(kib * KIB, 50 + i));
    const timed = async (work: (body: Uint8Array) => Promise<unknown>): Promise<number> => {
      const start = performance.now();
      await Promise.all(bodies.slice(0, 3).map(work));
      for (const body of bodies.slice(3)) await work(body);
      return (performance.now() - start) / 1000;
    };
    expect(await timed((body) => backend.save(handleOf('data', body), body))).toBeGreaterThan(1 * 0.94);
    expect(await timed((body) => backend.load(handleOf('data', body)))).toBeGreaterThan(1 * 0.94);
    await backend.close();
  });

  test('a slow transfer that is aborted ends at once and leaves nothing behind', async () => {
    const backend = await open({ uploadBps: 10 * KIB });
    const bytes = patternBytes(100 * KIB, 77);
    const abort = new AbortController();
    const reason = new Error('enough');
    const start = performance.now();
    const saving = backend.save(handleOf('data', bytes), bytes, { signal: abort.signal });
    setTimeout(() => abort.abort(reason), 100);
    await expect(saving).rejects.toBe(reason);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(await backend.exists(handleOf('data', bytes))).toBe(false);
    await backend.close();
  });
});
