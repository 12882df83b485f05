/** Has the key of a repository derived while the program is loaded: half of what a short command takes. */
import { statSync } from 'node:fs';
import type { BegunKey } from '@hostark/kernels';
import { beginLikelyKey } from '@hostark/repository';
import { cacheDirectory, type Io, processIo } from '../terminal/io.ts';
import { readPassword } from './password.ts';
import type { Glance } from './peek.ts';
import { environment, type GlobalFlags, repositoryLocation } from './settings.ts';

/** Commands whose threads take more memory than a key does. */
const LATER_LARGE: readonly string[] = ['restore', 'check'];

/**
 * Begins with what can be known without asking anybody, running anything or reading what can be read but once. Never throws:
 * whatever is wrong is found again, and told, when the repository is opened. Returns null when there was no key to begin with.
 */
export async function beginKey({ command, flags }: Glance, io: Io = processIo()): Promise<BegunKey | null> {
  try {
    if (!isAtHand(io, flags)) return null;
    return beginLikelyKey({
      location: await repositoryLocation(flags, io),
      password: await readPassword(flags, io),
      cacheDirectory: flags.cache === false ? undefined : (flags.cacheDir ?? cacheDirectory(io)),
      keyHint: flags.keyHint ?? environment(io, 'KEY_HINT'),
      memory: LATER_LARGE.includes(command) ? 'more' : 'little',
    });
  } catch {
    return null;
  }
}

/** What is no plain file might be a pipe: who reads it second would find nothing. */
function isAtHand(io: Io, flags: GlobalFlags): boolean {
  const named = (flag: string | undefined, variable: string): string | undefined => flag ?? environment(io, variable);
  const files = [named(flags.repositoryFile, 'REPOSITORY_FILE'), named(flags.passwordFile, 'PASSWORD_FILE')];
  if (named(flags.passwordCommand, 'PASSWORD_COMMAND') !== undefined) return false;
  const known =
    files[1] !== undefined || environment(io, 'PASSWORD') !== undefined || flags.insecureNoPassword === true;
  return known && files.every((file) => file === undefined || statSync(file).isFile());
}
