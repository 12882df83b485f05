/**
 * Checking trees: every tree of every snapshot loads and parses, every node is sound, every blob is in the index.
 * The list is restic's (`internal/checker/checker.go`, checkTree); order, names and sizes come on top, as hints.
 */

import { isHostarkError } from '@hostark/protocol';
import { plainLength } from '../blobs/kind.ts';
import type { BlobSource } from '../blobs/load.ts';
import { compareBytes } from '../encoding/bytes.ts';
import { goText } from '../encoding/runes.ts';
import { type BlobId, ID_BYTES, writeIdBytes } from '../ids.ts';
import { parseTree } from '../tree/load.ts';
import { isNodeType, type TreeNode } from '../tree/node.ts';
import { TreeReader } from '../tree/reader.ts';
import { TreeSkimmer } from '../tree/skim.ts';
import { forEachTreeId } from '../tree/walk.ts';
import type { CheckContext } from './check.ts';

/** Restic refuses a tree that holds any other type. */
const CHECKED_TYPES: ReadonlySet<string> = new Set(['file', 'dir', 'symlink', 'socket', 'chardev', 'dev', 'fifo']);

const raw = new Uint8Array(ID_BYTES);

/** One tree pack of the usual size, and a little more. */
const TREE_CACHE_BYTES: number = 20 * 1024 * 1024;

/** Checks all trees below the roots. Returns how many there are. */
export async function checkTrees(context: CheckContext, source: BlobSource, roots: Iterable<BlobId>): Promise<number> {
  const { findings, signal } = context;
  const { blobs } = source;
  const reader = new TreeReader(source, { cacheBytes: TREE_CACHE_BYTES });
  const skimmer = new TreeSkimmer((id) => {
    const place = blobs.lookup('data', id);
    return place === null ? -1 : plainLength(place);
  });
  const missing = new Set<BlobId>();
  const visit = (id: BlobId, nodes: readonly TreeNode[]): void => {
    for (const problem of problemsOf(nodes)) findings.add('tree-invalid', 'tree', id, problem, [{ kind: 'tree', id }]);
    for (const content of contentOf(nodes)) {
      writeIdBytes(content, raw);
      if (blobs.has('data', raw) || missing.has(content)) continue;
      missing.add(content);
      findings.add('blob-missing', 'data', content, 'no index file lists this blob', [{ kind: 'data', id: content }]);
    }
    const oddity = oddityOf(source, nodes);
    if (oddity !== null) findings.add('tree-unusual', 'tree', id, oddity);
  };
  let done = 0;
  const load = async (id: BlobId, ask: (below: BlobId) => void): Promise<void> => {
    const look = (bytes: Uint8Array): void => {
      if (skimmer.isWhole(bytes)) {
        for (const subtree of skimmer.subtrees()) ask(subtree);
        return;
      }
      const nodes = parseTree(id, bytes);
      visit(id, nodes);
      for (const { subtree } of nodes) if (subtree !== null) ask(subtree);
    };
    try {
      await reader.lend(id, look, signal);
    } catch (error) {
      signal?.throwIfAborted();
      const kind = isHostarkError(error, 'blob-missing') ? 'tree-missing' : 'tree-damaged';
      findings.add(kind, 'tree', id, (error as Error).message, [{ kind: 'tree', id }]);
    }
    context.progress('trees', ++done, null);
  };
  return forEachTreeId(source, roots, load, signal);
}

function* contentOf(nodes: readonly TreeNode[]): Generator<BlobId> {
  for (const { type, content } of nodes) if (type === 'file' && content !== null) yield* content;
}

/** What makes a tree invalid, one sentence per bad node. */
function* problemsOf(nodes: readonly TreeNode[]): Generator<string> {
  for (const node of nodes) {
    const name = JSON.stringify(goText(node.name));
    if (node.name.length === 0) yield 'a node has an empty name';
    else if (!isComponent(node.name)) yield `${name} is not the name of one directory entry`;
    if (!isNodeType(node.type) || !CHECKED_TYPES.has(node.type)) yield `${name} has the unknown type "${node.type}"`;
    if (node.type === 'file' && node.content === null) yield `file ${name} has no list of blobs`;
    if (node.type === 'dir' && node.subtree === null) yield `directory ${name} has no tree`;
  }
}

function isComponent(name: Uint8Array): boolean {
  const dots = name.length <= 2 && name.every((byte) => byte === 0x2e);
  return !dots && !name.includes(0x2f) && !name.includes(0);
}

/** What restic's check does not look at: order and duplicates break later backups, a wrong size is seen by nobody else. */
function oddityOf(source: BlobSource, nodes: readonly TreeNode[]): string | null {
  for (let i = 1; i < nodes.length; i++) {
    if (compareBytes(nodes[i - 1]!.name, nodes[i]!.name) >= 0) return 'its entries are not in strictly ascending order';
  }
  for (const { type, content, size, name } of nodes) {
    if (type !== 'file' || content === null) continue;
    let sum = 0;
    for (const id of content) {
      writeIdBytes(id, raw);
      const place = source.blobs.lookup('data', raw);
      if (place === null) return null;
      sum += plainLength(place);
    }
    if (BigInt(sum) !== size) return `file ${JSON.stringify(goText(name))} says ${size} bytes, its blobs hold ${sum}`;
  }
  return null;
}
