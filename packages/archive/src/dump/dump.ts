/**
 * Streams a file, or a folder as a tar or zip, out of a snapshot. Nothing is written to the disk; a consumer that is slow
 * holds the reading back. Content is verified before it leaves, and an error ends the stream: a short archive is an error
 * of the caller's program, never a good one with bytes missing.
 */
import { HostarkError } from '@hostark/protocol';
import {
  type BlobId,
  type BlobSource,
  idBytes,
  loadBlob,
  plainLength,
  type TreeNode,
  TreeReader,
} from '@hostark/repository';
import { joinPath, pathBytes, printablePath, splitPath } from '../walk/paths.ts';
import { readAhead } from './read-ahead.ts';
import { isTarable, TAR_END, tarHeader, tarPadding } from './tar.ts';
import { ZipWriter } from './zip.ts';

export const ARCHIVE_FORMATS = ['tar', 'zip'] as const;
export type ArchiveFormat = (typeof ARCHIVE_FORMATS)[number];

/** Takes the next bytes, which are its own; resolves when it can take more. */
export type DumpSink = (bytes: Uint8Array) => Promise<void> | void;

export interface DumpOptions {
  /** For folders. Default 'tar'. */
  readonly format?: ArchiveFormat | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before the first byte of an archive; may throw, for instance where a terminal would get it. */
  readonly onArchive?: (() => void) | undefined;
}

/** Blobs that are loaded ahead: hides the round trip, at most some 64 MiB. */
const AHEAD = 8;

/**
 * Writes what is at `path` (absolute in `tree`; `/` is all of it) to `sink`: a file as its content, a folder as an archive
 * of what is in it, under its path. The index must be loaded. Throws HostarkError 'path-not-found', or as loadBlob().
 */
export async function dump(
  repository: BlobSource,
  tree: BlobId,
  path: string | Uint8Array,
  sink: DumpSink,
  options: DumpOptions = {},
): Promise<void> {
  const dumper = new Dumper(repository, sink, options.signal);
  const parts = splitPath(pathBytes(path)).filter((part) => part.toString('latin1') !== '.');
  const found = await dumper.find(tree, parts);
  if (found !== null && found.type === 'file') return dumper.content([found]);
  if (found !== null && found.subtree === null) {
    throw notDumpable(parts, `it is a ${found.type}; only files and folders can be dumped`);
  }
  options.onArchive?.();
  const entries = dumper.below(found?.subtree ?? tree, joinAll(parts));
  return options.format === 'zip' ? dumper.zip(entries) : dumper.tar(entries);
}

interface Entry {
  /** Without a leading slash. */
  readonly path: Uint8Array;
  readonly node: TreeNode;
}

class Dumper {
  readonly #repository: BlobSource;
  readonly #sink: DumpSink;
  readonly #signal: AbortSignal | undefined;
  readonly #reader: TreeReader;

  constructor(repository: BlobSource, sink: DumpSink, signal: AbortSignal | undefined) {
    this.#repository = repository;
    this.#sink = sink;
    this.#signal = signal;
    this.#reader = new TreeReader(repository);
  }

  /** Returns the node at the parts, null for the root. */
  async find(root: BlobId, parts: readonly Uint8Array[]): Promise<TreeNode | null> {
    let tree: BlobId | null = root;
    let node: TreeNode | null = null;
    for (let depth = 0; depth < parts.length; depth++) {
      if (tree === null) throw notDumpable(parts.slice(0, depth), `it is a ${node?.type}, not a folder`);
      const name = pathBytes(parts[depth]!);
      node = (await this.#reader.load(tree, this.#signal)).find((each) => name.equals(each.name)) ?? null;
      if (node === null) throw notDumpable(parts.slice(0, depth + 1), 'it is not in the snapshot');
      tree = node.subtree;
    }
    return node;
  }

  async *below(tree: BlobId, path: Uint8Array): AsyncGenerator<Entry> {
    for (const node of await this.#reader.load(tree, this.#signal)) {
      const entry = { path: joinPath(path, node.name), node };
      yield entry;
      if (node.subtree !== null) yield* this.below(node.subtree, entry.path);
      else if (node.type === 'dir') throw incomplete(node, 'tree');
    }
  }

  async content(files: Iterable<TreeNode>): Promise<void> {
    for (const file of files) await this.#blobs(file, (bytes) => this.#sink(bytes));
  }

  async tar(entries: AsyncIterable<Entry>): Promise<void> {
    const names = new Map<string, { path: Uint8Array; node: TreeNode }>();
    const parts = this.#tarParts(entries, names);
    for await (const part of readAhead(parts, AHEAD, (next) => next())) await this.#sink(part);
    await this.#sink(TAR_END);
  }

  /** Yields what to load and send, in order: headers, blobs, padding; of many small files, many run ahead. */
  async *#tarParts(
    entries: AsyncIterable<Entry>,
    names: Map<string, Entry>,
  ): AsyncGenerator<() => Promise<Uint8Array> | Uint8Array> {
    for await (const { path, node } of entries) {
      if (!isTarable(node)) continue;
      const size = this.#contentSize(node);
      const earlier = earlierName(names, { path, node });
      yield () => tarHeader({ path, node, size, hardLinkTo: earlier });
      if (earlier !== null) continue;
      for (const id of contentOf(node)) yield () => loadBlob(this.#repository, 'data', id, this.#signal);
      yield () => tarPadding(size);
    }
  }

  /** What will be sent: the blobs' lengths, whatever the node says. An unknown blob fails when it is loaded. */
  #contentSize(node: TreeNode): bigint {
    let size = 0;
    for (const id of node.content ?? []) {
      const place = this.#repository.blobs.lookup('data', idBytes(id));
      if (place !== null) size += plainLength(place);
    }
    return BigInt(size);
  }

  async zip(entries: AsyncIterable<Entry>): Promise<void> {
    const writer = new ZipWriter(this.#sink);
    for await (const { path, node } of entries) {
      if (node.type !== 'file' && node.type !== 'dir' && node.type !== 'symlink') continue;
      await writer.add(path, node, async (send) => {
        if (node.type === 'symlink') await send(node.linkTarget ?? new Uint8Array());
        else await this.#blobs(node, send);
      });
    }
    await writer.end();
  }

  async #blobs(node: TreeNode, send: DumpSink): Promise<void> {
    const load = (id: BlobId): Promise<Uint8Array> => loadBlob(this.#repository, 'data', id, this.#signal);
    for await (const bytes of readAhead(contentOf(node), AHEAD, load)) await send(bytes);
  }
}

/** Returns the blobs of a file; nothing else has any. Throws 'object-damaged' where a file lists none for what it should hold. */
function contentOf(node: TreeNode): readonly BlobId[] {
  if (node.content === null && node.size > 0n) throw incomplete(node, 'blobs');
  return node.content ?? [];
}

function incomplete(node: TreeNode, what: string): HostarkError {
  const name = printablePath(node.name);
  return new HostarkError('object-damaged', `the snapshot lists no ${what} for the ${node.type} ${name}`, {
    hint: 'run `hostark check` to see what is affected',
  });
}

/** Returns the archive path of an earlier name of the same file, with the same content; null for the first. */
function earlierName(names: Map<string, Entry>, entry: Entry): Uint8Array | null {
  const { node } = entry;
  if (node.type !== 'file' || node.links < 2n || (node.inode === 0n && node.deviceId === 0n)) return null;
  const key = `${node.deviceId}:${node.inode}`;
  const first = names.get(key);
  if (first === undefined) names.set(key, entry);
  return first !== undefined && first.node.content?.join() === node.content?.join() ? first.path : null;
}

function joinAll(parts: readonly Uint8Array[]): Uint8Array {
  let path: Uint8Array = new Uint8Array();
  for (const part of parts) path = path.length === 0 ? part : joinPath(path, part);
  return path;
}

function notDumpable(parts: readonly Uint8Array[], why: string): HostarkError {
  const path = printablePath(joinPath(Buffer.from('/'), joinAll(parts)));
  return new HostarkError('path-not-found', `cannot dump ${path}: ${why}`, {
    hint: 'list what is there with `hostark ls`',
    context: { path },
  });
}
