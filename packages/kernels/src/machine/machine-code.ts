/**
 * Machine code of this package (assembled from machine/ when it is built) in memory that can be executed, and its functions
 * bound by koffi. Written first and executable after that, never both at once.
 */
import { promisify } from 'node:util';
import type { KoffiFunc } from 'koffi';
import { koffiModule } from '../optional-module.ts';
import { MappedMemory } from '../posix/mapped-memory.ts';
import { type ProcessorFeatures, processorFeatures } from './features.ts';

/** As build.mjs writes it into generated/machine.ts. */
export interface AssembledCode<Entry extends string> {
  /** Base64. */
  readonly code: string;
  /** Where each function begins, in bytes. */
  readonly entries: Readonly<Record<Entry, number>>;
}

const bound = new Map<AssembledCode<string>, unknown>();

/**
 * Returns the functions of `code`, which the caller declares in C without a name, or null where they cannot be had: a processor
 * without what the code `needs` (null: nothing that some lack), no koffi, or a system that lets no memory become executable.
 * Binds once a thread; the memory stays until the process ends.
 */
export function bindMachineCode<Functions>(
  code: AssembledCode<keyof Functions & string>,
  needs: keyof ProcessorFeatures | null,
  declarations: Readonly<Record<keyof Functions & string, string>>,
): Functions | null {
  if (!bound.has(code)) {
    const runs = needs === null || processorFeatures()[needs];
    bound.set(code, runs ? bind<Functions>(code, declarations) : null);
  }
  return bound.get(code) as Functions | null;
}

/** Returns a function of bindMachineCode() as one for the thread pool: what it works on must stay in its place until then. */
export function inThreadPool<Numbers extends number[], Result>(
  native: (...numbers: Numbers) => Result,
): (...numbers: Numbers) => Promise<Result> {
  return promisify((native as KoffiFunc<typeof native>).async) as (...numbers: Numbers) => Promise<Result>;
}

function bind<Functions>(
  { code, entries }: AssembledCode<keyof Functions & string>,
  declarations: Readonly<Record<keyof Functions & string, string>>,
): Functions | null {
  type Entry = keyof Functions & string;
  const ffi = koffiModule();
  if (ffi === null || process.platform !== 'linux' || process.arch !== 'x64') return null;
  const bytes = Buffer.from(code, 'base64');
  const memory = MappedMemory.create(bytes.length);
  if (memory === null) return null;
  memory.write(0, bytes);
  if (!memory.makeExecutable()) {
    memory.free();
    return null;
  }
  const functionAt = (entry: Entry) => [
    entry,
    ffi.decode(BigInt(memory.address + entries[entry]), ffi.proto(declarations[entry])),
  ];
  return Object.fromEntries((Object.keys(entries) as Entry[]).map(functionAt)) as Functions;
}
