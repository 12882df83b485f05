/** Loads the packages that may be missing (a platform without binaries, a stripped install): null instead of an error. */

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const loaded = new Map<string, unknown>();

/** Returns the module `name`, or null when it cannot be loaded; asks once a thread. */
export function optionalModule<T>(name: string): T | null {
  if (!loaded.has(name)) {
    try {
      loaded.set(name, require(name));
    } catch {
      loaded.set(name, null);
    }
  }
  return loaded.get(name) as T | null;
}
