/** The cursor beside decodeTree(), which is its slow reference: what it reads at all, it reads alike. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/encoding/bytes.ts';
import { type Instant, ZERO_INSTANT } from '../../src/encoding/time.ts';
import { type BlobId, blobIdFrom } from '../../src/ids.ts';
import { CURSOR, NodeCursor } from '../../src/tree/cursor.ts';
import { decodeTree } from '../../src/tree/decode.ts';
import { encodeTree } from '../../src/tree/encode.ts';
import { type TreeNode, treeNode } from '../../src/tree/node.ts';

const NS = 1_000_000_000n;

function idOf(label: number | string): BlobId {
  return blobIdFrom(createHash('sha256').update(String(label)).digest());
}

/** What the cursor tells of a file, in the words of a node; null where it stops. */
function readByCursor(bytes: Uint8Array): { nodes: Partial<TreeNode>[]; whole: boolean } {
  const cursor = new NodeCursor();
  cursor.open(bytes);
  const nodes: Partial<TreeNode>[] = [];
  for (;;) {
    const step = cursor.next();
    if (step === CURSOR.end || step === CURSOR.strange) return { nodes, whole: step === CURSOR.end };
    if (step === CURSOR.other) {
      nodes.push(cursor.node());
      continue;
    }
    const id = new Uint8Array(32);
    const content = Array.from({ length: cursor.blobs }, (_, i) => {
      expect(cursor.blobId(i, id)).toBe(true);
      return blobIdFrom(id);
    });
    const { mode, uid, gid, mtimeS, mtimeNs, atimeS, atimeNs } = cursor;
    expect(cursor.linked).toBe(cursor.node().links > 1n);
    nodes.push({
      name: Uint8Array.from(bytes.subarray(cursor.nameFrom, cursor.nameTo)),
      type: 'file',
      mode,
      uid,
      gid,
      mtime: { ns: BigInt(mtimeS) * NS + BigInt(mtimeNs), offsetMinutes: 0 },
      atime: { ns: BigInt(atimeS) * NS + BigInt(atimeNs), offsetMinutes: 0 },
      size: BigInt(cursor.size),
      content,
    });
  }
}

/** The same facts of what decodeTree() returns. */
function factsOf(node: TreeNode): Partial<TreeNode> {
  if (node.type !== 'file') return { ...node, name: Uint8Array.from(node.name) };
  const { mode, uid, gid, size, content } = node;
  const utc = ({ ns }: Instant): Instant => ({ ns, offsetMinutes: 0 });
  return {
    name: Uint8Array.from(node.name),
    type: 'file',
    mode,
    uid,
    gid,
    mtime: utc(node.mtime),
    atime: utc(node.atime),
    size,
    content,
  };
}

const plain = (node: Partial<TreeNode>): Partial<TreeNode> => ({ ...node, name: Uint8Array.from(node.name!) });

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const instant = fc.record({
  ns: fc
    .bigInt({ min: -62_135_596_800n * NS, max: 253_402_000_000n * NS })
    .map((ns) => (ns % 3n === 0n ? ns - (ns % NS) : ns)),
  offsetMinutes: fc.integer({ min: -720, max: 840 }),
});
const name = fc.oneof(
  { weight: 9, arbitrary: fc.stringMatching(/^[a-zA-Z0-9._ -]{1,20}$/).map(utf8) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 5 }) },
);
const node = fc
  .record({
    name,
    type: fc.constantFrom('file', 'file', 'file', 'file', 'file', 'dir', 'symlink', 'fifo'),
    mode: uint32,
    mtime: instant,
    atime: instant,
    uid: uint32,
    gid: uint32,
    user: fc.constantFrom('', 'root', 'root', 'root', 'jürgen'),
    inode: fc.bigInt({ min: 0n, max: 2n ** 60n }),
    size: fc.bigInt({ min: 0n, max: 1_100_000_000_000_000n }),
    links: fc.bigInt({ min: 0n, max: 3n }),
    blobs: fc.integer({ min: 0, max: 3 }),
    xattr: fc.integer({ min: 0, max: 30 }),
  })
  .map(({ blobs, xattr, ...fields }) =>
    treeNode(fields.name, fields.type as TreeNode['type'], {
      ...fields,
      ctime: fields.mtime,
      ...(fields.type === 'file' ? { content: Array.from({ length: blobs }, (_, i) => idOf(i)) } : {}),
      ...(fields.type === 'dir' ? { subtree: idOf('dir') } : {}),
      ...(fields.type === 'symlink' ? { linkTarget: utf8('../target') } : {}),
      ...(xattr === 0 ? { xattrs: [{ name: 'user.a', value: utf8('b') }] } : {}),
    }),
  );

function encode(nodes: readonly TreeNode[]): Uint8Array {
  const texts = nodes.map((each) => {
    const text = Buffer.from(encodeTree([each])).toString('latin1');
    return text.slice('{"nodes":['.length, -']}\n'.length);
  });
  return new Uint8Array(Buffer.from(`{"nodes":[${texts.join(',')}]}\n`, 'latin1'));
}

describe('a cursor', () => {
  test('reads what it reads as decodeTree() does, and says where it stops', () => {
    let read = 0;
    fc.assert(
      fc.property(fc.array(node, { maxLength: 8 }), (nodes) => {
        const bytes = encode(nodes);
        const slow = decodeTree(bytes).map(factsOf);
        const quick = readByCursor(bytes);
        expect(quick.nodes.map(plain)).toEqual(slow.slice(0, quick.nodes.length));
        if (quick.whole) expect(quick.nodes).toHaveLength(slow.length);
        read += quick.nodes.length;
      }),
      { seed: 20_261_122, numRuns: 2000 },
    );
    expect(read).toBeGreaterThan(1500);
  });

  test('never reads a tree to its end that decodeTree() refuses, whatever byte is changed or missing', () => {
    const file = treeNode(utf8('file'), 'file', {
      mode: 0o644,
      mtime: { ns: 1_700_000_000_123_456_789n, offsetMinutes: 60 },
      atime: ZERO_INSTANT,
      ctime: ZERO_INSTANT,
      user: 'root',
      inode: 7n,
      size: 10n,
      links: 1n,
      content: [idOf(1), idOf(2)],
    });
    const bytes = encodeTree([file, treeNode(utf8('last'), 'dir', { mode: 0x800001ed, subtree: idOf(3) })]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.option(fc.nat(255)), (at, byte) => {
        const changed = byte === null ? bytes.slice(0, at) : bytes.map((old, i) => (i === at ? byte : old));
        let slow: Partial<TreeNode>[] | null = null;
        try {
          slow = decodeTree(changed).map(factsOf);
        } catch {
          // refused
        }
        const quick = tryReading(changed);
        if (quick?.whole === true) expect(quick.nodes.map(plain)).toEqual(slow);
      }),
      { seed: 3, numRuns: 20_000 },
    );
  });
});

/** Null where a name of a blob, or a node, turns out to be none. */
function tryReading(bytes: Uint8Array): ReturnType<typeof readByCursor> | null {
  try {
    return readByCursor(bytes);
  } catch {
    return null;
  }
}
