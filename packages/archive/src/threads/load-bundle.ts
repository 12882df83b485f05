/**
 * Runs a bundle of the running program's folder together with what V8 made of it when it was built (scripts/learn.cjs): functions
 * that are there already are neither parsed nor compiled again, a sixth of the CPU time of a command of a second.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const here = dirname(fileURLToPath(import.meta.url));

/** Behind what V8 keeps: SHA-256 of the source and of that. */
const DIGEST_BYTES = 32;

/** A bundle that is not run yet. */
export interface LoadedBundle {
  /** Whether V8 took what it had learnt: not where that is missing, damaged, or of another V8 or other flags. The bundle runs all the same. */
  readonly isLearnt: boolean;
  /** Runs it, and returns what it exports. */
  run(): unknown;
}

/** `name`.code.cjs of `folder`: a function as Node makes one of a module, written by the build. `learnt`: whose cache is taken. */
export function loadBundle(name: string, learnt: string = name, folder: string = here): LoadedBundle {
  const filename = join(folder, `${name}.code.cjs`);
  const code = readFileSync(filename);
  const cachedData = cacheOf(join(folder, `${learnt}.cache`), code);
  // Bundles are ASCII: one byte a character, as V8 keeps them. The text stays in memory, so there should be one of it.
  const script = new Script(code.toString('latin1'), { filename, ...(cachedData === undefined ? {} : { cachedData }) });
  return {
    isLearnt: script.cachedDataRejected === false,
    run() {
      const module = { exports: {} };
      script.runInThisContext()(module.exports, createRequire(filename), module, filename, folder);
      return module.exports;
    },
  };
}

/**
 * Returns undefined where there is none for this code. V8 itself looks at the version, the flags and a length: of a cache in which
 * a bit has turned it would run what that says.
 */
function cacheOf(path: string, code: Buffer): Buffer | undefined {
  try {
    const file = readFileSync(path);
    const end = Math.max(0, file.length - DIGEST_BYTES);
    const cache = file.subarray(0, end);
    const digest = createHash('sha256').update(code).update(cache).digest();
    return digest.equals(file.subarray(end)) ? cache : undefined;
  } catch {
    return undefined;
  }
}
