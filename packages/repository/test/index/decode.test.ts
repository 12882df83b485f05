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

/** White space keeps the reader from taking an entry at a glance. */
function readSlowly(text: string): string[] {
  return read(text.replaceAll('{"', '{ "'));
}

test('an index in the usual form says what its JSON says', () => {
  fc.assert(
    fc.property(packs, (list) => {
      const said = list.flatMap(({ id, blobs }) => [
        id,
        ...blobs.map((b) => [b.type, b.id, b.offset, b.length, b.uncompressed_length ?? 0].join(' ')),
      ]);
      expect(read(JSON.stringify({ packs: list }))).toEqual(said);
    }),
    { seed: 20261122, numRuns: 300 },
  );
});

test('an entry taken at a glance says the same as one read closely, whatever bytes are changed', () => {
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
      },
    ),
    { seed: 20261122, numRuns: 5000 },
  );
  expect(indexes).toBeGreaterThan(100);
});
