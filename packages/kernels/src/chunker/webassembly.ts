/** The part of WebAssembly that the kernels use, typed here because the compiler runs without the DOM's types. */
import { setFlagsFromString } from 'node:v8';

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

/** Returns null where the runtime or the processor lacks what the module needs. */
export function compile(bytes: Uint8Array): WasmModule | null {
  if (wasmRuntime?.validate(bytes) !== true) return null;
  return new wasmRuntime.Module(bytes);
}

/**
 * As compile(), for a module with relaxed SIMD. Node 20 has it in its final form, but behind a flag of V8's; a module keeps the
 * features that it was compiled with, so the flag stands for a moment only. Other versions have it as a matter of course or not at all.
 */
export function compileRelaxed(bytes: Uint8Array): WasmModule | null {
  const behindFlag = /^11\.3\./.test(process.versions.v8);
  if (!behindFlag) return compile(bytes);
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  try {
    return compile(bytes);
  } finally {
    setFlagsFromString('--no-experimental-wasm-relaxed-simd');
  }
}

/** Returns what a module that needs no imports exports. */
export function instanceOf(module: WasmModule): unknown {
  return new wasmRuntime!.Instance(module).exports;
}
