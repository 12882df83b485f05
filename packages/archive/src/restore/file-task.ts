/** A regular file on its way back. */
import type { TreeNode } from '@hostark/repository';
import { type Metadata, metadataOf } from '../metadata/metadata.ts';
import { joinPath, printablePath } from '../walk/paths.ts';
import { FILE_PART, FILE_WHOLE, type FileRow, FLAG_OWNED, FLAG_SPARSE } from './columns.ts';
import type { RestoreContext } from './context.ts';
import type { TargetFolder } from './target-folder.ts';

/**
 * How content gets there. `create`: nothing is in the way. `replace`: made beside and renamed over what is there.
 * `patch`: a regular file with one name of which some blobs are right: only the others are written, in place.
 * `keep`: content is right, metadata only.
 */
export type FilePlan = 'create' | 'replace' | 'patch' | 'keep';

export class FileTask {
  readonly folder: TargetFolder;
  readonly node: TreeNode;
  readonly path: Uint8Array;
  readonly metadata: Metadata;
  /** Something was at the path before. */
  existed = false;
  /** What existed has other names (hard links), which must keep their content. */
  hasOtherNames = false;
  /** Its content must be compared before the plan is known. */
  compare = false;
  plan: FilePlan = 'create';
  /** With 'patch': 1 for each blob that is right. */
  matches: Uint8Array | null = null;
  /** Bytes of content, from the blobs' lengths. */
  bytes = 0;
  /** Blobs that are not written yet. */
  pending = 0;
  /** Where the content is written: a partial name, or the path itself when patching. Null before it is begun. */
  workPath: Uint8Array | null = null;
  #failed = false;

  constructor(context: RestoreContext, folder: TargetFolder, node: TreeNode) {
    this.folder = folder;
    this.node = node;
    this.path = joinPath(folder.path, node.name);
    this.metadata = metadataOf(node, context.names, context.selectXattr);
  }

  get blobs(): NonNullable<TreeNode['content']> {
    return this.node.content ?? [];
  }

  /** Printable path in the snapshot. */
  readonly item = (): string => printablePath(joinPath(this.folder.location, this.node.name));

  get failed(): boolean {
    return this.#failed;
  }

  /** Reports the first failure; later ones of the same file add nothing. */
  fail(context: RestoreContext, during: string, error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    context.tally.failed(this.item(), during, error);
  }

  /** The row for a thread: whole files by their final name, parts by where they are being written. */
  row(context: RestoreContext, part: boolean): FileRow {
    let flags = part ? FILE_PART : FILE_WHOLE;
    if (context.sparse && this.plan !== 'patch') flags |= FLAG_SPARSE;
    const { uid, gid } = context.actor;
    const owned = this.metadata.uid === uid && this.metadata.gid === gid && !this.folder.inheritsGroup;
    if (owned && this.plan !== 'patch') flags |= FLAG_OWNED;
    return { path: part ? (this.workPath ?? this.path) : this.path, flags, size: this.bytes, metadata: this.metadata };
  }
}
