/** Chooses the implementation of Posix: native on Linux where koffi loads, else the fallback. */

import { FallbackPosix } from './fallback.ts';
import { libc } from './libc.ts';
import { NativePosix } from './native.ts';
import type { Posix } from './posix.ts';

export interface PosixOptions {
  /** `false` keeps to Node's `fs`. */
  readonly native?: boolean;
}

/** Returns the system calls of this thread. Cheap to call again. */
export function posix(options: PosixOptions = {}): Posix {
  if (options.native === false) return new FallbackPosix();
  const bindings = libc();
  return bindings === null ? new FallbackPosix() : new NativePosix(bindings);
}
