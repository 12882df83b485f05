import { createHash } from 'node:crypto';
import { BLOB_RECORD } from '@hostark/kernels';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from '../../src/encoding/bytes.ts';
import { toHex } from '../../src/ids.ts';
import { readIndex } from '../../src/index/decode.ts';

const ID = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => toHex(raw));
const blob = fc.record({
  id: ID,
  type: fc.constantFrom('data', 'tree'),
  offset: fc.integer({ min: 0, max: 0xffffffff }),
  length: fc.integer({ min: 0, max: 0xffffffff }),
  uncompressed_length: fc.option(fc.integer({ min: 1, max: 0xffffffff }), { nil: undefined }),
});
const packs = fc.array(fc.record({ id: ID, blobs: fc.array(blob, { minLength: 1, maxLength: 3 }) }), {
  minLength: 1,
  maxLength: 2,
});

/** What an index says, as text; 'no index' for what is none. */
function read(text: string): string[] {
  const said: string[] = [];
  try {
    readIndex(utf8(text), {
      pack: (id) => said.push(toHex(id)),
      blob: (kind, id, ...numbers) => said.push([kind, toHex(id), ...numbers].join(' ')),
    });
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return ['no index'];
  }
  return said;
}

/** White space keeps the kernel from taking a blob. */
function readSlowly(text: string): string[] {
  return read(text.replaceAll('{"', '{ "'));
}

/** The kernel takes what is far enough from the end. */
const far = (text: string): string => text + ' '.repeat(300);

/** What the kernel's records say in place of blobs, and how many came that way. */
function readRecords(text: string): { said: string[]; records: number } {
  const said: string[] = [];
  let records = 0;
  readIndex(utf8(text), {
    pack: (id) => said.push(toHex(id)),
    blob: (kind, id, ...numbers) => said.push([kind, toHex(id), ...numbers].join(' ')),
    blobs: (words, count) => {
      records += count;
      for (let at = 0; at < count * BLOB_RECORD.words; at += BLOB_RECORD.words) {
        const id = [...words.subarray(at, at + 8)].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
        const kind = words[at + BLOB_RECORD.isTree] === 1 ? 'tree' : 'data';
        said.push([kind, id, ...words.subarray(at + 8, at + 11)].join(' '));
      }
    },
  });
  return { said, records };
}

test('an index in the usual form says what its JSON says', () => {
  fc.assert(
    fc.property(packs, (list) => {
      const said = list.flatMap(({ id, blobs }) => [
        id,
        ...blobs.map((b) => [b.type, b.id, b.offset, b.length, b.uncompressed_length ?? 0].join(' ')),
      ]);
      const text = JSON.stringify({ packs: list });
      expect(read(text)).toEqual(said);
      expect(read(far(text))).toEqual(said);
      expect(readRecords(far(text)).said).toEqual(said);
    }),
    { seed: 20261122, numRuns: 300 },
  );
});

test('a blob that the kernel takes says the same as one read closely, whatever bytes are changed', () => {
  const characters = fc.constantFrom(...'"\\{}[],:0129.-+eadt \n'.split(''));
  let indexes = 0;
  fc.assert(
    fc.property(
      packs,
      fc.nat(),
      fc.nat({ max: 2 }),
      fc.string({ unit: characters, maxLength: 2 }),
      (list, where, removed, added) => {
        const text = JSON.stringify({ packs: list });
        const at = where % text.length;
        const edited = text.slice(0, at) + added + text.slice(at + removed);
        const said = read(edited);
        if (said[0] !== 'no index') indexes++;
        expect(said).toEqual(readSlowly(edited));
        expect(read(far(edited))).toEqual(said);
      },
    ),
    { seed: 20261122, numRuns: 5000 },
  );
  expect(indexes).toBeGreaterThan(100);
});

test('thousands of blobs are read as they are, across the windows of the kernel', () => {
  const sizes = [1, 11, 700, 1500, 2, 430];
  const list = sizes.map((count, pack) => ({
    id: String(pack).repeat(64),
    blobs: Array.from({ length: count }, (_, i) => ({
      id: createHash('sha256').update(`${pack} ${i}`).digest('hex'),
      type: i % 7 === 3 ? 'tree' : 'data',
      offset: i * 1000,
      length: i % 2 === 0 ? i : 999_999_999,
      ...(i % 3 === 0 ? { uncompressed_length: i + 1 } : {}),
    })),
  }));
  const text = JSON.stringify({ packs: list });
  const { said, records } = readRecords(text);
  expect(said).toEqual(readSlowly(text));
  expect(records).toBeGreaterThan(2640);
});
