import { describe, expect, test } from 'vitest';
import type { BlobKind } from '../../src/blobs/kind.ts';
import { BlobTable } from '../../src/blobs/table.ts';
import { textOf, utf8 } from '../../src/encoding/bytes.ts';
import { blobIdFrom, type IndexId, objectId, packIdFrom, toHex } from '../../src/ids.ts';
import { readIndex } from '../../src/index/decode.ts';
import { encodeIndex, type IndexedPack } from '../../src/index/encode.ts';
import { insertIndex } from '../../src/index/load.ts';
import { IndexWriter } from '../../src/index/writer.ts';
import { COMPRESSED_ENTRY_BYTES, writeEntry } from '../../src/pack/header.ts';

function raw(n: number): Uint8Array {
  const id = new Uint8Array(32);
  new DataView(id.buffer).setUint32(0, Math.imul(n + 1, 0x9e3779b1));
  new DataView(id.buffer).setUint32(28, n);
  return id;
}

function pack(n: number, blobs: number, kind: BlobKind = 'data'): IndexedPack {
  const header = new Uint8Array(blobs * COMPRESSED_ENTRY_BYTES);
  let at = 0;
  for (let i = 0; i < blobs; i++) at += writeEntry(header, at, kind, 100 + i, i % 2 === 0 ? 0 : 500, raw(n * 1000 + i));
  return { sha256: raw(n), header: header.slice(0, at) };
}

function listed(json: Uint8Array): string[] {
  const lines: string[] = [];
  let current = '';
  readIndex(json, {
    pack(id) {
      current = packIdFrom(id).slice(-4);
    },
    blob(kind, id, offset, length, uncompressed) {
      lines.push(`${current} ${kind} ${toHex(id).slice(-4)} ${offset} ${length} ${uncompressed}`);
    },
  });
  return lines;
}

test('an index file is written as restic writes it', () => {
  const json = textOf(encodeIndex([pack(1, 2, 'tree')]));
  const [a, b] = [blobIdFrom(raw(1000)), blobIdFrom(raw(1001))];
  expect(json).toBe(
    `{"packs":[{"id":"${toHex(raw(1))}","blobs":[{"id":"${a}","type":"tree","offset":0,"length":100},` +
      `{"id":"${b}","type":"tree","offset":100,"length":101,"uncompressed_length":500}]}]}\n`,
  );
});

describe('an index reader', () => {
  test('takes unknown keys, white space, and a pack whose id comes last', () => {
    const id = toHex(raw(3));
    const json = `{ "supersedes":["x"], "packs":[ {"time":"now","blobs":[{"length":40,"x":{},"type":"data","offset":7,"id":"${id}"}],"id":"${id}"} ] ,"packs_to_delete":[] }`;
    expect(listed(utf8(json))).toEqual(['0003 data 0003 7 40 0']);
  });

  test('takes an index without packs', () => {
    expect(listed(utf8('{"packs":null}'))).toEqual([]);
    expect(listed(utf8('{}'))).toEqual([]);
  });

  test.each([
    '[]',
    '{"packs":[{"blobs":[]}]}',
    '{"packs":[{"id":"12"}]}',
    `{"packs":[{"id":"${'a'.repeat(64)}","blobs":[{"type":"data","offset":0,"length":1}]}]}`,
    `{"packs":[{"id":"${'a'.repeat(64)}","blobs":[{"id":"${'a'.repeat(64)}","type":"other"}]}]}`,
    `{"packs":[{"id":"${'a'.repeat(64)}","blobs":[{"id":"${'a'.repeat(64)}","type":"data","offset":4294967296}]}]}`,
    '{"packs":[',
    '{} x',
  ])('refuses %j', (json) => {
    expect(() => listed(utf8(json))).toThrow(SyntaxError);
  });

  test('refuses a compressed blob in version 1', () => {
    expect(() => insertIndex(BlobTable.create(), encodeIndex([pack(1, 2)]), 1)).toThrow(SyntaxError);
    expect(() => insertIndex(BlobTable.create(), encodeIndex([pack(1, 1)]), 1)).not.toThrow();
  });
});

/** Keeps what was saved; fails when told to. */
class Sink {
  readonly saved: Uint8Array[] = [];
  failing = false;

  async saveUnpacked(_type: 'index', plain: Uint8Array): Promise<IndexId> {
    if (this.failing) throw new Error('disk full');
    this.saved.push(plain);
    return objectId('index', toHex(raw(this.saved.length)));
  }
}

describe('an index writer', () => {
  test('writes a file when it is full, and the rest at the end; every blob is in exactly one', async () => {
    const sink = new Sink();
    const writer = new IndexWriter(sink, { maxBlobs: 10, now: () => 0 });
    await Promise.all([1, 2, 3, 4, 5].map((n) => writer.add(pack(n, 4))));
    expect(sink.saved.length).toBe(1);
    expect(writer.pendingBlobs).toBe(8);
    await writer.flush();
    await writer.flush();
    expect(sink.saved.map((json) => listed(json).length)).toEqual([12, 8]);
    expect(new Set(sink.saved.flatMap(listed)).size).toBe(20);
    expect(writer.saved.length).toBe(2);
  });

  test('writes a file when the first pack in it is ten minutes old', async () => {
    let now = 5;
    const sink = new Sink();
    const writer = new IndexWriter(sink, { now: () => now });
    await writer.add(pack(1, 1));
    now += 10 * 60 * 1000 - 1;
    await writer.add(pack(2, 1));
    expect(sink.saved.length).toBe(0);
    now += 1;
    await writer.add(pack(3, 1));
    expect(sink.saved.map((json) => listed(json).length)).toEqual([3]);
  });

  test('stays failed after a failed save, so that no snapshot is written over a hole', async () => {
    const sink = new Sink();
    const writer = new IndexWriter(sink, { maxBlobs: 1 });
    sink.failing = true;
    await expect(writer.add(pack(1, 1))).rejects.toThrow('disk full');
    sink.failing = false;
    await expect(writer.add(pack(2, 1))).rejects.toThrow('disk full');
    await expect(writer.flush()).rejects.toThrow('disk full');
    expect(sink.saved).toEqual([]);
  });
});
