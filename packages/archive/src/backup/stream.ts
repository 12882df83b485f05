/**
 * Saves one stream of bytes (`--stdin`, `--stdin-from-command`) as a snapshot with a single file (restic's fs.Reader):
 * folders in its name become directories of mode 0755, the file has mode 0644 and the time of the backup.
 */
import { createScanner, posix } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import {
  type BlobId,
  blobIdFrom,
  encodeTree,
  GO_MODE,
  type Instant,
  localInstant,
  type Repository,
  treeNode,
} from '@hostark/repository';
import { ChunkStore } from '../pool/chunk-store.ts';
import { ARENA_BYTES, type ChunkSink } from '../pool/file-cutter.ts';
import { cutStream } from '../pool/stream-cutter.ts';
import { absolutePath, pathBytes, splitPath } from '../walk/paths.ts';
import type { BackupResult, StreamOptions } from './options.ts';
import { type RunContext, runBackup } from './run.ts';

/**
 * Saves `options.source` as one file. Throws what the source throws, what `finished` rejects with, and HostarkError
 * 'source-empty' for a stream without a byte: restic refuses it as well, because it nearly always means that the program
 * before the pipe failed. Runs on the calling thread. Otherwise as backup().
 */
export async function backupStream(repository: Repository, options: StreamOptions): Promise<BackupResult> {
  const path = absolutePath(pathBytes(options.filename ?? 'stdin'), Buffer.from('/'));
  if (splitPath(path).length === 0) throw new HostarkError('usage', 'expected a name for the stream, got a bare /');
  const plan = { paths: [path.toString('utf8')], excludes: [], findParent: async () => null };
  return await runBackup(
    repository,
    { ...options, workers: 0 },
    () => plan,
    (context) => saveStream(repository, options, path, context),
  );
}

async function saveStream(
  repository: Repository,
  options: StreamOptions,
  path: Buffer,
  context: RunContext,
): Promise<BlobId> {
  const { storing, failed } = context;
  const time = options.time ?? localInstant(BigInt(Date.now()) * 1_000_000n, context.zone);
  const scanner = createScanner(repository.config.polynomial, ARENA_BYTES);
  const store = new ChunkStore(storing.setup, repository.platform, storing.data);
  const content: BlobId[] = [];
  const ids = { chunk: (id: Uint8Array) => content.push(blobIdFrom(id)) };
  const arena = repository.platform.memory(scanner.arena);
  const sink: ChunkSink = (length, zeros) => {
    if (storing.failure !== null) throw storing.failure.error;
    storing.addBytes(length);
    return store.store(arena, 0, length, ids, zeros);
  };
  const cutting = cutStream(options.source, scanner, sink);
  try {
    const size = await Promise.race([cutting, failed]);
    await options.finished?.();
    if (size === 0) throw emptyStream();
    return saveTrees(splitPath(path), { content, size, time }, options, context);
  } finally {
    await store.flush();
    storing.summary.stored(store.takeCounts());
  }
}

/** Returns the id of the root. */
function saveTrees(
  names: readonly Buffer[],
  file: { readonly content: readonly BlobId[]; readonly size: number; readonly time: Instant },
  options: StreamOptions,
  context: RunContext,
): BlobId {
  const { trees, summary } = context.storing;
  const system = posix();
  const uid = options.uid ?? 0;
  const gid = options.gid ?? 0;
  const { time: mtime } = file;
  const common = {
    mtime,
    atime: mtime,
    ctime: mtime,
    uid,
    gid,
    user: system.userName(uid),
    group: system.groupName(gid),
  };
  let node = treeNode(names[names.length - 1]!, 'file', {
    ...common,
    mode: 0o644,
    size: BigInt(file.size),
    content: file.content,
  });
  summary.file(node, null);
  for (const name of names.slice(0, -1).reverse()) {
    const subtree = trees.save(encodeTree([node]));
    node = treeNode(name, 'dir', { ...common, mode: (GO_MODE.dir | 0o755) >>> 0, subtree });
    summary.dir(node, null);
  }
  return trees.save(encodeTree([node]));
}

function emptyStream(): HostarkError {
  return new HostarkError('source-empty', 'expected bytes on the stream, but it ended without one', {
    hint: 'check the program that writes it; an empty file can be saved as a file',
  });
}
