/** Objects of a folder that are written before their name is known. */
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beginsAtPage, pagesOfSharedMemory } from '@hostark/kernels';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Backend, Spool } from '../../src/backend.ts';
import { heldBack } from '../../src/backends/held-back.ts';
import { initLocalDirectory, localBackend } from '../../src/backends/local.ts';
import { retrying } from '../../src/backends/retrying.ts';
import { collect, expectBytes, handleOf, patternBytes } from '../conformance.ts';

const content = patternBytes(3000, 5);
const pack = handleOf('data', content);
let root: string;
let backend: Backend;

beforeEach(async () => {
  root = join(mkdtempSync(join(tmpdir(), 'hostark-spool-')), 'repo');
  await initLocalDirectory(root);
  backend = localBackend(root);
});
afterEach(() => rmSync(join(root, '..'), { recursive: true, force: true }));

function spoolOf(of: Backend): Spool {
  const open = of.traits?.spools?.();
  expect(open).not.toBeNull();
  return open!();
}
const temporaries = (): string[] => readdirSync(join(root, 'data')).filter((name) => name.includes('-tmp-'));

/** Large enough to go to the disk directly. */
const PIECE = 256 * 1024;

function inPages(bytes: Uint8Array): Uint8Array {
  const pages = pagesOfSharedMemory(bytes.length);
  pages.set(bytes);
  return pages;
}

/** Not in memory (tmpfs), say. */
function knowsDirect(): boolean {
  try {
    closeSync(openSync(join(root, 'config-probe'), constants.O_WRONLY | constants.O_CREAT | constants.O_DIRECT));
    return beginsAtPage(pagesOfSharedMemory(1));
  } catch {
    return false;
  }
}

/** How this process holds temporary files open, by the flags that the kernel tells. */
function openModes(): string[] {
  const held = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(join(root, 'data', 'spool-tmp-'));
    } catch {
      return false; // the one that listed
    }
  });
  const flags = held.map((fd) => /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!);
  return flags.map((text) => ((Number.parseInt(text, 8) & constants.O_DIRECT) === 0 ? 'cached' : 'direct')).sort();
}

describe('a spool', () => {
  test('becomes the object that save() would have made, whatever its pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 6 }), async (cuts) => {
        const ends = [...cuts, 3000].sort((a, b) => a - b);
        const spool = spoolOf(backend);
        for (const [i, end] of ends.entries()) await spool.append(content.subarray(ends[i - 1] ?? 0, end));
        await spool.publish(pack);
        expectBytes(await backend.load(pack), content);
        expect(statSync(join(root, 'data', pack.name.slice(0, 2), pack.name)).mode & 0o777).toBe(0o400);
        expect(temporaries()).toEqual([]);
        await backend.remove(pack);
      }),
      { seed: 20_260_108, numRuns: 20 },
    );
  });

  test('takes whole pages past the page cache, and what is left by way of it', async () => {
    const bytes = patternBytes(PIECE + PIECE + 1234, 11);
    const large = handleOf('data', bytes);
    const spool = spoolOf(backend);
    await spool.append(inPages(bytes.subarray(0, PIECE)));
    if (knowsDirect()) expect(openModes()).toEqual(['cached', 'direct']);
    await spool.append(inPages(bytes.subarray(PIECE)));
    await spool.publish(large);
    expectBytes(await backend.load(large), bytes);
    expect(openModes()).toEqual([]);
  });

  test('takes pages wherever they lie, in memory and in the file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(2), { minLength: 1, maxLength: 5 }), fc.nat(5000), async (kinds, first) => {
        const pieces = kinds.map((kind, i) => patternBytes(kind === 2 ? 5001 : PIECE, i));
        if (first > 4500) pieces.unshift(patternBytes(first, 9));
        const bytes = Buffer.concat(pieces);
        const spool = spoolOf(backend);
        for (const [i, piece] of pieces.entries()) await spool.append(kinds[i] === 1 ? inPages(piece) : piece);
        const whole = handleOf('data', bytes);
        await spool.publish(whole);
        expectBytes(await backend.load(whole), bytes);
        await backend.remove(whole);
      }),
      { seed: 20_261_130, numRuns: 25 },
    );
  });

  test('shows nobody an object before it is published', async () => {
    const spool = spoolOf(backend);
    await spool.append(content);
    expect(await collect(backend.list('data'))).toEqual([]);
    expect(await backend.exists(pack)).toBe(false);
    expect(temporaries()).toHaveLength(1);
    await spool.publish(pack);
    expect((await collect(backend.list('data'))).map(({ name }) => name)).toEqual([pack.name]);
  });

  test('leaves nothing when it is discarded, and what was published stays', async () => {
    const [dropped, kept, unused] = [spoolOf(backend), spoolOf(backend), spoolOf(backend)];
    await dropped.append(content);
    await dropped.discard();
    await unused.discard();
    await kept.append(content);
    await kept.publish(pack);
    await kept.discard();
    expect(temporaries()).toEqual([]);
    expectBytes(await backend.load(pack), content);
  });

  test('makes the folder of its object when that is missing', async () => {
    rmSync(join(root, 'data', pack.name.slice(0, 2)), { recursive: true });
    const spool = spoolOf(backend);
    await spool.append(content);
    await spool.publish(pack);
    expectBytes(await backend.load(pack), content);
  });

  test('is not published once the signal is aborted', async () => {
    const spool = spoolOf(backend);
    await spool.append(content);
    const reason = new Error('the lock was lost');
    await expect(spool.publish(pack, AbortSignal.abort(reason))).rejects.toBe(reason);
    await spool.discard();
    expect(await backend.exists(pack)).toBe(false);
    expect(temporaries()).toEqual([]);
  });

  test('says what save() says when the folder is gone', async () => {
    const spool = spoolOf(backend);
    rmSync(root, { recursive: true });
    await expect(spool.append(content)).rejects.toMatchObject({ name: 'HostarkError' });
    await spool.discard();
  });

  test('is not offered by who may not write, and comes through wrappers', () => {
    expect(localBackend(root, { readOnly: true }).traits?.spools?.()).toBeNull();
    expect(retrying(backend).traits?.spools?.()).toBeTypeOf('function');
  });

  test('waits with its name, not with its bytes, while changes are held back', async () => {
    let allow = (): void => {};
    const spool = spoolOf(heldBack(backend, new Promise<void>((resolve) => (allow = resolve))));
    await spool.append(content);
    const published = spool.publish(pack);
    // Everything that the publication could do without leave has had its turn when another save is through.
    const other = handleOf('data', patternBytes(10, 1));
    await backend.save(other, patternBytes(10, 1));
    expect(await backend.exists(pack)).toBe(false);
    allow();
    await published;
    expectBytes(await backend.load(pack), content);
    const refusal = Promise.reject(new Error('somebody else has the lock'));
    refusal.catch(() => {});
    const refused = spoolOf(heldBack(backend, refusal));
    await refused.append(content);
    await expect(refused.publish(pack)).rejects.toThrow('somebody else has the lock');
    await refused.discard();
    expect(temporaries()).toEqual([]);
  });
});
