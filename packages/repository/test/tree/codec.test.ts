import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, textOf, utf8 } from '../../src/encoding/bytes.ts';
import { isUtf8 } from '../../src/encoding/runes.ts';
import { ZERO_INSTANT } from '../../src/encoding/time.ts';
import type { BlobId } from '../../src/ids.ts';
import { decodeTree } from '../../src/tree/decode.ts';
import { encodeTree, TreeWriter } from '../../src/tree/encode.ts';
import { goMode, nodeTypeOf, permissionsOf, statModeOf } from '../../src/tree/mode.ts';
import { NODE_TYPES, type TreeNode, treeNode } from '../../src/tree/node.ts';

const ID = 'ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8';

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const instant = fc.record({
  ns: fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }),
  offsetMinutes: fc.integer({ min: -720, max: 840 }),
});
const blob = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => Buffer.from(raw).toString('hex') as BlobId);
const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const node: fc.Arbitrary<TreeNode> = fc.record({
  name: fc.uint8Array({ minLength: 1, maxLength: 20 }),
  type: fc.constantFrom(...NODE_TYPES),
  mode: uint32,
  mtime: instant,
  atime: instant,
  ctime: instant,
  uid: uint32,
  gid: uint32,
  user: text,
  group: text,
  inode: uint64,
  deviceId: uint64,
  size: uint64,
  links: uint64,
  linkTarget: fc.option(fc.uint8Array({ minLength: 1, maxLength: 20 }), { nil: undefined }),
  xattrs: fc.array(fc.record({ name: text, value: fc.uint8Array({ maxLength: 9 }) }), { maxLength: 3 }),
  genericAttributes: fc.constantFrom(undefined, new Map([['windows.file_attributes', utf8('32')]])),
  device: uint64,
  content: fc.option(fc.array(blob, { maxLength: 3 }), { nil: null }),
  subtree: fc.option(blob, { nil: null }),
  error: fc.constantFrom(undefined, 'broken'),
});
const nodes = fc.uniqueArray(node, { maxLength: 6, comparator: (a, b) => compareBytes(a.name, b.name) === 0 });

describe('a tree', () => {
  test('of no entries is the one that restic has', () => {
    expect(textOf(encodeTree([]))).toBe('{"nodes":[]}\n');
    expect(createHash('sha256').update(encodeTree([])).digest('hex')).toBe(ID);
  });

  test('of any nodes comes back as it was, and is written again to the same bytes', () => {
    fc.assert(
      fc.property(nodes, (unsorted) => {
        const sorted = [...unsorted].sort((a, b) => compareBytes(a.name, b.name));
        const bytes = encodeTree(sorted);
        expect(isUtf8(bytes)).toBe(true);
        const decoded = decodeTree(bytes);
        expect(decoded).toEqual(sorted);
        expect(textOf(encodeTree(decoded))).toBe(textOf(bytes));
        // Plain JSON to everybody else.
        expect((JSON.parse(textOf(bytes)) as { nodes: unknown[] }).nodes.length).toBe(sorted.length);
      }),
      { seed: 20260801, numRuns: 400 },
    );
  });

  test('refuses names out of order and names that repeat, and can go on after it', () => {
    const writer = new TreeWriter();
    writer.add(treeNode(utf8('b'), 'file'));
    expect(() => writer.add(treeNode(utf8('a'), 'file'))).toThrow(RangeError);
    expect(() => writer.add(treeNode(utf8('b'), 'file'))).toThrow(RangeError);
    writer.add(treeNode(utf8('b0'), 'file'));
    const bytes = writer.take();
    expect(decodeTree(bytes).map(({ name }) => textOf(name))).toEqual(['b', 'b0']);
    expect(textOf(writer.take())).toBe('{"nodes":[]}\n');
  });

  test('orders by bytes, not by UTF-16', () => {
    // U+FFFD sorts below U+10000 in bytes, above it in UTF-16.
    expect(() => encodeTree([treeNode(utf8('\ufffd'), 'file'), treeNode(utf8('\u{10000}'), 'file')])).not.toThrow();
  });

  test('is read with white space, unknown fields, nulls and fields in another order', () => {
    const bytes = utf8(
      ` { "later" : [1,{"x":null}] , "nodes" : [ { "content" : null, "unknown":{"a":[true]}, "name" : "a\\\\tb" ,` +
        `"type":"dir","subtree":"${ID}","uid":7,"user":null,"xnode":1e3} ] , "more":"x" } \n`,
    );
    const expected = treeNode(utf8('a\tb'), 'dir', { uid: 7, subtree: ID as BlobId });
    expect(decodeTree(bytes)).toEqual([expected]);
    expect(expected.mtime).toBe(ZERO_INSTANT);
  });

  test.each([
    ['{"nodes":[', 'cut short'],
    ['{"nodes":[{"name":"a"]}', 'closed wrongly'],
    ['{"nodes":[{"name":"a","mode":-1}]}', 'with a negative mode'],
    ['{"nodes":[{"name":"a","mode":4294967296}]}', 'with a mode of 33 bits'],
    ['{"nodes":[{"name":"a\\\\"}]}', 'with a name that is not quoted'],
    ['{"nodes":[{"name":"a","mtime":"yesterday"}]}', 'with a time that is none'],
    ['{"nodes":[{"name":"a","content":["12"]}]}', 'with a short blob id'],
    [`{"nodes":[{"name":"a","content":["${ID.toUpperCase()}"]}]}`, 'with an uppercase blob id'],
    ['{"nodes":[]}{', 'with something behind it'],
    ['', 'of no bytes'],
  ])('%s is refused: %s', (json) => {
    expect(() => decodeTree(utf8(json))).toThrow(SyntaxError);
  });
});

describe('modes', () => {
  test.each([
    [0o040755, 2147484141],
    [0o120777, 134218239],
    [0o010644, 33554852],
    [0o100644, 420],
    [0o104755, 8389101],
    [0o100000, 0],
  ])('st_mode %o is FileMode %i', (statMode, mode) => {
    expect(goMode(statMode)).toBe(mode);
  });

  test('of every type and permission survive the way there and back', () => {
    for (const format of [0o140000, 0o120000, 0o100000, 0o060000, 0o040000, 0o020000, 0o010000]) {
      for (let bits = 0; bits <= 0o7777; bits++) {
        const mode = goMode(format | bits);
        expect(permissionsOf(mode)).toBe(bits);
        expect(statModeOf(nodeTypeOf(format), mode)).toBe(format | bits);
      }
    }
  });
});
