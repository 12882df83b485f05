import { posix } from '@hostark/kernels';
import { type BlobId, encodeTree, goText, type TreeNode, type ZoneOffset } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StatxView } from '../../../kernels/src/posix/statx.ts';
import { nodeOf } from '../../src/walk/node.ts';
import { type Found, KernelSlice } from '../reference/kernel-slice.ts';

/** Where the zones of these tests change; no UTC midnight. */
const CHANGE = 1_711_846_800;

const ZONES: readonly ZoneOffset[] = [
  () => 0,
  () => 330,
  (seconds) => (seconds < CHANGE ? 60 : 120),
  (seconds) => (seconds < CHANGE + 1 ? -210 : -150),
  // A local mean time before 1900, as old dates have it.
  (seconds) => (seconds < -2_208_988_800 ? -18 : seconds < CHANGE ? -720 : 840),
];

const nameByte = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0x61, max: 0x66 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f) },
);
const name = fc.oneof(
  { weight: 4, arbitrary: fc.array(nameByte, { minLength: 1, maxLength: 12 }).map((bytes) => Uint8Array.from(bytes)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('ünï', '\u2028', '🙂', 'a<b', 'x'.repeat(255)).map((text) => Buffer.from(text)),
  },
);
const seconds = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1_700_000_000, max: 1_720_000_000 }).map(BigInt) },
  { weight: 3, arbitrary: fc.integer({ min: CHANGE - 3, max: CHANGE + 3 }).map(BigInt) },
  { weight: 2, arbitrary: fc.bigInt({ min: -(2n ** 36n), max: 2n ** 38n }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      0n,
      -1n,
      -62_135_596_801n,
      -62_135_596_800n,
      253_402_127_999n,
      253_402_300_800n,
      2n ** 62n,
    ),
  },
);
const nanos = fc.oneof(
  fc.constantFrom(0, 1, 500_000_000, 120_000, 999_999_999),
  fc.integer({ min: 0, max: 999_999_999 }),
);
const time = fc.tuple(seconds, nanos);
const word = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffffffff }) },
);
const number64 = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 99_999 }).map(BigInt) },
  { weight: 2, arbitrary: fc.constantFrom(2n ** 63n, 10n ** 19n - 1n, 2n ** 53n) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
);
const format = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(0o100000, 0o100000, 0o040000, 0o120000) },
  { weight: 1, arbitrary: fc.constantFrom(0o140000, 0o060000, 0o020000, 0o010000, 0, 0o030000) },
);
const mode = fc.tuple(format, fc.integer({ min: 0, max: 0o7777 })).map(([kind, bits]) => kind | bits);
const xattr = fc.record({ name: fc.uint8Array({ maxLength: 9 }), value: fc.uint8Array({ maxLength: 9 }) });
const entry: fc.Arbitrary<Found> = fc
  .record({
    name,
    mode,
    uid: fc.oneof(fc.constantFrom(0, 1, 16, 65_534), word),
    gid: fc.oneof(fc.constantFrom(0, 1, 16, 65_534), word),
    nlink: word,
    ino: number64,
    size: number64,
    atime: time,
    mtime: time,
    ctime: time,
    rdev: fc.tuple(word, word),
    dev: fc.tuple(word, word),
    xattrs: fc.array(xattr, { maxLength: 2 }),
    target: fc.oneof(
      { weight: 5, arbitrary: fc.string({ minLength: 1, maxLength: 9 }).map((text) => Buffer.from(text)) },
      { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 9 }) },
    ),
    ctimeIsMtime: fc.boolean(),
  })
  .map(({ ctimeIsMtime, ...rest }) => ({
    ...rest,
    ctime: ctimeIsMtime ? rest.mtime : rest.ctime,
    target: (rest.mode & 0o170000) === 0o120000 ? rest.target : undefined,
  }));
const byName = (a: { readonly name: Uint8Array }, b: { readonly name: Uint8Array }): number =>
  Buffer.compare(a.name, b.name);
const entries = fc
  .uniqueArray(entry, { maxLength: 12, comparator: (a, b) => byName(a, b) === 0 })
  .map((found) => [...found].sort(byName));
const blob = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => Buffer.from(raw).toString('hex') as BlobId);

/** How an entry stood in the parent: not at all, as it is, with another fact; and what is stored of it. */
const history = fc.record({
  kind: fc.constantFrom('absent', 'same', 'same', 'same', 'size', 'mtime', 'ctime', 'inode', 'mode', 'type'),
  content: fc.option(fc.array(blob, { maxLength: 3 }), { nil: null, freq: 8 }),
  subtree: fc.option(blob, { nil: null, freq: 8 }),
  error: fc.oneof({ weight: 40, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constant('broken') }),
});
const histories = fc.array(history, { minLength: 12, maxLength: 12 });
const rule = fc.record({ ignoreInode: fc.boolean(), ignoreCtime: fc.boolean() });
const zone = fc.constantFrom(...ZONES);

function statOf(found: Found): StatxView {
  const view = new DataView(new ArrayBuffer(144));
  view.setUint32(16, found.nlink, true);
  view.setUint32(20, found.uid, true);
  view.setUint32(24, found.gid, true);
  view.setUint16(28, found.mode, true);
  view.setBigUint64(32, found.ino, true);
  view.setBigUint64(40, found.size, true);
  view.setBigInt64(96, found.ctime[0], true);
  view.setUint32(104, found.ctime[1], true);
  view.setBigInt64(112, found.mtime[0], true);
  view.setUint32(120, found.mtime[1], true);
  return new StatxView(view, 0);
}

function parentOf(
  found: readonly Found[],
  more: readonly Found[],
  past: readonly { kind: string; content: BlobId[] | null; subtree: BlobId | null; error: string | undefined }[],
  offset: ZoneOffset,
): TreeNode[] {
  const context = { posix: posix(), zone: offset, withAtime: false };
  const nodes = new Map<string, TreeNode>();
  [...found, ...more].forEach((there, i) => {
    const { kind, content, subtree, error } = past[i % past.length]!;
    if (kind === 'absent') return;
    const stat = statOf(there);
    const node = nodeOf(there.name, stat, there.xattrs, there.target, context);
    if (node.type === 'file') node.content = content;
    if (node.type === 'dir') node.subtree = subtree;
    node.error = error;
    if (kind === 'size') node.size ^= 1n;
    if (kind === 'mtime') node.mtime = { ...node.mtime, ns: node.mtime.ns ^ 1n };
    if (kind === 'ctime') node.ctime = { ...node.ctime, ns: node.ctime.ns ^ 1n };
    if (kind === 'inode') node.inode ^= 1n;
    if (kind === 'mode') node.mode = (node.mode ^ 1) >>> 0;
    if (kind === 'type') node.type = node.type === 'dir' ? 'file' : 'dir';
    nodes.set(goText(there.name) + Buffer.from(there.name).toString('hex'), node);
  });
  return [...nodes.values()].sort(byName);
}

/** What the kernel knows of: the careful decoder may have to look at anything else. */
function isUsual(nodes: readonly TreeNode[]): boolean {
  const wide = 10n ** 19n;
  return nodes.every((node) => {
    const small = [node.inode, node.deviceId, node.size, node.links, node.device].every((value) => value < wide);
    const text =
      node.linkTarget === undefined || Buffer.from(Buffer.from(node.linkTarget).toString()).equals(node.linkTarget);
    return small && text && (node.error ?? '') === '';
  });
}

describe('the tree kernel', () => {
  test('writes what the plain way writes, for any entries beside any parent', () => {
    let taken = 0;
    fc.assert(
      fc.property(
        entries,
        entries,
        histories,
        rule,
        zone,
        zone,
        fc.boolean(),
        (found, more, past, change, a, b, atime) => {
          const nodes = parentOf(found, more, past, b);
          const parent = encodeTree(nodes);
          const slice = new KernelSlice(a, atime, change);
          const fast = slice.tree(found, parent);
          if (isUsual(nodes)) expect(fast).not.toBeNull();
          if (fast === null) return;
          expect(Buffer.from(fast).toString()).toBe(Buffer.from(slice.slowTree(found, parent)).toString());
          if (nodes.some(({ content }) => (content ?? []).some((id) => Buffer.from(fast).includes(id)))) taken++;
          const alone = slice.tree(found, null);
          expect(Buffer.from(alone!).toString()).toBe(Buffer.from(slice.slowTree(found, null)).toString());
        },
      ),
      { seed: 20261122, numRuns: 500 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  test('refuses, or reads as the decoder does, a parent with any bytes changed', () => {
    const change = fc.record({
      at: fc.nat(),
      byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from('"\\{}[],:0019azZ+-'))),
    });
    let read = 0;
    const slice = new KernelSlice(ZONES[2]!, false, { ignoreInode: false, ignoreCtime: false });
    fc.assert(
      fc.property(entries, histories, fc.array(change, { minLength: 1, maxLength: 2 }), (any, past, changes) => {
        const found = any.map((there) => ({
          ...there,
          ino: there.ino >> 9n,
          size: there.size >> 9n,
          target: undefined,
        }));
        const kept = past.map((before) => ({ ...before, error: undefined }));
        const parent = Buffer.from(encodeTree(parentOf(found, [], kept, ZONES[2]!)));
        for (const { at, byte } of changes) parent[at % parent.length] = byte;
        const fast = slice.tree(found, parent);
        if (fast === null) return;
        expect(Buffer.from(fast).toString()).toBe(Buffer.from(slice.slowTree(found, parent)).toString());
        read++;
      }),
      { seed: 20261122, numRuns: 4000 },
    );
    expect(read).toBeGreaterThan(200);
  });
});
