/** Where the objects of a repository lie, in a bucket and in restic's local layout (the same paths), and in which order they are fetched. Pure. */

/** Kinds in the order of fetching: what is named before what names it. Locks stay behind: nobody works on a copy. */
export const FETCH_ORDER = ['keys', 'data', 'index', 'snapshots'] as const;
export type FetchKind = (typeof FETCH_ORDER)[number];

/** Names that a repository's folder may hold. */
export const LAYOUT_NAMES: ReadonlySet<string> = new Set(['config', 'data', 'index', 'keys', 'locks', 'snapshots']);

export interface RemoteObject {
  readonly kind: FetchKind;
  /** 64 hex digits: the SHA-256 of the bytes. */
  readonly name: string;
  readonly key: string;
  /** Relative to the repository, also on disk. */
  readonly path: string;
  readonly bytes: number;
  /** As S3 names it; lists leave out nothing but STANDARD in some stores. */
  readonly storageClass: string;
}

const OBJECT = /^(?:data\/([0-9a-f]{2})\/|(?:index|keys|snapshots)\/)([0-9a-f]{64})$/;

/** Returns null for what is no object of a repository, as restic ignores it too. */
export function parseKey(
  key: string,
  prefix: string,
  bytes: number,
  storageClass: string = 'STANDARD',
): RemoteObject | null {
  if (!key.startsWith(prefix)) return null;
  const path = key.slice(prefix.length);
  const match = OBJECT.exec(path);
  if (match === null || (match[1] !== undefined && !match[2]!.startsWith(match[1]))) return null;
  return { kind: path.slice(0, path.indexOf('/')) as FetchKind, name: match[2]!, key, path, bytes, storageClass };
}

/** All folders of the local layout, parents first. */
export function layoutFolders(): string[] {
  const shards = Array.from({ length: 256 }, (_, n) => `data/${n.toString(16).padStart(2, '0')}`);
  return ['data', 'index', 'keys', 'locks', 'snapshots', ...shards];
}
