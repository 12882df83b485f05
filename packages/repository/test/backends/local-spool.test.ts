/** Objects of a folder that are written before their name is known. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
