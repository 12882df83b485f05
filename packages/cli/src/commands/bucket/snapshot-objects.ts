/**
 * What one snapshot needs of a repository in a bucket: the packs that hold its trees and files. And the index of the
 * local copy, which names just these packs: it is made from the headers of the packs that arrived.
 */
import { type DownloadSelection, locateBucket, repositoryPrefix } from '@hostark/cloud';
import { nodePlatform } from '@hostark/kernels';
import { isHostarkError } from '@hostark/protocol';
import {
  acquireLock,
  type BlobId,
  type BlobKind,
  forEachTree,
  type IndexVisitor,
  IndexWriter,
  idBytes,
  loadPackHeader,
  localBackend,
  openBackend,
  openRepository,
  packId,
  Repository,
  readIndex,
  toHex,
} from '@hostark/repository';
import type { CommandContext } from '../../context.ts';
import { existingAccess, repositoryLocation } from '../../hosts/access.ts';
import type { Cloud } from '../../hosts/cloud.ts';
import { lockHolder } from '../../repository/maker.ts';
import { readPassword } from '../../repository/password.ts';
import { environment, type GlobalFlags } from '../../repository/settings.ts';
import { openSnapshot } from '../../repository/snapshot-tree.ts';
import { cacheDirectory } from '../../terminal/io.ts';

export interface SnapshotSource {
  readonly bucket: string;
  readonly prefix?: string;
  /** `latest`, an id or its beginning. */
  readonly snapshot: string;
  readonly directory: string;
}

export interface SnapshotObjects {
  readonly selection: DownloadSelection;
  /** Writes the index of the packs that are in the folder and that no index there names yet. */
  readonly writeIndex: () => Promise<void>;
}

/**
 * Runs `work` with what the snapshot needs, under a lock of the repository, so that no prune takes it away meanwhile.
 * Throws 'wrong-password', 'snapshot-not-found', 'snapshot-ambiguous', 'blob-missing'.
 */
export async function withSnapshotObjects<T>(
  context: CommandContext,
  flags: GlobalFlags,
  cloud: Cloud,
  source: SnapshotSource,
  work: (needed: SnapshotObjects) => Promise<T>,
): Promise<T> {
  const region = await locateBucket(cloud.clients, source.bucket);
  const store = {
    host: source.prefix ?? source.bucket,
    bucket: source.bucket,
    prefix: repositoryPrefix(source.prefix),
  };
  const there: Cloud = { ...cloud, clients: { ...cloud.clients, region } };
  const { profile, credentials } = cloud.credentials;
  const backend = await openBackend(repositoryLocation(there, store), {
    ...(flags.cache === false ? {} : { cacheDirectory: flags.cacheDir ?? cacheDirectory(context.io) }),
    s3: {
      region,
      ...(profile === undefined ? {} : { profile }),
      ...(credentials === undefined ? {} : { credentials }),
    },
  });
  try {
    const password = await passwordOf(context, flags, () => existingAccess(there, store));
    const repository = await openRepository(backend, { password, platform: nodePlatform() });
    backend.useRepository(repository.config.id);
    const lock = await acquireLock(repository, { ...lockHolder(), exclusive: false, signal: cloud.signal });
    try {
      const signal = AbortSignal.any([cloud.signal, lock.lost]);
      const { snapshot } = await openSnapshot(repository, source.snapshot, {}, signal);
      const packs = await packsBelow(repository, snapshot.tree, signal);
      return await work({
        selection: { packs: [...packs], snapshots: [snapshot.id] },
        writeIndex: () => writeIndex(repository, source.directory, packs, signal),
      });
    } finally {
      await lock.release();
    }
  } finally {
    await backend.close();
  }
}

/** A password that was named counts; else the one that this machine keeps for the host; else a terminal is asked. */
async function passwordOf(
  { io }: CommandContext,
  flags: GlobalFlags,
  kept: () => Promise<{ readonly password: string }>,
): Promise<string> {
  const isNamed =
    flags.passwordFile !== undefined ||
    flags.passwordCommand !== undefined ||
    flags.insecureNoPassword === true ||
    ['PASSWORD', 'PASSWORD_FILE', 'PASSWORD_COMMAND'].some((name) => environment(io, name) !== undefined);
  if (isNamed) return readPassword(flags, io);
  try {
    return (await kept()).password;
  } catch (error) {
    if (!isHostarkError(error, 'wrong-password') || io.stdin.isTTY !== true) throw error;
    return readPassword(flags, io);
  }
}

/** Names of the packs that hold every tree and every piece of content below a tree. */
async function packsBelow(repository: Repository, root: BlobId, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const { blobs } = repository;
  const packs = new Set<number>();
  const missing: BlobId[] = [];
  let failure: unknown = null;
  const need = (kind: BlobKind, id: BlobId): void => {
    const place = blobs.lookup(kind, idBytes(id));
    if (place !== null) packs.add(place.pack);
    else missing.push(id);
  };
  await forEachTree(
    repository,
    [root],
    (tree, nodes, error) => {
      if (nodes === null) failure ??= error;
      else need('tree', tree);
      for (const { content } of nodes ?? []) for (const id of content ?? []) need('data', id);
    },
    { signal },
  );
  if (failure !== null) throw failure;
  for (const id of missing) await repository.loadBlob('data', id, signal); // throws 'blob-missing' with its hint
  return new Set([...packs].map((pack) => blobs.packId(pack)));
}

/** Index files appear after the packs that they name, and before the snapshot. */
async function writeIndex(
  repository: Repository,
  directory: string,
  packs: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const folder = localBackend(directory);
  const { platform, config, keyId, key } = repository;
  // The same keys over the folder: it has no config yet, and is no repository before it is complete.
  const local = new Repository({ backend: folder, platform, config, opened: { id: keyId, master: key } });
  try {
    const named = await packsNamed(local, signal);
    const writer = new IndexWriter(local, { signal });
    for (const name of [...packs].sort()) {
      if (named.has(name)) continue;
      const size = await folder.size({ type: 'data', name });
      const header = await loadPackHeader(folder, repository.sealer, packId(name), size, signal);
      await writer.add({ sha256: Buffer.from(name, 'hex'), header });
    }
    await writer.flush();
  } finally {
    await folder.close();
  }
}

/** The packs that index files of the folder name: those of an earlier run need no second index. */
async function packsNamed(local: Repository, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const named = new Set<string>();
  for await (const { name } of local.backend.list('index')) {
    const visitor: IndexVisitor = { pack: (id) => void named.add(toHex(id)), blob: () => {} };
    readIndex(await local.loadUnpacked('index', name, signal), visitor);
  }
  return named;
}
