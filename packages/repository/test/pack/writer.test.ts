import { createHash } from 'node:crypto';
import { nodePlatform } from '@hostark/kernels';
import { describe, expect, test } from 'vitest';
import { storedForm } from '../../src/blobs/compress.ts';
import { publishPack } from '../../src/blobs/publish.ts';
import { BlobTable } from '../../src/blobs/table.ts';
import { utf8 } from '../../src/encoding/bytes.ts';
import { blobIdFrom } from '../../src/ids.ts';
import { splitKey } from '../../src/keys/key-file.ts';
import { decodeHeader, getUint32, PACK_OVERHEAD, readHeader } from '../../src/pack/header.ts';
import { openBlob } from '../../src/pack/open-blob.ts';
import { headerOfPack } from '../../src/pack/read-header.ts';
import { PackWriter } from '../../src/pack/writer.ts';
import { noise } from '../support/sample.ts';

const platform = nodePlatform();
const sealer = platform.sealer(splitKey(noise(platform, 'key', 64)));

function fill(writer: PackWriter, plains: readonly Uint8Array[]): void {
  for (const plain of plains) {
    const { stored, uncompressedLength } = storedForm(platform, 2, 'data', plain);
    writer.add('data', platform.sha256(plain), stored, uncompressedLength);
  }
}

const PLAINS = [noise(platform, 'a', 1000), new Uint8Array(0), utf8('x'.repeat(5000)), noise(platform, 'b', 1)];

describe.each([
  ['own', () => new Uint8Array(100_000)],
  ['shared', () => new Uint8Array(new SharedArrayBuffer(100_000))],
])('a pack written into %s memory', (_name, memory) => {
  test('holds its blobs without gaps, a header that lists them, and is named by its content', () => {
    const writer = new PackWriter(platform, sealer, memory());
    fill(writer, PLAINS);
    const pack = writer.finish();
    expect(createHash('sha256').update(pack.bytes).digest('hex')).toBe(pack.id);
    expect(headerOfPack(sealer, pack.id, pack.bytes)).toEqual(pack.header);
    const entries = decodeHeader(pack.header);
    expect(entries.map(({ uncompressedLength }) => uncompressedLength)).toEqual([0, 0, 5000, 0]);
    let end = 0;
    for (const [i, entry] of entries.entries()) {
      expect(entry.offset).toBe(end);
      end += entry.length;
      const sealed = pack.bytes.slice(entry.offset, end);
      expect(openBlob(platform, sealer, sealed, entry.uncompressedLength, platform.sha256(PLAINS[i]!))).toEqual(
        PLAINS[i],
      );
    }
    expect(pack.bytes.length).toBe(end + pack.header.length + PACK_OVERHEAD);
    expect(getUint32(pack.bytes, pack.bytes.length - 4)).toBe(pack.header.length + 32);
  });
});

test('a writer takes exactly what fits its buffer, and says before what does not', () => {
  // One uncompressed blob of 100 bytes: 132 sealed, 37 in the header, 36 around it.
  const exact = 132 + 37 + 36;
  const plain = noise(platform, 'fits', 100);
  const tight = new PackWriter(platform, sealer, new Uint8Array(exact));
  expect(tight.fits(100, 0)).toBe(true);
  expect(tight.fits(101, 0)).toBe(false);
  expect(tight.fits(100, 200)).toBe(false);
  tight.add('data', platform.sha256(plain), plain, 0);
  expect(() => tight.add('data', platform.sha256(plain), new Uint8Array(0), 0)).toThrow(RangeError);
  expect(tight.finish().bytes.length).toBe(exact);
});

test('a writer does not mix kinds, and is usable after refusing', () => {
  const writer = new PackWriter(platform, sealer, new Uint8Array(10_000));
  fill(writer, PLAINS.slice(0, 1));
  expect(() => writer.add('tree', platform.sha256(utf8('t')), utf8('t'), 0)).toThrow(TypeError);
  fill(writer, PLAINS.slice(3));
  expect(writer.finish().blobCount).toBe(2);
});

test('a writer makes one pack after another, each named by its own content alone', () => {
  const writer = new PackWriter(platform, sealer, new Uint8Array(100_000));
  expect(() => writer.finish()).toThrow(TypeError);
  for (let round = 0; round < 3; round++) {
    fill(writer, PLAINS);
    // A pack given up half way leaves no trace in the next.
    if (round === 1) {
      writer.reset();
      fill(writer, PLAINS.slice(1));
    }
    const pack = writer.finish();
    expect(createHash('sha256').update(pack.bytes).digest('hex')).toBe(pack.id);
    expect(() => fill(writer, PLAINS)).toThrow(TypeError);
    expect(() => writer.finish()).toThrow(TypeError);
    writer.reset(new Uint8Array(100_000));
  }
});

test('a pack with a sealer that does not open what it sealed is refused', () => {
  const broken = {
    seal: sealer.seal.bind(sealer),
    sealAt: sealer.sealAt.bind(sealer),
    open: () => false,
    openThrough: () => false,
  };
  const writer = new PackWriter(platform, broken, new Uint8Array(10_000));
  fill(writer, PLAINS.slice(0, 1));
  expect(() => writer.finish()).toThrow(/read back differs/);
  expect(() => fill(writer, PLAINS.slice(0, 1))).toThrow(TypeError);
});

test('publishing a pack makes its blobs found, at their places', () => {
  const writer = new PackWriter(platform, sealer, new Uint8Array(100_000));
  fill(writer, PLAINS);
  const pack = writer.finish();
  const table = BlobTable.create();
  for (const plain of PLAINS) expect(table.claim('data', platform.sha256(plain))).toBe('new');
  const number = publishPack(table, pack);
  expect(table.packId(number)).toBe(pack.id);
  for (const { id, kind, ...place } of decodeHeader(pack.header)) {
    expect(table.lookupAll(kind, Buffer.from(id, 'hex'))).toEqual([{ pack: number, ...place }]);
  }
  expect(table.entryCount).toBe(PLAINS.length);
});

describe('a stored form', () => {
  const text = utf8('compress me '.repeat(100));
  test.each([
    { version: 1, kind: 'data', compression: 'max', plain: text, compressed: false },
    { version: 1, kind: 'tree', compression: 'auto', plain: text, compressed: false },
    { version: 2, kind: 'data', compression: 'auto', plain: text, compressed: true },
    { version: 2, kind: 'data', compression: 'off', plain: text, compressed: false },
    { version: 2, kind: 'tree', compression: 'off', plain: text, compressed: true },
    { version: 2, kind: 'data', compression: 'max', plain: new Uint8Array(0), compressed: false },
    { version: 2, kind: 'data', compression: 'auto', plain: noise(platform, 'n', 5000), compressed: false },
    { version: 2, kind: 'tree', compression: 'auto', plain: noise(platform, 'n', 500), compressed: true },
  ] as const)('of $kind in version $version with compression $compression of $plain.length bytes', (form) => {
    const { stored, uncompressedLength } = storedForm(platform, form.version, form.kind, form.plain, form.compression);
    expect(uncompressedLength).toBe(form.compressed ? form.plain.length : 0);
    const back = form.compressed ? platform.zstdDecompress(stored, form.plain.length) : stored;
    expect(back).toEqual(form.plain);
  });
});

describe('a header', () => {
  test.each([
    ['empty', new Uint8Array(0)],
    ['of an unknown type', new Uint8Array(37).fill(4)],
    ['cut short', new Uint8Array(36)],
    ['cut short in a compressed entry', new Uint8Array(40).fill(2)],
  ])('%s is refused', (_name, header) => {
    expect(() => readHeader(header, () => {})).toThrow(SyntaxError);
  });
});

test('a blob that is not what its id says is refused, by name', () => {
  const plain = utf8('content');
  const sealed = new Uint8Array(plain.length + 32);
  sealer.seal(plain, sealed);
  const other = platform.sha256(utf8('other'));
  expect(() => openBlob(platform, sealer, sealed.slice(), 0, other)).toThrow(blobIdFrom(other));
  expect(() => openBlob(platform, sealer, sealed.slice(), 9, platform.sha256(plain))).toThrow(/decompress/);
  expect(() => openBlob(platform, sealer, sealed.slice(0, 31), 0, other)).toThrow(/at least 32 bytes/);
});
