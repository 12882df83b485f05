/** Repositories for backup tests, and a plain way to compare a snapshot with the folder it was made of. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { nodePlatform } from '@hostark/kernels';
import {
  type Backend,
  type BlobId,
  decodeTree,
  type FormatVersion,
  initRepository,
  loadBlob,
  openRepository,
  type Repository,
  type TreeNode,
} from '@hostark/repository';
import { backup } from '../../src/backup/backup.ts';
import type { BackupOptions, BackupResult } from '../../src/backup/options.ts';
import { joinPath } from '../../src/walk/paths.ts';

const PASSWORD = 'p';
const TINY_COST = { n: 2, r: 1, p: 1 } as const;
/** Always the same, so that chunks are the same in every run. */
export const POLYNOMIAL = 0x3da3358b4dc173n;

export async function newRepository(backend: Backend, version: FormatVersion = 2): Promise<Repository> {
  const platform = nodePlatform();
  return await initRepository(backend, {
    password: PASSWORD,
    platform,
    version,
    polynomial: POLYNOMIAL,
    cost: TINY_COST,
  });
}

/** As another process would: everything is read from the backend. */
export async function reopen(backend: Backend): Promise<Repository> {
  return await openRepository(backend, { password: PASSWORD, platform: nodePlatform() });
}

/** A backup from a fresh open of the repository. */
export async function backupAgain(backend: Backend, options: Omit<BackupOptions, 'host'>): Promise<BackupResult> {
  return await backup(await reopen(backend), { host: 'h', ...options });
}

export async function treeNodes(repository: Repository, tree: BlobId): Promise<TreeNode[]> {
  return decodeTree(await loadBlob(repository, 'tree', tree));
}

/** Returns the node at `names`, from the root tree. */
export async function nodeAt(repository: Repository, tree: string, ...names: string[]): Promise<TreeNode> {
  let nodes = await treeNodes(repository, tree as BlobId);
  let found: TreeNode | undefined;
  for (const name of names) {
    found = nodes.find((node) => Buffer.from(node.name).toString() === name);
    if (found === undefined) throw new Error(`no ${name} among ${nodes.map((node) => Buffer.from(node.name))}`);
    nodes = found.subtree === null ? [] : await treeNodes(repository, found.subtree);
  }
  return found!;
}

export async function contentOf(repository: Repository, node: TreeNode): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (const id of node.content ?? []) chunks.push(await loadBlob(repository, 'data', id));
  return Buffer.concat(chunks);
}

/** Returns every way in which the tree differs from the folder: names, types, modes, times, sizes, contents, targets. */
export async function differences(repository: Repository, tree: BlobId, folder: Uint8Array): Promise<string[]> {
  const found: string[] = [];
  const nodes = await treeNodes(repository, tree);
  const names = readdirSync(folder as Buffer, { encoding: 'buffer' }).sort(Buffer.compare);
  const saved = nodes.map((node) => Buffer.from(node.name).toString('latin1'));
  const there = names.map((name) => name.toString('latin1'));
  if (saved.join('\0') !== there.join('\0')) found.push(`${folder}: names ${saved} instead of ${there}`);
  for (const node of nodes) {
    const path = joinPath(folder, node.name);
    found.push(...(await nodeDifferences(repository, node, path)));
    if (node.subtree !== null) found.push(...(await differences(repository, node.subtree, path)));
  }
  return found;
}

async function nodeDifferences(repository: Repository, node: TreeNode, path: Buffer): Promise<string[]> {
  const stat = lstatSync(path, { bigint: true });
  const wrong: string[] = [];
  const same = (what: string, a: unknown, b: unknown): void => {
    if (a !== b) wrong.push(`${path}: ${what} ${a} instead of ${b}`);
  };
  same('mtime', node.mtime.ns, stat.mtimeNs);
  same('ctime', node.ctime.ns, stat.ctimeNs);
  same('permissions', node.mode & 0o777, Number(stat.mode & 0o777n));
  same('inode', node.inode, stat.ino);
  same('device', node.deviceId, stat.dev);
  same('uid', node.uid, Number(stat.uid));
  if (stat.isFile()) {
    same('type', node.type, 'file');
    same('size', node.size, stat.size);
    same('links', node.links, stat.nlink);
    if (!(await contentOf(repository, node)).equals(readFileSync(path))) wrong.push(`${path}: content differs`);
  } else if (stat.isSymbolicLink()) {
    const target = readlinkSync(path, { encoding: 'buffer' });
    same('target', Buffer.from(node.linkTarget ?? []).toString('hex'), target.toString('hex'));
  } else same('type', node.type, stat.isDirectory() ? 'dir' : 'fifo');
  return wrong;
}
