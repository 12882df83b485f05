/** Loads the packages that may be missing (a platform without binaries, a stripped install): null instead of an error. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type koffi from 'koffi';

const require = createRequire(import.meta.url);
const loaded = new Map<string, unknown>();

/** Returns the module `name`, or null when it cannot be loaded; asks once a thread. */
export function optionalModule<T>(name: string): T | null {
  return once(name, () => require(name)) as T | null;
}

/**
 * Returns koffi, or null without it. Its own loader reads Node's program file to tell glibc from musl and prepares warnings for
 * functions that nobody calls here: 10 ms a thread. Where it is clear which of its binaries that will be, it is asked for by name.
 */
export function koffiModule(): typeof koffi | null {
  return once('koffi', () => quickKoffi() ?? require('koffi')) as typeof koffi | null;
}

function quickKoffi(): unknown {
  const { platform, arch } = process;
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) return null;
  if (existsSync(`/lib/ld-musl-${arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`)) return null;
  try {
    return require(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
  } catch {
    return null; // its own loader knows where else to look
  }
}

function once(name: string, load: () => unknown): unknown {
  if (!loaded.has(name)) {
    try {
      loaded.set(name, load());
    } catch {
      loaded.set(name, null);
    }
  }
  return loaded.get(name);
}
