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

const loaded = new Map<AssembledCode<string>, MappedMemory | null>();
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
  if (!bound.has(code)) bound.set(code, bind<Functions>(code, needs, declarations));
  return bound.get(code) as Functions | null;
}

/** Returns the address of one function of `code`, for lists of calls, or null as above. */
export function machineCodeAddress<Entry extends string>(
  code: AssembledCode<Entry>,
  needs: keyof ProcessorFeatures | null,
  entry: Entry,
): number | null {
  const memory = load(code, needs);
  return memory && memory.address + code.entries[entry];
}

/** Returns a function of bindMachineCode() as one for the thread pool: what it works on must stay in its place until then. */
export function inThreadPool<Numbers extends number[], Result>(
  native: (...numbers: Numbers) => Result,
): (...numbers: Numbers) => Promise<Result> {
  return promisify((native as KoffiFunc<typeof native>).async) as (...numbers: Numbers) => Promise<Result>;
}

function bind<Functions>(
  code: AssembledCode<keyof Functions & string>,
  needs: keyof ProcessorFeatures | null,
  declarations: Readonly<Record<keyof Functions & string, string>>,
): Functions | null {
  type Entry = keyof Functions & string;
  const memory = load(code, needs);
  if (memory === null) return null;
  const functionAt = (entry: Entry) => {
    const address = BigInt(memory.address + code.entries[entry]);
    return [entry, koffiModule()!.decode(address, koffiModule()!.proto(declarations[entry]))];
  };
  return Object.fromEntries((Object.keys(declarations) as Entry[]).map(functionAt)) as Functions;
}

/** Brings code into memory that can be executed. */
function load(code: AssembledCode<string>, needs: keyof ProcessorFeatures | null): MappedMemory | null {
  if (!loaded.has(code)) loaded.set(code, needs === null || processorFeatures()[needs] ? map(code) : null);
  return loaded.get(code)!;
}

function map({ code }: AssembledCode<string>): MappedMemory | null {
  if (koffiModule() === null || process.platform !== 'linux' || process.arch !== 'x64') return null;
  const bytes = Buffer.from(code, 'base64');
  const memory = MappedMemory.create(bytes.length);
  if (memory === null) return null;
  memory.write(0, bytes);
  if (memory.makeExecutable()) return memory;
  memory.free();
  return null;
}
