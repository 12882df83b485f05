import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, utf8 } from '../../src/encoding/bytes.ts';
import { localInstant, utcZone, ZERO_INSTANT } from '../../src/encoding/time.ts';
import { type BlobId, blobIdFrom, toHex } from '../../src/ids.ts';
import { decodeTree } from '../../src/tree/decode.ts';
import { encodeTree, TreeWriter } from '../../src/tree/encode.ts';
import { type TreeNode, treeNode } from '../../src/tree/node.ts';
import { TreeSkimmer } from '../../src/tree/skim.ts';

/** Blobs of these lengths are listed, under the digest of the number. */
const LENGTHS = [0, 1, 513, 4096, 1_600_000];

function idOf(label: number | string): BlobId {
  return blobIdFrom(createHash('sha256').update(String(label)).digest());
}

const listed = new Map<string, number>(LENGTHS.map((length) => [idOf(length), length]));
const lengthOf = (id: Uint8Array): number => listed.get(toHex(id)) ?? -1;

const NOON = localInstant(1_700_000_000_123_456_789n, utcZone);
const DATES = { mtime: NOON, atime: NOON, ctime: ZERO_INSTANT, user: 'root', group: 'root', inode: 2n ** 60n } as const;

function file(name: string, lengths: readonly number[], fields: Partial<TreeNode> = {}): TreeNode {
  const size = BigInt(lengths.reduce((sum, length) => sum + length, 0));
  return treeNode(utf8(name), 'file', {
    ...DATES,
    mode: 0o644,
    links: 1n,
    size,
    content: lengths.map(idOf),
    ...fields,
  });
}

function dir(name: string): TreeNode {
  return treeNode(utf8(name), 'dir', { ...DATES, mode: 0x800001ed, subtree: idOf(name) });
}

/** What the close look says, in its plainest form. */
function isWholeSlowly(bytes: Uint8Array): boolean {
  let nodes: TreeNode[];
  try {
    nodes = decodeTree(bytes);
  } catch {
    return false;
  }
  return nodes.every(({ name, type, content, size, subtree }, i) => {
    const last = nodes[i - 1];
    if (last !== undefined && compareBytes(last.name, name) >= 0) return false;
    const text = Buffer.from(name).toString('latin1');
    if (text === '' || text === '.' || text === '..' || /[/\0]/.test(text)) return false;
    if (!['file', 'dir', 'symlink', 'chardev', 'dev', 'fifo', 'socket'].includes(type)) return false;
    if (type === 'dir') return subtree !== null;
    if (type !== 'file') return true;
    if (content === null || content.some((id) => !listed.has(id))) return false;
    return BigInt(content.reduce((sum, id) => sum + listed.get(id)!, 0)) === size;
  });
}

const WHOLE = encodeTree([
  dir('a'),
  treeNode(utf8('b'), 'dev', { ...DATES, device: 2049n, links: 1n }),
  dir('c'),
  file('d', [513, 4096, 513]),
  file('e', []),
  treeNode(utf8('f'), 'symlink', { ...DATES, links: 1n, linkTarget: utf8('../ü') }),
  treeNode(utf8('g'), 'fifo'),
  treeNode(utf8('h'), 'socket'),
]);

describe('a quick look', () => {
  const skimmer = new TreeSkimmer(lengthOf);

  test('knows a whole tree of all plain nodes, and names the trees below it', () => {
    expect(skimmer.isWhole(WHOLE)).toBe(true);
    expect([...skimmer.subtrees()]).toEqual([idOf('a'), idOf('c')]);
    expect(skimmer.isWhole(encodeTree([]))).toBe(true);
    expect([...skimmer.subtrees()]).toEqual([]);
  });

  test('keeps hundreds of trees below one', () => {
    const names = Array.from({ length: 300 }, (_, i) => String(1000 + i));
    expect(skimmer.isWhole(encodeTree(names.map(dir)))).toBe(true);
    expect([...skimmer.subtrees()]).toEqual(names.map(idOf));
  });

  test.each<[string, readonly TreeNode[]]>([
    ['a blob that nothing lists', [file('a', [7])]],
    ['a size that its blobs do not add up to', [file('a', [513], { size: 514n })]],
    ['a file without a list', [file('a', [], { content: null })]],
    ['a folder without a tree', [treeNode(utf8('a'), 'dir')]],
    ['a type that nobody knows', [treeNode(utf8('a'), 'irregular')]],
    ['the name .', [file('.', [])]],
    ['the name ..', [file('..', [])]],
    ['a slash in a name', [file('a/b', [])]],
    ['no name', [file('', [])]],
    ['names out of order', [file('b', []), file('a', [])]],
    ['names that repeat', [file('a', []), file('a', [])]],
    ['a name above its own beginning', [file('ab', []), file('a', [])]],
  ])('asks for a close one at %s', (_, nodes) => {
    const writer = new TreeWriter({ unordered: true });
    for (const node of nodes) writer.add(node);
    const bytes = writer.take();
    expect(skimmer.isWhole(bytes)).toBe(false);
    expect(isWholeSlowly(bytes)).toBe(false);
  });

  test('asks for a close one at what it does not know, though it is whole', () => {
    const odd = [file('ü', []), file('"', []), file('x', [], { xattrs: [{ name: 'user.a', value: utf8('b') }] })];
    for (const node of odd) {
      expect(skimmer.isWhole(encodeTree([node]))).toBe(false);
      expect(isWholeSlowly(encodeTree([node]))).toBe(true);
    }
  });

  test('never calls a tree whole in which a close one finds something, whatever bytes are changed', () => {
    const characters = fc.constantFrom(
      ...'"\\{}[],:0129./-TZ+afn\u0000 '.split('').map((c) => c.charCodeAt(0)),
      0x80,
      0xff,
    );
    const edit = fc.record({
      at: fc.nat({ max: WHOLE.length - 1 }),
      removed: fc.nat({ max: 3 }),
      added: fc.array(characters, { maxLength: 3 }),
    });
    let whole = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 2 }), (edits) => {
        let bytes = [...WHOLE];
        for (const { at, removed, added } of edits) bytes = bytes.toSpliced(at, removed, ...added);
        const edited = Uint8Array.from(bytes);
        if (!skimmer.isWhole(edited)) return;
        whole++;
        expect(isWholeSlowly(edited)).toBe(true);
      }),
      { seed: 20261122, numRuns: 20_000 },
    );
    expect(whole).toBeGreaterThan(100);
  });

  test('agrees with the close one about every tree cut short', () => {
    for (let length = 0; length < WHOLE.length - 1; length++)
      expect(skimmer.isWhole(WHOLE.subarray(0, length))).toBe(false);
  });
});
