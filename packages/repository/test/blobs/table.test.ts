import { createHash } from 'node:crypto';
import { BLOB_RECORD } from '@hostark/kernels';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlobKind, BlobPlace } from '../../src/blobs/kind.ts';
import { BlobTable } from '../../src/blobs/table.ts';
import { blobIdFrom, packIdFrom } from '../../src/ids.ts';

function id(n: number): Uint8Array {
  return createHash('sha256').update(String(n)).digest();
}

function place(pack: number, offset: number): BlobPlace {
  return { pack, offset, length: offset + 33, uncompressedLength: offset % 2 === 0 ? 0 : 77 };
}

test('what was published is found, and nothing else', () => {
  const table = BlobTable.create();
  const pack = table.addPack(id(-1));
  for (let n = 0; n < 100_000; n++) table.publish(n % 3 === 0 ? 'tree' : 'data', id(n), 0, place(pack, n));
  expect(table.entryCount).toBe(100_000);
  for (let n = 0; n < 100_000; n += 7) {
    const kind = n % 3 === 0 ? 'tree' : 'data';
    expect(table.lookup(kind, id(n))).toEqual(place(pack, n));
    expect(table.lookup(kind === 'tree' ? 'data' : 'tree', id(n))).toBeNull();
    expect(table.has('data', id(n + 100_000))).toBe(false);
  }
});

test('a blob takes 48 bytes and at most 12 bytes of slots', () => {
  const table = BlobTable.create();
  const count = 1 << 18;
  for (let n = 0; n < count; n++) table.publish('data', id(n), 0, place(0, n));
  expect(table.byteLength / count).toBeLessThanOrEqual(60);
});

test('lengths and offsets of the full 32 bits come back', () => {
  const table = BlobTable.create();
  const high = { pack: table.addPack(id(1)), offset: 0xffffffff, length: 0xfffffffe, uncompressedLength: 0xfffffffd };
  table.publish('tree', id(2), 0, high);
  expect(table.lookup('tree', id(2))).toEqual(high);
});

test('a claim is told apart from a stored blob, and publishing completes it', () => {
  const table = BlobTable.create();
  expect(table.claim('data', id(1))).toBe('new');
  expect(table.claim('data', id(1))).toBe('known');
  expect(table.claim('tree', id(1))).toBe('new');
  expect(table.has('data', id(1))).toBe(true);
  expect(table.lookup('data', id(1))).toBeNull();
  table.publish('data', id(1), 0, place(0, 5));
  expect(table.lookupAll('data', id(1))).toEqual([place(0, 5)]);
  expect(table.entryCount).toBe(2);
});

test('copies are all reachable, in order of insertion, also after growing', () => {
  const table = BlobTable.create();
  for (let copy = 0; copy < 5; copy++) table.publish('data', id(1), 0, place(copy, copy));
  table.publish('data', id(1), 0, place(3, 3));
  for (let n = 2; n < 50_000; n++) table.publish('data', id(n), 0, place(0, n));
  expect(table.lookupAll('data', id(1))).toEqual([0, 1, 2, 3, 4].map((copy) => place(copy, copy)));
  expect(table.lookup('data', id(1))).toEqual(place(0, 0));
});

test('packs have numbers, and the same pack always the same one', () => {
  const table = BlobTable.create();
  const numbers = Array.from({ length: 3000 }, (_, n) => table.addPack(id(n)));
  expect(new Set(numbers).size).toBe(3000);
  expect(table.addPack(id(7))).toBe(numbers[7]);
  expect(table.packId(numbers[2999]!)).toBe(packIdFrom(id(2999)));
  expect(table.packNumber(packIdFrom(id(2999)))).toBe(numbers[2999]);
  expect(() => table.packId(3000)).toThrow(RangeError);
});

test('forEach visits every stored copy once and no claims', () => {
  const table = BlobTable.create();
  table.claim('data', id(1));
  table.publish('data', id(2), 0, place(0, 1));
  table.publish('data', id(2), 0, place(1, 1));
  const seen: string[] = [];
  table.forEach((kind, raw, { pack }) => {
    seen.push(`${kind} ${blobIdFrom(raw)} ${pack}`);
  });
  expect(seen).toEqual([`data ${blobIdFrom(id(2))} 0`, `data ${blobIdFrom(id(2))} 1`]);
});

test('behaves as a map of lists does', () => {
  const operation = fc.record({
    what: fc.constantFrom('claim', 'publish', 'lookup', 'has'),
    kind: fc.constantFrom<BlobKind>('data', 'tree'),
    // Ids that share their first words, so that probe paths and tags collide.
    id: fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 40 })),
    pack: fc.integer({ min: 0, max: 2 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const table = BlobTable.create();
      const model = new Map<string, number[]>();
      for (const { what, kind, id: words, pack } of operations) {
        const raw = new Uint8Array(32);
        raw[0] = words[0];
        raw[31] = words[1];
        const key = `${kind} ${words}`;
        const known = model.get(key);
        if (what === 'claim') {
          expect(table.claim(kind, raw)).toBe(known === undefined ? 'new' : 'known');
          if (known === undefined) model.set(key, []);
        } else if (what === 'publish') {
          table.publish(kind, raw, 0, { pack, offset: 0, length: 33, uncompressedLength: 0 });
          if (!known?.includes(pack)) model.set(key, [...(known ?? []), pack]);
        } else if (what === 'lookup') {
          expect(table.lookupAll(kind, raw).map((found) => found.pack)).toEqual(known ?? []);
          expect(table.lookup(kind, raw)?.pack).toBe(known?.[0]);
        } else expect(table.has(kind, raw)).toBe(known !== undefined);
      }
    }),
    { seed: 20260801, numRuns: 200 },
  );
});

test('the first claim that nobody fulfilled is found, from a given entry on', () => {
  const table = BlobTable.create();
  table.publish('data', id(1), 0, place(0, 0));
  expect(table.firstClaimed(0)).toBe(-1);
  table.claim('data', id(2));
  table.claim('tree', id(3));
  expect(table.firstClaimed(0)).toBe(1);
  expect(table.firstClaimed(2)).toBe(2);
  table.publish('data', id(2), 0, place(0, 40));
  expect(table.firstClaimed(0)).toBe(2);
  table.publish('tree', id(3), 0, place(0, 80));
  expect(table.firstClaimed(0)).toBe(-1);
});

test('records of an index come to the same as blobs one by one, whatever was expected', () => {
  const count = 30_000;
  const records = new Int32Array(count * BLOB_RECORD.words);
  const one = BlobTable.create();
  for (let n = 0; n < count; n++) {
    // Every ninth is there twice: a further copy at another place.
    const raw = id(n % 9 === 8 ? n - 1 : n);
    const at = n * BLOB_RECORD.words;
    for (let word = 0; word < 8; word++) records[at + word] = Buffer.from(raw).readInt32BE(4 * word);
    const { offset, length, uncompressedLength } = place(1, n);
    records[at + BLOB_RECORD.offset] = offset;
    records[at + BLOB_RECORD.length] = length;
    records[at + BLOB_RECORD.uncompressedLength] = uncompressedLength;
    records[at + BLOB_RECORD.isTree] = n % 4 === 0 ? 1 : 0;
    one.publish(n % 4 === 0 ? 'tree' : 'data', raw, 0, place(1, n));
  }
  const listed = (table: BlobTable): unknown[] => {
    const list: unknown[] = [];
    table.forEach((kind, raw, where, entry) => {
      list.push([kind, blobIdFrom(raw), where, entry]);
    });
    return list;
  };
  const expected = listed(one);
  for (const blobs of [0, 100, count, 10 * count]) {
    const many = BlobTable.create();
    many.expect(blobs);
    for (let from = 0; from < count; from += 777) {
      const some = Math.min(777, count - from);
      many.publishRecords(records.subarray(from * BLOB_RECORD.words), some, 1);
    }
    many.publishRecords(records, 500, 1);
    many.expect(1 << 20);
    expect(listed(many)).toEqual(expected);
    for (let n = 0; n < count; n += 101) {
      const kind = n % 4 === 0 ? 'tree' : 'data';
      expect(many.lookupAll(kind, id(n))).toEqual(one.lookupAll(kind, id(n)));
    }
  }
});
