/**
 * Memory that the system maps for one purpose, apart from the allocator's: given back at once and whole, executable where that
 * is wanted, or shared with the kernel. Reached by address alone, so that no view outlives it.
 */
import { type Libc, libc } from './libc.ts';

const READ_WRITE = 3;
const READ_EXECUTE = 5;
/** MAP_PRIVATE | MAP_ANONYMOUS (mmap(2)). */
const OWN_MEMORY = 0x22;
/** MAP_SHARED | MAP_POPULATE. */
const SHARED_MEMORY = 0x8001;

export class MappedMemory {
  readonly address: number;
  readonly size: number;
  readonly #libc: Libc;

  private constructor(bound: Libc, address: number, size: number) {
    this.#libc = bound;
    this.address = address;
    this.size = size;
  }

  /** Returns `size` bytes of zeros from a page on, or null where they cannot be had. */
  static create(size: number): MappedMemory | null {
    return MappedMemory.#map(size, OWN_MEMORY, -1, 0);
  }

  /** Returns `size` bytes of what an open file of the kernel's lets see from `offset` on, or null where that is not allowed. */
  static ofKernel(fd: number, offset: number, size: number): MappedMemory | null {
    return MappedMemory.#map(size, SHARED_MEMORY, fd, offset);
  }

  static #map(size: number, kind: number, fd: number, offset: number): MappedMemory | null {
    const bound = libc();
    const address = bound === null ? -1 : Number(bound.mmap(0, size, READ_WRITE, kind, fd, offset));
    return bound === null || address === -1 ? null : new MappedMemory(bound, address, size);
  }

  write(at: number, bytes: Uint8Array): void {
    this.#expectInside(at, bytes.length);
    this.#libc.copyTo(this.address + at, bytes, bytes.length);
  }

  read(at: number, into: Uint8Array): void {
    this.#expectInside(at, into.length);
    this.#libc.copyFrom(into, this.address + at, into.length);
  }

  /** Makes the memory executable, and read-only. Returns false where the system does not allow that. */
  makeExecutable(): boolean {
    return this.#libc.mprotect(this.address, this.size, READ_EXECUTE) === 0;
  }

  /** Nothing may use the memory after that. */
  free(): void {
    this.#libc.munmap(this.address, this.size);
  }

  #expectInside(at: number, length: number): void {
    if (at < 0 || at + length > this.size) {
      throw new RangeError(`expected a range inside ${this.size} bytes, got ${length} at ${at}`);
    }
  }
}
