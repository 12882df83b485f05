/**
 * The config: version, id and chunker polynomial of a repository. Sealed, never compressed, not named by its content.
 * Format: restic `internal/restic/config.go`.
 */
import { isIrreducible, type Sealer } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import { damaged } from './damage.ts';
import { textOf, utf8 } from './encoding/bytes.ts';
import { isHexId } from './ids.ts';
import { openBytes } from './unpacked.ts';

/** The format versions that are read and written. */
export const FORMAT_VERSIONS = [1, 2] as const;
export type FormatVersion = (typeof FORMAT_VERSIONS)[number];

/** What a repository is. */
export interface RepositoryConfig {
  readonly version: FormatVersion;
  /** 64 hex digits, random: names caches, nothing else. */
  readonly id: string;
  /** Irreducible, of degree 53: decides where files are cut. */
  readonly polynomial: bigint;
}

/** Returns the JSON of a config. */
export function encodeConfig(config: RepositoryConfig): Uint8Array {
  const { version, id, polynomial } = config;
  return utf8(`{"version":${version},"id":"${id}","chunker_polynomial":"${polynomial.toString(16)}"}`);
}

/**
 * Opens and parses a sealed config. Throws 'repository-unsupported' for another version, 'repository-damaged' for a config
 * that is cut short, does not open, or holds a polynomial that is reducible.
 */
export function openConfig(sealer: Sealer, sealed: Uint8Array): RepositoryConfig {
  const plain = openBytes(sealer, sealed);
  if (plain === null) {
    throw unusable(`config: expected a sealed object, got ${sealed.length} bytes that do not open with the key`);
  }
  let json: unknown;
  try {
    json = JSON.parse(textOf(plain));
  } catch (cause) {
    throw unusable('config: expected JSON', damaged('config', '', 'opened, but holds no JSON', cause));
  }
  const fields = (typeof json === 'object' && json !== null ? json : {}) as Readonly<Record<string, unknown>>;
  const { version, id, chunker_polynomial: polynomial } = fields;
  if (version !== 1 && version !== 2) {
    throw new HostarkError(
      'repository-unsupported',
      `expected a repository of version 1 or 2, got ${String(version)}`,
      {
        hint: 'a newer Hostark may know this version',
      },
    );
  }
  if (typeof id !== 'string' || !isHexId(id)) throw unusable('config: expected an id of 64 hex digits');
  if (typeof polynomial !== 'string' || !/^[0-9a-f]{1,16}$/i.test(polynomial)) {
    throw unusable('config: expected a chunker polynomial in hex');
  }
  const value = BigInt(`0x${polynomial}`);
  if (!isIrreducible(value)) throw unusable(`config: chunker polynomial ${polynomial} is not irreducible`);
  return { version, id, polynomial: value };
}

function unusable(problem: string, cause?: unknown): HostarkError {
  return new HostarkError('repository-damaged', problem, {
    hint: 'the config has no other copy inside the repository: restore it from a copy of the bucket or an older version',
    context: { type: 'config' },
    ...(cause === undefined ? {} : { cause }),
  });
}
