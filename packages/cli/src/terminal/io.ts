/**
 * The outside world as a value: streams, environment, home. Only the command line reads these; it passes on what
 * the packages below need.
 */
import { homedir } from 'node:os';
import type { Readable, Writable } from 'node:stream';

export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
}

/** Returns the real process's streams and environment. */
export function processIo(): Io {
  return {
    // Streams are made when they are asked for: most commands never read stdin.
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    env: process.env,
    cwd: process.cwd(),
    home: process.env.HOME || homedir(),
  };
}

/** Returns the directory for Hostark's own state (ledger, keys, known hosts): `HOSTARK_STATE_DIR`, XDG, or the home. */
export function stateDirectory(io: Io): string {
  return io.env.HOSTARK_STATE_DIR || `${io.env.XDG_STATE_HOME || `${io.home}/.local/state`}/hostark`;
}

/** Returns the directory for caches of repositories, named by restic's rule so that both programs share one. */
export function cacheDirectory(io: Io): string {
  return (
    io.env.HOSTARK_CACHE_DIR || io.env.RESTIC_CACHE_DIR || `${io.env.XDG_CACHE_HOME || `${io.home}/.cache`}/restic`
  );
}
