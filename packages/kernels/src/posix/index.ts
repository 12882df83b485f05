/** Chooses the implementation of Posix: native on Linux where koffi loads, else the fallback. */

import { FallbackPosix } from './fallback.ts';
import { libc } from './libc.ts';
import { NativePosix } from './native.ts';
import type { Posix } from './posix.ts';

export interface PosixOptions {
  /** `false` keeps to Node's `fs`. */
  readonly native?: boolean;
}

let native: Posix | undefined;
let fallback: Posix | undefined;

/** Returns the system calls of this thread, the same object each time. */
export function posix(options: PosixOptions = {}): Posix {
  const bindings = options.native === false ? null : libc();
  if (bindings === null) {
    fallback ??= new FallbackPosix();
    return fallback;
  }
  native ??= new NativePosix(bindings);
  return native;
}
