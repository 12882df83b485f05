/** Reads the include and exclude flags, pattern files among them, into what the archive package compiles. */
import { readFile } from 'node:fs/promises';
import { parsePatternFile } from '@hostark/archive';
import { HostarkError } from '@hostark/protocol';
import type { Io } from '../terminal/io.ts';

export interface ExcludeFlags {
  readonly exclude?: string[];
  readonly iexclude?: string[];
  readonly excludeFile?: string[];
  readonly iexcludeFile?: string[];
}

export interface IncludeFlags {
  readonly include?: string[];
  readonly iinclude?: string[];
  readonly includeFile?: string[];
  readonly iincludeFile?: string[];
}

/** Returns exclude patterns in the order of restic: from flags, then from files. */
export async function excludePatterns(flags: ExcludeFlags, io: Io): Promise<{ exclude: string[]; iexclude: string[] }> {
  return {
    exclude: [...(flags.exclude ?? []), ...(await fromFiles(flags.excludeFile, io))],
    iexclude: [...(flags.iexclude ?? []), ...(await fromFiles(flags.iexcludeFile, io))],
  };
}

/** Returns include patterns, likewise. */
export async function includePatterns(flags: IncludeFlags, io: Io): Promise<{ include: string[]; iinclude: string[] }> {
  return {
    include: [...(flags.include ?? []), ...(await fromFiles(flags.includeFile, io))],
    iinclude: [...(flags.iinclude ?? []), ...(await fromFiles(flags.iincludeFile, io))],
  };
}

async function fromFiles(paths: readonly string[] | undefined, io: Io): Promise<string[]> {
  const lists = await Promise.all(
    (paths ?? []).map(async (path) =>
      parsePatternFile(await readNamed(path, 'pattern file'), (name) => io.env[name] ?? ''),
    ),
  );
  return lists.flat();
}

/** Reads a file that the user named; `-` is not special here. Throws 'usage' if that fails. */
export async function readNamed(path: string, what: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new HostarkError('usage', `cannot read the ${what} ${path}: ${cause.code ?? cause.message}`, { cause });
  });
}
