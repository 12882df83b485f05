/** Memory by its pages: such as begins at one, so that disks can reach it themselves, and such as is given back early. */
import { memoryOf } from '../memory.ts';
import { libc } from './libc.ts';

/**
 * What addresses, places in files and lengths are multiples of where O_DIRECT transfers them (open(2)): no disk and no file
 * system of Linux asks for more, but for some with larger blocks, which refuse with EINVAL.
 */
export const PAGE_BYTES = 4096;

/** A large page, as processors with small ones of 4096 bytes have them. */
export const LARGE_PAGE_BYTES: number = 2 << 20;

/** Returns `size` zeroed bytes of shared memory that begin at a page; anywhere where no address can be had. */
export function pagesOfSharedMemory(size: number): Uint8Array {
  return fromPage(new SharedArrayBuffer(size + PAGE_BYTES), size, PAGE_BYTES);
}

/** The same of this thread's own memory, which is not cleared. */
export function pagesOfMemory(size: number): Uint8Array {
  return fromPage(Buffer.allocUnsafeSlow(size + PAGE_BYTES).buffer, size, PAGE_BYTES);
}

/**
 * As pagesOfSharedMemory(), on large pages where the system gives them: for memory that disks reach themselves. They are told one
 * address instead of five hundred, which the disks of virtual machines take two to five times as fast. A large page counts as a whole
 * from its first byte on.
 */
export function largePagesOfSharedMemory(size: number): Uint8Array {
  return onLargePages(new SharedArrayBuffer(largeRoom(size)), size);
}

/** The same of this thread's own memory, zeroed or not. */
export function largePagesOfMemory(size: number): Uint8Array {
  return onLargePages(Buffer.allocUnsafeSlow(largeRoom(size)).buffer, size);
}

/** Returns whether an error says that this file, memory or disk does not go with O_DIRECT: then the page cache serves. */
export function refusesDirect(error: unknown): boolean {
  return ['EINVAL', 'EOPNOTSUPP', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Returns `size` bytes of `buffer`, which is longer by a page, from the start of one on. */
function fromPage(buffer: ArrayBufferLike, size: number, pageBytes: number): Uint8Array {
  const into = memoryOf(new Uint8Array(buffer)).address % pageBytes;
  return new Uint8Array(buffer, into === 0 ? 0 : pageBytes - into, size);
}

/** Room for whole large pages, wherever it begins. */
function largeRoom(size: number): number {
  return Math.ceil(size / LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES + LARGE_PAGE_BYTES;
}

function onLargePages(buffer: ArrayBufferLike, size: number): Uint8Array {
  const pages = fromPage(buffer, buffer.byteLength - LARGE_PAGE_BYTES, LARGE_PAGE_BYTES);
  // Small pages that the allocator has touched before would stay what they are.
  dropPages(pages);
  libc()?.madvise(pages, pages.length, LARGE_PAGES);
  return pages.subarray(0, size);
}

/** Returns whether `bytes` begin at a page. False where that cannot be known. */
export function beginsAtPage(bytes: Uint8Array): boolean {
  const { address } = memoryOf(bytes);
  return address !== 0 && address % PAGE_BYTES === 0;
}

/** MADV_DONTNEED (madvise(2)): private pages are dropped now, and are zeros if they are touched again. */
const DONT_NEED = 4;
/** MADV_HUGEPAGE: what is touched from now on may lie on large pages. */
const LARGE_PAGES = 14;

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
