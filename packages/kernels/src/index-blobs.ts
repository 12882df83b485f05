/**
 * Blobs of an index file to records through a WebAssembly kernel (assembly/index-blobs.ts), which takes the one form in which
 * restic and Hostark write them, and leaves every other to its caller. A fifth of what it costs in JavaScript.
 */
import { compile, instanceOf, type WasmMemory } from './chunker/webassembly.ts';
import { INDEX_BLOBS_WASM } from './generated/wasm.ts';

interface Exports {
  readonly memory: WasmMemory;
  /** Returns where the last blob that was read ends. */
  read(from: number, end: number): number;
  count(): number;
}

/** Words of a record: eight of the id, its first byte highest; offset, length, length when uncompressed; 1 for a tree, else 0. */
export const BLOB_RECORD = { words: 12, offset: 8, length: 9, uncompressedLength: 10, isTree: 11 } as const;

/** The kernel's memory: text, then records. The shortest blob takes more than 100 bytes. */
const TEXT = 1024;
const TEXT_BYTES = 65_536;
const RECORDS: number = TEXT + TEXT_BYTES;
const MEMORY_BYTES: number = RECORDS + Math.ceil(TEXT_BYTES / 100) * BLOB_RECORD.words * 4;
const PAGE = 65_536;
/** With less text ahead than this, more is taken. */
const LEAST_AHEAD = 4096;

const NOTHING = new Uint8Array(0);

/** One for a thread. */
export class IndexBlobs {
  /** Of the blobs that were read last. */
  readonly records: Int32Array;
  readonly #exports: Exports;
  readonly #text: Uint8Array;
  /** The text is a part of these. */
  #bytes: Uint8Array = NOTHING;
  #from = 0;
  #length = 0;

  private constructor(exports: Exports) {
    this.#exports = exports;
    const { memory } = exports;
    memory.grow(Math.ceil((MEMORY_BYTES - memory.buffer.byteLength) / PAGE));
    this.#text = new Uint8Array(memory.buffer, TEXT, TEXT_BYTES);
    this.records = new Int32Array(memory.buffer, RECORDS, (MEMORY_BYTES - RECORDS) / 4);
  }

  /** Returns null where there is no WebAssembly. */
  static create(): IndexBlobs | null {
    const module = compile(Buffer.from(INDEX_BLOBS_WASM, 'base64'));
    return module && new IndexBlobs(instanceOf(module) as Exports);
  }

  /** How many blobs were read last. */
  get count(): number {
    return this.#exports.count();
  }

  /**
   * Reads blobs, with commas between them, from `at` on. Returns where the last one ends: `at`, if there is none of the usual form.
   * What of `bytes` was looked at once may be taken for the same until forget().
   */
  read(bytes: Uint8Array, at: number): number {
    const ahead = this.#from + this.#length - at;
    const isThere = bytes === this.#bytes && at >= this.#from && (ahead >= LEAST_AHEAD || at + ahead === bytes.length);
    if (!isThere) this.#take(bytes, at);
    const from = TEXT + at - this.#from;
    return at + this.#exports.read(from, TEXT + this.#length) - from;
  }

  /** Lets go of the bytes that were read last. */
  forget(): void {
    this.#bytes = NOTHING;
  }

  #take(bytes: Uint8Array, at: number): void {
    const text = bytes.subarray(at, at + TEXT_BYTES);
    this.#text.set(text);
    this.#bytes = bytes;
    this.#from = at;
    this.#length = text.length;
  }
}
