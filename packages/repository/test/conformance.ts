/**
 * What every backend owes: the contract of src/backend.ts as tests. An implementation or wrapper supplies a factory.
 * Object names are the SHA-256 of their content, as in a real repository; a store may insist on that.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, Body, FileType, Handle } from '../src/backend.ts';

/** What a factory hands over: an empty backend, and a way to put bytes at a path behind its back. */
export interface Subject {
  readonly backend: Backend;
  /** Writes bytes at a path of the default layout (`index/junk`), replacing what is there. */
  readonly plant?: (path: string, bytes: Uint8Array) => Promise<void> | void;
  readonly dispose?: () => Promise<void> | void;
}

export interface ConformanceOptions {
  /** Bytes of the big body. @default 20 MiB */
  readonly bigBody?: number;
  /** Skips the whole suite, visibly, when the place cannot be had here. */
  readonly skip?: boolean;
}

const TYPES: readonly FileType[] = ['keys', 'locks', 'snapshots', 'index', 'data'];

/** Returns `length` bytes that differ with `seed`; xorshift, so that nothing repeats. */
export function patternBytes(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state >>> 0;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Returns the handle that content of this type has. */
export function handleOf(type: FileType, content: Uint8Array): Handle {
  return { type, name: type === 'config' ? '' : createHash('sha256').update(content).digest('hex') };
}

/** Compares bytes; much faster than toEqual, and short when it fails. */
export function expectBytes(found: Uint8Array, expected: Uint8Array): void {
  expect(found.length).toBe(expected.length);
  const differs = Buffer.compare(found, expected) === 0 ? -1 : found.findIndex((byte, i) => byte !== expected[i]);
  expect(differs, 'first offset that differs').toBe(-1);
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

/** Runs the suite against what `factory` makes. */
export function describeBackend(
  name: string,
  factory: () => Promise<Subject> | Subject,
  options: ConformanceOptions = {},
): void {
  describe.skipIf(options.skip ?? false)(`backend: ${name}`, () => {
    let subject: Subject;
    let backend: Backend;
    beforeAll(async () => {
      subject = await factory();
      backend = subject.backend;
    });
    afterAll(async () => {
      await backend?.close();
      await subject?.dispose?.();
    });

    /** Saves fresh content and returns where. */
    async function store(type: FileType, content: Uint8Array, body: Body = content): Promise<Handle> {
      const handle = handleOf(type, content);
      await backend.save(handle, body, { sha256: createHash('sha256').update(content).digest() });
      return handle;
    }

    describe('save and load', () => {
      test.each(TYPES)('an object of type %s comes back as it was saved', async (type) => {
        const content = patternBytes(1000, type.length + 10);
        const handle = await store(type, content);
        expectBytes(await backend.load(handle), content);
        expect(await backend.size(handle)).toBe(1000);
        expect(await backend.exists(handle)).toBe(true);
      });

      test('memory offered for an answer changes nothing about it, whether it is used or too small', async () => {
        const content = patternBytes(3000, 22);
        const handle = await store('data', content);
        for (const room of [0, 999, 1000, 5000]) {
          const into = new Uint8Array(new SharedArrayBuffer(room));
          const part = await backend.load(handle, { offset: 100, length: 1000 }, { into });
          expectBytes(new Uint8Array(part), content.subarray(100, 1100));
          if (part.buffer === into.buffer) expect(part.byteOffset).toBe(0);
        }
      });

      test('a body in parts is stored in their order, empty parts included', async () => {
        const content = patternBytes(70_000, 21);
        const parts = [
          content.subarray(0, 1),
          new Uint8Array(0),
          content.subarray(1, 65_537),
          content.subarray(65_537),
        ];
        const handle = await store('data', content, parts);
        expectBytes(await backend.load(handle), content);
      });

      test('an empty body can be stored', async () => {
        const content = new Uint8Array(0);
        for (const body of [content, []] as Body[]) {
          const handle = await store('data', content, body);
          expect(await backend.size(handle)).toBe(0);
          expectBytes(await backend.load(handle), content);
        }
      });

      test('bodies over shared memory are stored, whole and in parts', async () => {
        const shared = new Uint8Array(new SharedArrayBuffer(300_000), 100, 250_000);
        shared.set(patternBytes(250_000, 22));
        const copy = shared.slice();
        const handle = handleOf('data', copy);
        await backend.save(handle, shared);
        expectBytes(await backend.load(handle), new Uint8Array(copy));
        await backend.remove(handle);
        await backend.save(handle, [shared.subarray(0, 100_001), shared.subarray(100_001)]);
        expectBytes(await backend.load(handle), new Uint8Array(copy));
      });

      test('a big body comes back whole and by ranges', async () => {
        const content = patternBytes(options.bigBody ?? 20 * 1024 * 1024 + 7, 23);
        const handle = await store('data', content);
        const back = await backend.load(handle);
        expectBytes(back, content);
        for (const length of [65_535, 65_536, 65_537, 3_000_001]) {
          const part = await backend.load(handle, { offset: 1_048_575, length });
          expectBytes(part, content.subarray(1_048_575, 1_048_575 + length));
        }
        await backend.remove(handle);
      });

      test('the caller owns what load returns', async () => {
        const content = patternBytes(500, 24);
        const handle = await store('data', content);
        (await backend.load(handle)).fill(0);
        (await backend.load(handle, { offset: 0, length: 10 })).fill(0);
        expectBytes(await backend.load(handle), content);
      });

      test('the body may be reused as soon as save has resolved', async () => {
        const buffer = patternBytes(5000, 25);
        const content = buffer.slice();
        const handle = handleOf('data', content);
        await backend.save(handle, buffer);
        buffer.fill(0);
        expectBytes(await backend.load(handle), content);
      });

      test('saving an object that is there is success', async () => {
        const content = patternBytes(333, 26);
        const handle = await store('index', content);
        await store('index', content);
        expectBytes(await backend.load(handle), content);
        expect((await collect(backend.list('index'))).filter((entry) => entry.name === handle.name)).toHaveLength(1);
      });

      test('many saves, also of the same object, and loads at the same time end well', async () => {
        const contents = Array.from({ length: 24 }, (_, i) => patternBytes(10_000 + i, 100 + (i % 12)));
        const handles = await Promise.all(contents.map((content) => store('snapshots', content)));
        await Promise.all(
          [...handles, ...handles].map(async (handle, i) => {
            expectBytes(await backend.load(handle), contents[i % 24]!);
          }),
        );
        await Promise.all(handles.map((handle) => backend.remove(handle)));
      });
    });

    describe('config', () => {
      test('there is one; creating it twice is an error and changes nothing', async () => {
        const config: Handle = { type: 'config', name: '' };
        expect(await backend.exists(config)).toBe(false);
        await expect(backend.load(config)).rejects.toMatchObject({ code: 'object-missing' });
        await backend.save(config, patternBytes(155, 31), { createOnly: true });
        await expect(backend.save(config, patternBytes(155, 32), { createOnly: true })).rejects.toMatchObject({
          code: 'repository-exists',
        });
        expectBytes(await backend.load(config), patternBytes(155, 31));
        expect(await backend.size(config)).toBe(155);
      });

      test('it can be replaced when that is meant', async () => {
        const config: Handle = { type: 'config', name: '' };
        await backend.save(config, [patternBytes(100, 33), patternBytes(60, 34)]);
        expect(await backend.size(config)).toBe(160);
        await backend.remove(config);
        expect(await backend.exists(config)).toBe(false);
      });

      test('of two who create it at the same time one succeeds', async () => {
        const config: Handle = { type: 'config', name: '' };
        const tries = [41, 42, 43].map((seed) => backend.save(config, patternBytes(155, seed), { createOnly: true }));
        const outcomes = await Promise.allSettled(tries);
        expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
        const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled');
        expectBytes(await backend.load(config), patternBytes(155, 41 + winner));
        await backend.remove(config);
      });
    });

    describe('ranges', () => {
      const content = patternBytes(1000, 51);
      let handle: Handle;
      beforeAll(async () => {
        handle = await store('data', content);
      });

      test.each([
        [0, 1],
        [0, 1000],
        [999, 1],
        [1, 998],
        [500, 0],
        [1000, 0],
      ])('offset %i length %i gives exactly those bytes', async (offset, length) => {
        expectBytes(await backend.load(handle, { offset, length }), content.slice(offset, offset + length));
      });

      test.each([
        [0, 1001],
        [999, 2],
        [1000, 1],
        [5000, 10],
        [1001, 0],
      ])('offset %i length %i reaches beyond the end: object-truncated', async (offset, length) => {
        if (length === 0) {
          // An empty range beyond the end may be seen as truncated or as empty; it must not be anything else.
          const outcome = await backend.load(handle, { offset, length }).catch((error) => error);
          expect(outcome instanceof Uint8Array ? outcome.length : outcome.code).toSatisfy(
            (found) => found === 0 || found === 'object-truncated',
          );
          return;
        }
        await expect(backend.load(handle, { offset, length })).rejects.toMatchObject({ code: 'object-truncated' });
      });

      test.each([
        [-1, 5],
        [0, -1],
        [0.5, 1],
        [0, Number.NaN],
      ])('offset %d length %d is a RangeError', async (offset, length) => {
        await expect(async () => backend.load(handle, { offset, length })).rejects.toThrow(RangeError);
      });
    });

    describe('what is not there', () => {
      const missing = handleOf('data', patternBytes(10, 61));

      test('load, range and size say object-missing and name the object', async () => {
        for (const call of [
          () => backend.load(missing),
          () => backend.load(missing, { offset: 0, length: 5 }),
          () => backend.load(missing, { offset: 0, length: 0 }),
          () => backend.size(missing),
        ]) {
          await expect(call()).rejects.toMatchObject({
            code: 'object-missing',
            message: expect.stringContaining(missing.name),
          });
        }
      });

      test('exists is false and remove is success', async () => {
        expect(await backend.exists(missing)).toBe(false);
        await backend.remove(missing);
        await backend.remove(missing);
      });

      test('an object that was removed is missing and can be saved again', async () => {
        const content = patternBytes(77, 62);
        const handle = await store('keys', content);
        await backend.remove(handle);
        expect(await backend.exists(handle)).toBe(false);
        await expect(backend.load(handle)).rejects.toMatchObject({ code: 'object-missing' });
        await store('keys', content);
        expectBytes(await backend.load(handle), content);
      });
    });

    describe('list', () => {
      test('every object of a type is listed once with its size, and no other type', async () => {
        for (const type of TYPES) {
          const before = new Map((await collect(backend.list(type))).map((entry) => [entry.name, entry.size]));
          const contents = Array.from({ length: 5 }, (_, i) => patternBytes(40 + i, 70 + i + 10 * TYPES.indexOf(type)));
          for (const content of contents) before.set((await store(type, content)).name, content.length);
          const listed = await collect(backend.list(type));
          expect(listed).toHaveLength(before.size);
          expect(new Map(listed.map((entry) => [entry.name, entry.size]))).toEqual(before);
        }
      });

      test('names that are junk are left out', async ({ skip }) => {
        if (subject.plant === undefined) return skip('this subject cannot be written behind its back');
        const good = await store('index', patternBytes(99, 121));
        const junk = ['index/README', `index/${'A'.repeat(64)}`, `index/${good.name}-tmp-12345`, `index/${good.name}0`];
        const misplaced = good.name.startsWith('00') ? '11' : '00';
        for (const path of [
          ...junk,
          'data/zz/x',
          `data/${misplaced}/${good.name}`,
          `data/${good.name.slice(0, 2)}/x y`,
        ]) {
          await subject.plant(path, patternBytes(50, 122));
        }
        const names = (await collect(backend.list('index'))).map((entry) => entry.name);
        expect(names).toContain(good.name);
        expect(names.every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
        const packs = (await collect(backend.list('data'))).map((entry) => entry.name);
        expect(packs).not.toContain(good.name);
      });

      test('objects may be removed while they are listed', async () => {
        for await (const { name } of backend.list('locks')) await backend.remove({ type: 'locks', name });
        expect(await collect(backend.list('locks'))).toEqual([]);
      });

      test('the config is in no list', async () => {
        expect(await collect(backend.list('config'))).toEqual([]);
      });
    });

    test('an object that was cut short behind our back is object-truncated by range, and its size tells', async ({
      skip,
    }) => {
      if (subject.plant === undefined) return skip('this subject cannot be written behind its back');
      const content = patternBytes(4000, 131);
      const handle = await store('data', content);
      await subject.plant(`data/${handle.name.slice(0, 2)}/${handle.name}`, content.subarray(0, 1500));
      await expect(backend.load(handle, { offset: 1000, length: 1000 })).rejects.toMatchObject({
        code: 'object-truncated',
      });
      expect(await backend.size(handle)).toBe(1500);
      expectBytes(await backend.load(handle, { offset: 500, length: 1000 }), content.slice(500, 1500));
    });

    test('a name that is not an object name is refused before anything is touched', async () => {
      for (const name of ['', '../../etc/passwd', 'ab', 'A'.repeat(64), `${'a'.repeat(64)}\n`]) {
        const handle: Handle = { type: 'data', name };
        await expect(async () => backend.save(handle, new Uint8Array(1))).rejects.toThrow(TypeError);
        await expect(async () => backend.load(handle)).rejects.toThrow(TypeError);
        await expect(async () => backend.remove(handle)).rejects.toThrow(TypeError);
      }
    });

    describe('abort', () => {
      test('a signal that is aborted already rejects with its reason, and nothing is stored', async () => {
        const reason = new Error('stop now');
        const signal = AbortSignal.abort(reason);
        const content = patternBytes(100, 141);
        const handle = handleOf('data', content);
        await expect(backend.save(handle, content, { signal })).rejects.toBe(reason);
        expect(await backend.exists(handle)).toBe(false);
        await store('data', content);
        await expect(backend.load(handle, undefined, { signal })).rejects.toBe(reason);
      });

      test('a signal aborted on the way leaves the whole object or none', async () => {
        const content = patternBytes(8 * 1024 * 1024, 142);
        const handle = handleOf('data', content);
        for (const turns of [0, 1, 3, 10]) {
          const abort = new AbortController();
          const reason = new Error(`after ${turns} turns`);
          const saving = backend.save(handle, content, { signal: abort.signal }).then(
            () => 'stored',
            (error) => error,
          );
          for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
          abort.abort(reason);
          expect(['stored', reason]).toContain(await saving);
          if (await backend.exists(handle)) expectBytes(await backend.load(handle), content);
          await backend.remove(handle);
        }
      });
    });
  });
}
