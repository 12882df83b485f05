/** Node's version, and the native pieces that make the engine fast: with fallbacks, so that missing ones are no failure. */
import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import type { Check, CheckResult } from './check.ts';

/** The floor of package.json's engines. */
const LEAST = [20, 19] as const;

export const nodeVersion: Check = {
  name: 'node',
  run: async () => versionResult(process.versions.node),
};

/** Pure, for tests. */
export function versionResult(version: string): CheckResult {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const found = `Node ${version} on ${process.platform}-${process.arch}`;
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return { state: 'ok', found };
  return { state: 'problem', found, fix: `install Node ${LEAST.join('.')} or newer` };
}

export const nativePieces: Check = {
  name: 'native pieces',
  async run() {
    const missing = ['koffi', ...(hasOwnZstd() ? [] : ['@toondepauw/node-zstd'])].filter((name) => !loads(name));
    if (missing.length === 0) return { state: 'ok', found: 'koffi and zstd load' };
    return {
      state: 'warning',
      found: `${missing.join(', ')} cannot be loaded: slower, and without extended attributes and devices`,
      fix: 'npm ci, without --omit=optional',
    };
  },
};

/** Node has zstd since 22.15. */
function hasOwnZstd(): boolean {
  return 'zstdCompressSync' in zlib;
}

function loads(name: string): boolean {
  try {
    createRequire(import.meta.url)(name);
    return true;
  } catch {
    return false;
  }
}
