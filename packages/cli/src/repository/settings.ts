/**
 * Where the repository is and how it is opened: flag, then HOSTARK_* then RESTIC_* environment, in restic's names and
 * rules. Pure but for reading the files and running the command that the user named.
 */
import { readFile } from 'node:fs/promises';
import { HostarkError } from '@hostark/protocol';
import type { Io } from '../terminal/io.ts';

export const COMPRESSIONS = ['auto', 'off', 'fastest', 'better', 'max'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** The flags that every repository command takes, as commander hands them over. */
export interface GlobalFlags {
  readonly repo?: string;
  readonly repositoryFile?: string;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly insecureNoPassword?: boolean;
  readonly keyHint?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: number;
  readonly cacheDir?: string;
  readonly cache?: boolean;
  readonly lock?: boolean;
  readonly retryLock?: string;
  readonly limitUpload?: string;
  readonly limitDownload?: string;
  readonly compression?: string;
  readonly packSize?: string;
  readonly option?: string[];
}

/** Reads `HOSTARK_<name>`, then `RESTIC_<name>`. An empty variable counts as not set. */
export function environment(io: Io, name: string): string | undefined {
  return io.env[`HOSTARK_${name}`] || io.env[`RESTIC_${name}`] || undefined;
}

/** Returns the location of the repository. Throws 'usage' when none is named, or two are. */
export async function repositoryLocation(flags: GlobalFlags, io: Io): Promise<string> {
  const file = flags.repositoryFile ?? (flags.repo === undefined ? environment(io, 'REPOSITORY_FILE') : undefined);
  if (flags.repo !== undefined && flags.repositoryFile !== undefined) {
    throw new HostarkError('usage', 'expected one repository, got both --repo and --repository-file');
  }
  if (flags.repo !== undefined) return flags.repo;
  if (file !== undefined) return (await readTextFile(file, 'repository file')).trim();
  const fromEnvironment = environment(io, 'REPOSITORY');
  if (fromEnvironment !== undefined) return fromEnvironment;
  throw new HostarkError('usage', 'expected a repository, none is named', {
    hint: 'give -r DIR or -r s3:https://HOST/BUCKET/PREFIX, or set RESTIC_REPOSITORY',
  });
}

/** Reads a text file that may start with a byte order mark (UTF-8 or UTF-16), as restic does for passwords and patterns. */
export async function readTextFile(path: string, what: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new HostarkError('usage', `cannot read the ${what} ${path}: ${cause.code ?? cause.message}`, { cause });
  });
  return decodeText(bytes);
}

/** Decodes UTF-8 or UTF-16 text by its byte order mark. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  return new TextDecoder('utf-8').decode(bytes);
}

/** Parses a whole number flag. Throws 'usage' with the flag's name. */
export function wholeNumber(text: string, flag: string, range: { min: number; max: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < range.min || value > range.max) {
    throw new HostarkError(
      'usage',
      `${flag}: expected a whole number from ${range.min} to ${range.max}, got ${JSON.stringify(text)}`,
    );
  }
  return value;
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Parses Go's duration notation (`30s`, `1h30m`) to milliseconds. Throws 'usage' with the flag's name. */
export function durationMs(text: string, flag: string): number {
  let total = 0;
  let rest = text;
  while (rest !== '') {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)/.exec(rest);
    if (match === null)
      throw new HostarkError(
        'usage',
        `${flag}: expected a duration such as 30s, 10m or 1h30m, got ${JSON.stringify(text)}`,
      );
    total += Number(match[1]) * DURATION_UNITS[match[2]!]!;
    rest = rest.slice(match[0].length);
  }
  return total;
}

/** Returns the compression mode. Throws 'usage' on an unknown one. */
export function compressionMode(flags: GlobalFlags, io: Io): Compression {
  const text = flags.compression ?? environment(io, 'COMPRESSION') ?? 'auto';
  const mode = COMPRESSIONS.find((known) => known === text);
  if (mode === undefined)
    throw new HostarkError(
      'usage',
      `--compression: expected one of ${COMPRESSIONS.join(', ')}, got ${JSON.stringify(text)}`,
    );
  return mode;
}
