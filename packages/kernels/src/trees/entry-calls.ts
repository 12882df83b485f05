/** What the system is asked of every entry of a directory, stat and attributes, as a list of calls: one crossing for many entries. */
import { CallList } from '../machine/call-list.ts';
import { SYSTEM_CALLS } from '../machine/system-calls.ts';
import { LSTAT_FLAGS, STATX_MASK } from '../posix/statx.ts';
import * as at from './layout.ts';

/** Most entries of a list. */
export const ENTRIES_A_LIST = 128;
/** The calls of an entry, in their order. */
const [STATX, LLISTXATTR] = [0, 1];
const CALLS_PER_ENTRY = 2;

export class EntryCalls {
  readonly #calls: CallList;

  private constructor(calls: CallList) {
    this.#calls = calls;
    for (let call = 0; call < CALLS_PER_ENTRY * ENTRIES_A_LIST; call += CALLS_PER_ENTRY) {
      calls.write(call + STATX, SYSTEM_CALLS.statx, 0, 0, LSTAT_FLAGS, STATX_MASK);
      // How many bytes there are is all that is asked: mostly none.
      calls.write(call + LLISTXATTR, SYSTEM_CALLS.llistxattr);
    }
  }

  /** Returns null where calls can only be made one by one. */
  static create(): EntryCalls | null {
    const calls = CallList.create(CALLS_PER_ENTRY * ENTRIES_A_LIST);
    return calls && new EntryCalls(calls);
  }

  /**
   * Asks about the entries of a slice from number `from` up to `end`. Their names lie in the kernel's memory, which is at `base`, each
   * behind the `prefix` bytes of the directory `fd`; their stats go into its rows.
   */
  ask(fd: number, base: number, words: Uint32Array, prefix: number, from: number, end: number): void {
    const calls = this.#calls;
    for (let entry = from, call = 0; entry < end; entry++, call += CALLS_PER_ENTRY) {
      const name = base + words[(at.NAME_AT >> 2) + entry]!;
      calls.argument(call + STATX, 0, fd);
      calls.argument(call + STATX, 1, name);
      calls.argument(call + STATX, 4, base + at.ROWS + entry * at.ROW_BYTES);
      calls.argument(call + LLISTXATTR, 0, name - prefix);
    }
    calls.run(0, CALLS_PER_ENTRY * (end - from));
  }

  /** The errno of an entry's stat, by its place in the list; 0 if it has one. */
  statErrno(inList: number): number {
    return -this.#calls.result(CALLS_PER_ENTRY * inList + STATX);
  }

  /** Whether an entry may have attributes, or something is wrong with them. */
  mayHaveXattrs(inList: number): boolean {
    return this.#calls.result(CALLS_PER_ENTRY * inList + LLISTXATTR) !== 0;
  }
}
