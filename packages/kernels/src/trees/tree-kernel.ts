/**
 * The tree kernel (assembly/tree-slice.ts): the entries of a directory from what the system says of them to the text of
 * their nodes, without an object per entry. One instance and one memory; what stays is copied out.
 */
import { type WasmMemory, wasmRuntime } from '../chunker/webassembly.ts';
import { TREES_WASM } from '../generated/wasm.ts';
import { DECODED, DECODED_ROOM, MIXED, OWNER_ROOM, writeWords } from './layout.ts';

const PAGE = 65_536;
const DAY_SECONDS = 86_400;

interface Exports {
  readonly memory: WasmMemory;
  run(count: number, before: number, ids: number, out: number, flags: number): number;
  checkBefore(at: number, ids: number): number;
  passed(): number;
  takenOver(): number;
  takenOverBytes(): number;
  sortNames(from: number, to: number, keys: number, out: number): number;
  sortedNames(): number;
  spreadNames(at: number, count: number, prefix: number, length: number, out: number): number;
}

/** What the kernel asks for what it does not write itself. Bytes that it gives are valid during the call. */
export interface TreeHooks {
  /** The offset of the local zone in minutes east. Must not change twice within a day of UTC. */
  offsetAt(epochSeconds: number): number;
  /** The fields `uid` to `group`, with the comma before them but for the first. Asked once for each of few owners. */
  encodeOwner(uid: number, gid: number): Uint8Array;
  /** A name as a tree has it, quotes included. */
  encodeName(name: Uint8Array): Uint8Array;
  /** The name that stands between quotes in a tree; null if none does. */
  decodeName(text: Uint8Array): Uint8Array | null;
  /** The whole node of an entry, without content, with a subtree of zeros: for what is out of the ordinary. */
  encodeNode(entry: number): Uint8Array;
}

/** Thrown through the kernel when a node does not fit: run again with so many bytes more to spare. */
export class NeedsRoom extends Error {
  readonly bytes: number;

  constructor(bytes: number) {
    super('a node needs more room');
    this.bytes = bytes;
  }
}

export class TreeKernel {
  readonly run: Exports['run'];
  readonly checkBefore: Exports['checkBefore'];
  readonly passed: Exports['passed'];
  readonly takenOver: Exports['takenOver'];
  readonly takenOverBytes: Exports['takenOverBytes'];
  readonly sortNames: Exports['sortNames'];
  readonly sortedNames: Exports['sortedNames'];
  readonly spreadNames: Exports['spreadNames'];
  /** All memory. A new object after grow(). */
  bytes: Buffer;
  words: Uint32Array;
  /** Bytes that encodeNode() may still write in this run, beyond what each node has room for. */
  spare = 0;
  readonly #memory: WasmMemory;

  private constructor(exports: Exports) {
    this.#memory = exports.memory;
    this.run = exports.run;
    this.checkBefore = exports.checkBefore;
    this.passed = exports.passed;
    this.takenOver = exports.takenOver;
    this.takenOverBytes = exports.takenOverBytes;
    this.sortNames = exports.sortNames;
    this.sortedNames = exports.sortedNames;
    this.spreadNames = exports.spreadNames;
    const { buffer } = exports.memory;
    this.bytes = Buffer.from(buffer);
    this.words = new Uint32Array(buffer);
  }

  /** Returns null where there is no WebAssembly. */
  static create(hooks: TreeHooks): TreeKernel | null {
    if (wasmRuntime === undefined) return null;
    const module = new wasmRuntime.Module(Buffer.from(TREES_WASM, 'base64'));
    let kernel: TreeKernel | null = null;
    const js = imports(hooks, () => kernel!);
    kernel = new TreeKernel(new wasmRuntime.Instance(module, { js }).exports as Exports);
    kernel.reach(PAGE);
    writeWords(kernel.bytes);
    return kernel;
  }

  /** Makes all addresses below `end` exist. Returns true if memory is now elsewhere. */
  reach(end: number): boolean {
    const missing = Math.ceil((end - this.bytes.length) / PAGE);
    if (missing <= 0) return false;
    this.#memory.grow(missing);
    const { buffer } = this.#memory;
    this.bytes = Buffer.from(buffer);
    this.words = new Uint32Array(buffer);
    return true;
  }
}

function imports(hooks: TreeHooks, kernel: () => TreeKernel): Record<string, (...args: number[]) => number> {
  const place = (text: Uint8Array, at: number): number => {
    kernel().bytes.set(text, at);
    return at + text.length;
  };
  return {
    offsetOfDay(day) {
      const first = hooks.offsetAt(day! * DAY_SECONDS);
      return hooks.offsetAt(day! * DAY_SECONDS + DAY_SECONDS - 1) === first ? first : MIXED;
    },
    offsetAt: (seconds) => hooks.offsetAt(seconds!),
    encodeOwner(uid, gid, at) {
      const text = hooks.encodeOwner(uid! >>> 0, gid! >>> 0);
      if (text.length > OWNER_ROOM) return 0;
      return place(text, at!) - at!;
    },
    encodeName: (name, length, at) => place(hooks.encodeName(kernel().bytes.subarray(name!, name! + length!)), at!),
    decodeName(at, length) {
      const name = hooks.decodeName(kernel().bytes.subarray(at!, at! + length!));
      if (name === null || name.length > DECODED_ROOM) return -1;
      return place(name, DECODED) - DECODED;
    },
    encodeNode(entry, at) {
      const text = hooks.encodeNode(entry!);
      kernel().spare -= text.length;
      if (kernel().spare < 0) throw new NeedsRoom(text.length);
      return place(text, at!);
    },
  };
}
