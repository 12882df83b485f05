/** Where a function of C lies: for lists of calls. */
import type { LibraryHandle } from 'koffi';
import { koffiModule } from '../optional-module.ts';

/** Returns the address of a function of a library, Node's own binary by default. Throws where there is none. */
export function functionAddress(name: string, library: LibraryHandle | null = null): number {
  const ffi = koffiModule();
  if (ffi === null) throw new Error('no native calls');
  return Number(ffi.address((library ?? ffi.load(null)).symbol(name, 'void *')));
}
