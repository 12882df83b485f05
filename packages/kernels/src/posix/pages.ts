/** Memory by its pages: such as begins at one, so that disks can reach it themselves, and such as is given back early. */
import { memoryOf } from '../memory.ts';
import { libc } from './libc.ts';

/**
 * What addresses, places in files and lengths are multiples of where O_DIRECT transfers them (open(2)): no disk and no file
 * system of Linux asks for more, but for some with larger blocks, which refuse with EINVAL.
 */
export const PAGE_BYTES = 4096;

/** Returns `size` zeroed bytes of shared memory that begin at a page; anywhere where no address can be had. */
export function pagesOfSharedMemory(size: number): Uint8Array {
  return fromPage(new SharedArrayBuffer(size + PAGE_BYTES), size);
}

/** The same of this thread's own memory, which is not cleared. */
export function pagesOfMemory(size: number): Uint8Array {
  return fromPage(Buffer.allocUnsafeSlow(size + PAGE_BYTES).buffer, size);
}

/** Returns whether an error says that this file, memory or disk does not go with O_DIRECT: then the page cache serves. */
export function refusesDirect(error: unknown): boolean {
  return ['EINVAL', 'EOPNOTSUPP', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function fromPage(buffer: ArrayBufferLike, size: number): Uint8Array {
  const into = memoryOf(new Uint8Array(buffer)).address % PAGE_BYTES;
  return new Uint8Array(buffer, into === 0 ? 0 : PAGE_BYTES - into, size);
}

/** Returns whether `bytes` begin at a page. False where that cannot be known. */
export function beginsAtPage(bytes: Uint8Array): boolean {
  const { address } = memoryOf(bytes);
  return address !== 0 && address % PAGE_BYTES === 0;
}

/** MADV_DONTNEED (madvise(2)): private pages are dropped now, and are zeros if they are touched again. */
const DONT_NEED = 4;

/**
 * Drops the content of the whole pages of `memory`, which nobody may need any more: they are given back at once, not when the collector
 * comes to it. Costs some microseconds: for memory that counts. Does nothing where there is no native call.
 */
export function dropPages(memory: Uint8Array): void {
  const native = libc();
  const { address } = memoryOf(memory);
  if (native === null || address === 0) return;
  const from = (PAGE_BYTES - (address % PAGE_BYTES)) % PAGE_BYTES;
  const length = memory.length - from;
  if (length >= PAGE_BYTES) native.madvise(memory.subarray(from), length - (length % PAGE_BYTES), DONT_NEED);
}
