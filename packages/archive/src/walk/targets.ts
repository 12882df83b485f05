/**
 * From the targets on the command line to the top of the snapshot's tree (restic's internal/archiver/tree.go):
 * absolute targets keep their path, relative ones theirs without `..`; `.` and the like stand for their entries;
 * two targets that would get the same name get `name-1`; a target below another one merges into it.
 */
import { absolutePath, cleanPath, isAbsolute, isDotDot, joinParts, joinPath, splitPath } from './paths.ts';

/** A node above or at a target. Exactly the nodes without `children` are walked. */
export interface TargetNode {
  /** Directory that the metadata of this intermediate node is read from (links followed). Null at leaves and the root. */
  readonly metadataPath: Buffer | null;
  /** What is saved here, for leaves. */
  readonly path: Buffer | null;
  /** The leaf was named by the user: excludes do not apply to it. Entries that a target was unrolled to are not. */
  readonly explicit: boolean;
  /** By name, in byte order; null for leaves. */
  readonly children: readonly (readonly [name: Buffer, node: TargetNode])[] | null;
}

/** Returns the entry names of a directory, without `.` and `..`. Throws what the system says. */
export type ListNames = (directory: Uint8Array) => readonly Uint8Array[];

interface Draft {
  root: Buffer;
  path: Buffer | null;
  explicit: boolean;
  metadataPath: Buffer | null;
  /** Keyed by the name's bytes as latin1. */
  children: Map<string, Draft>;
}

/** Returns the tree above `targets`, which exist. */
export function planTargets(targets: readonly Uint8Array[], list: ListNames): TargetNode {
  const top = draft(Buffer.alloc(0));
  const seen = new Set<string>();
  for (const target of expandBareTargets(targets, list)) {
    const key = latin1(target.path);
    if (seen.has(key)) continue;
    seen.add(key);
    addTarget(top, target.path, target.explicit);
  }
  unroll(top, list);
  return freeze(top);
}

/** Replaces targets without a component of their own (`.`, `..`, `/`) by their entries. */
function expandBareTargets(
  targets: readonly Uint8Array[],
  list: ListNames,
): { readonly path: Buffer; readonly explicit: boolean }[] {
  const expanded: { path: Buffer; explicit: boolean }[] = [];
  for (const raw of targets) {
    const path = cleanPath(raw);
    if (componentsOf(path).length > 0) {
      expanded.push({ path, explicit: true });
      continue;
    }
    // Reverse order, as restic has it: it decides who is renamed when names collide.
    const names = [...list(path)].sort((a, b) => Buffer.compare(b, a));
    for (const name of names) expanded.push({ path: cleanPath(joinPath(path, name)), explicit: false });
  }
  return expanded;
}

/** The path inside the snapshot: absolute targets from the root, relative ones without what `..` leaves standing. */
function componentsOf(path: Buffer): Buffer[] {
  return splitPath(absolutePath(path, Buffer.from('/')));
}

/** The directory that a target's first component lies in: `/`, `.`, or some levels up. */
function rootOf(path: Buffer): Buffer {
  if (isAbsolute(path)) return Buffer.from('/');
  const ups = splitPath(path).filter(isDotDot);
  return ups.length === 0 ? Buffer.from('.') : joinParts(ups);
}

function addTarget(top: Draft, path: Buffer, explicit: boolean): void {
  const root = rootOf(path);
  const [first, ...rest] = componentsOf(path);
  if (first === undefined) return;
  const { name, node } = claimTopName(top, first, root);
  top.children.set(name, node);
  if (rest.length === 0) {
    node.path = path;
    node.explicit = explicit;
    return;
  }
  node.metadataPath = join(root, first);
  addBelow(node, path, explicit, node.metadataPath, rest);
}

/** Finds the node for `first` that comes from the same directory, or a free name for it. */
function claimTopName(top: Draft, first: Buffer, root: Buffer): { name: string; node: Draft } {
  const wanted = latin1(first);
  let name = wanted;
  for (let i = 1; ; i++) {
    const other = top.children.get(name);
    if (other === undefined) return { name, node: draft(root) };
    if (other.root.equals(root)) return { name, node: other };
    name = `${wanted}-${i}`;
  }
}

function addBelow(parent: Draft, path: Buffer, explicit: boolean, root: Buffer, parts: readonly Buffer[]): void {
  const [first, ...rest] = parts;
  if (first === undefined) return;
  const key = latin1(first);
  const node = parent.children.get(key) ?? draft(root);
  parent.children.set(key, node);
  if (rest.length === 0) {
    node.path = path;
    node.explicit = explicit;
    return;
  }
  node.metadataPath = join(root, first);
  addBelow(node, path, explicit, node.metadataPath, rest);
}

/** A target with targets below it becomes an intermediate node over all its entries. */
function unroll(node: Draft, list: ListNames): void {
  if (node.path !== null && node.children.size > 0) {
    for (const name of list(node.path)) {
      const key = latin1(name);
      const child = node.children.get(key);
      if (child === undefined) {
        const fresh = draft(node.path);
        fresh.path = joinPath(node.path, name);
        node.children.set(key, fresh);
      } else child.path ??= joinPath(node.path, name);
    }
    node.path = null;
  }
  for (const child of node.children.values()) unroll(child, list);
}

function freeze(node: Draft): TargetNode {
  const leaf = node.children.size === 0;
  const children = leaf
    ? null
    : [...node.children]
        .map(([key, child]) => [Buffer.from(key, 'latin1'), freeze(child)] as const)
        .sort(([a], [b]) => Buffer.compare(a, b));
  return { metadataPath: node.metadataPath, path: leaf ? node.path : null, explicit: node.explicit, children };
}

function draft(root: Buffer): Draft {
  return { root, path: null, explicit: false, metadataPath: null, children: new Map() };
}

/** Joins without a leading `./`, as Go's `filepath.Join` does. */
function join(root: Buffer, name: Buffer): Buffer {
  return cleanPath(joinPath(root, name));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
