/**
 * Zip archives, streamed: sizes follow the content (data descriptors), zip64 where 32 bits do not do (APPNOTE 6.3.9).
 * Modes, links and times to the second survive; owners and attributes have no place in a zip.
 */
import { crc32, createDeflateRaw } from 'node:zlib';
import { statModeOf, type TreeNode } from '@hostark/repository';
import type { DumpSink } from './dump.ts';

const DEFLATE = 8;
const STORE = 0;
/** Sizes after the content; names are UTF-8 (as near as a zip gets to bytes). */
const FLAGS = 0x0808;
const VERSION = 45;
/** Made by Unix: the upper half of the external attributes is st_mode. */
const MADE_BY = (3 << 8) | VERSION;
const LIMIT_32 = 0xffffffffn;
/** From here on the sizes are announced as 64 bits, since deflate may make data a little larger. */
const ANNOUNCE_ZIP64 = 0xf0000000n;

interface Written {
  readonly name: Uint8Array;
  readonly node: TreeNode;
  readonly method: number;
  readonly offset: bigint;
  readonly crc: number;
  readonly compressed: bigint;
  readonly size: bigint;
}

export class ZipWriter {
  readonly #sink: DumpSink;
  readonly #written: Written[] = [];
  #offset = 0n;

  constructor(sink: DumpSink) {
    this.#sink = sink;
  }

  /** Adds an entry; `content` sends its bytes (none for a folder). */
  async add(path: Uint8Array, node: TreeNode, content: (send: DumpSink) => Promise<void>): Promise<void> {
    const name = node.type === 'dir' ? Buffer.concat([path, Buffer.from('/')]) : path;
    const method = node.type === 'file' ? DEFLATE : STORE;
    const large = node.size >= ANNOUNCE_ZIP64;
    const offset = this.#offset;
    await this.#send(localHeader(name, node, method, large));
    const body = method === DEFLATE ? await this.#deflate(content) : await this.#store(content);
    await this.#send(descriptor(body, large));
    this.#written.push({ name, node, method, offset, ...body });
  }

  /** Writes the central directory. */
  async end(): Promise<void> {
    const start = this.#offset;
    for (const entry of this.#written) await this.#send(centralHeader(entry));
    await this.#send(endOfDirectory(BigInt(this.#written.length), start, this.#offset - start));
  }

  async #store(content: (send: DumpSink) => Promise<void>): Promise<Body> {
    let crc = 0;
    let size = 0n;
    await content(async (bytes) => {
      crc = crc32(bytes, crc);
      size += BigInt(bytes.length);
      await this.#send(bytes);
    });
    return { crc, size, compressed: size };
  }

  async #deflate(content: (send: DumpSink) => Promise<void>): Promise<Body> {
    const stream = createDeflateRaw();
    const before = this.#offset;
    const sending = (async () => {
      for await (const bytes of stream) await this.#send(bytes as Uint8Array);
    })();
    let crc = 0;
    let size = 0n;
    try {
      await content(async (bytes) => {
        crc = crc32(bytes, crc);
        size += BigInt(bytes.length);
        if (!stream.write(bytes)) await Promise.race([once(stream), sending]);
      });
      stream.end();
      await sending;
    } catch (error) {
      stream.destroy();
      await sending.catch(() => {});
      throw error;
    }
    return { crc, size, compressed: this.#offset - before };
  }

  async #send(bytes: Uint8Array): Promise<void> {
    this.#offset += BigInt(bytes.length);
    await this.#sink(bytes);
  }
}

interface Body {
  readonly crc: number;
  readonly size: bigint;
  readonly compressed: bigint;
}

function once(stream: ReturnType<typeof createDeflateRaw>): Promise<void> {
  return new Promise((resolve) => stream.once('drain', resolve));
}

/** Fields of fixed width, little endian. */
function record(...fields: readonly (readonly [2 | 4 | 8, number | bigint])[]): Buffer {
  const bytes = Buffer.alloc(fields.reduce((sum, [width]) => sum + width, 0));
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 8) bytes.writeBigUInt64LE(BigInt(value), at);
    else bytes.writeUIntLE(Number(value), at, width);
    at += width;
  }
  return bytes;
}

function localHeader(name: Uint8Array, node: TreeNode, method: number, large: boolean): Uint8Array {
  const { date, time } = dosTime(node.mtime.ns);
  const zip64 = large ? record([2, 1], [2, 16], [8, 0], [8, 0]) : Buffer.alloc(0);
  const extra = Buffer.concat([zip64, unixTime(node.mtime.ns)]);
  const size = large ? LIMIT_32 : 0n;
  const head = record(
    [4, 0x04034b50],
    [2, VERSION],
    [2, FLAGS],
    [2, method],
    [2, time],
    [2, date],
    [4, 0],
    [4, size],
    [4, size],
    [2, name.length],
    [2, extra.length],
  );
  return Buffer.concat([head, name, extra]);
}

function descriptor({ crc, size, compressed }: Body, large: boolean): Uint8Array {
  const width = large ? 8 : 4;
  return record([4, 0x08074b50], [4, crc], [width, compressed], [width, size]);
}

function centralHeader({ name, node, method, offset, crc, compressed, size }: Written): Uint8Array {
  const { date, time } = dosTime(node.mtime.ns);
  const wide = [size, compressed, offset].filter((value) => value >= LIMIT_32);
  const zip64 =
    wide.length === 0 ? [] : [record([2, 1], [2, 8 * wide.length]), ...wide.map((value) => record([8, value]))];
  const extra = Buffer.concat([...zip64, unixTime(node.mtime.ns)]);
  const narrow = (value: bigint): bigint => (value >= LIMIT_32 ? LIMIT_32 : value);
  const head = record(
    [4, 0x02014b50],
    [2, MADE_BY],
    [2, VERSION],
    [2, FLAGS],
    [2, method],
    [2, time],
    [2, date],
    [4, crc],
    [4, narrow(compressed)],
    [4, narrow(size)],
    [2, name.length],
    [2, extra.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, (statModeOf(node.type, node.mode) * 65536 + (node.type === 'dir' ? 0x10 : 0)) % 2 ** 32],
    [4, narrow(offset)],
  );
  return Buffer.concat([head, name, extra]);
}

function endOfDirectory(entries: bigint, start: bigint, length: bigint): Uint8Array {
  const end = record(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, entries > 0xffffn ? 0xffff : entries],
    [2, entries > 0xffffn ? 0xffff : entries],
    [4, length > LIMIT_32 ? LIMIT_32 : length],
    [4, start > LIMIT_32 ? LIMIT_32 : start],
    [2, 0],
  );
  if (entries < 0xffffn && start < LIMIT_32 && length < LIMIT_32) return end;
  const end64 = record(
    [4, 0x06064b50],
    [8, 44],
    [2, MADE_BY],
    [2, VERSION],
    [4, 0],
    [4, 0],
    [8, entries],
    [8, entries],
    [8, length],
    [8, start],
  );
  return Buffer.concat([end64, record([4, 0x07064b50], [4, 0], [8, start + length], [4, 1]), end]);
}

/** Two seconds' precision, 1980 to 2107; the exact second is in the extra field. */
function dosTime(ns: bigint): { date: number; time: number } {
  const at = new Date(Number(ns / 1_000_000n));
  const year = Math.min(Math.max(at.getUTCFullYear(), 1980), 2107);
  return {
    date: ((year - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}

/** Info-ZIP's extended timestamp: seconds since 1970 in 32 bits; left out where they do not fit. */
function unixTime(ns: bigint): Uint8Array {
  const seconds = ns / 1_000_000_000n;
  if (seconds < -(2n ** 31n) || seconds >= 2n ** 31n) return new Uint8Array();
  return Buffer.concat([record([2, 0x5455], [2, 5]), Buffer.of(1), record([4, BigInt.asUintN(32, seconds)])]);
}
