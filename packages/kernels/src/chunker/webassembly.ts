/** The part of WebAssembly that the scanner uses, typed here because the compiler runs without the DOM's types. */

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** Grows by `pages` of 64 KiB; views made before are dead. */
  grow(pages: number): number;
}

/** A compiled module; structured-cloneable, but cheap enough to compile in each thread. */
export type WasmModule = object;

interface WasmRuntime {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports?: object) => { readonly exports: unknown };
}

/** Undefined where there is no WebAssembly (`node --jitless`). */
export const wasmRuntime: WasmRuntime | undefined = (globalThis as { readonly WebAssembly?: WasmRuntime }).WebAssembly;
