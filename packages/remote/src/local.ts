/** This machine as a session: `sh -c`. */
import type { Session } from './session.ts';

/** `env` replaces the environment of the commands; default: this process's own. */
export function localSession(
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Session {
  throw new Error(`not implemented: ${options.cwd}`);
}
