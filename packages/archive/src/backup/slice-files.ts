/**
 * The files of one slice that are read, and what becomes of their nodes. A small new file that is what it was is one id,
 * written to its place in the text; only what is out of the ordinary becomes a node again.
 */
import { type FileRows, IDENTITY_WORDS, identitySize } from '@hostark/kernels';
import { ID_BYTES } from '@hostark/repository';
import { FILE_SAVED, type FilesResult } from '../pool/jobs.ts';
import { type MutableNode, nodeOf } from '../walk/node.ts';
import { joinPath } from '../walk/paths.ts';
import { type FileOutcome, firstChunk, outcomeOf } from './file-outcome.ts';
import type { FilesOwner } from './file-queue.ts';
import { contentText, nodeOfText, textOfNode } from './node-text.ts';
import type { Change } from './summary.ts';
import type { TextFolder } from './text-folder.ts';
import type { WalkParts } from './walker.ts';

/** From the end of a file's node, its comma included, back to the bracket that closes its content. */
const CONTENT_FROM_END = 3;
/** An id as the content has it, with its quotes. */
const ID_TEXT_BYTES = 66;

/** Where the node of a file lies in the slice, the comma included. */
export interface FilePlace {
  readonly from: number;
  readonly to: number;
  /** 64 zeros stand for its only id. */
  readonly holdsId: boolean;
}

export class SliceFiles implements FilesOwner {
  readonly #parts: WalkParts;
  readonly #folder: TextFolder;
  readonly #slice: number;
  /** Of the directory. */
  readonly #path: Uint8Array;

  /** `slice`: see TextFolder. */
  constructor(parts: WalkParts, folder: TextFolder, slice: number, path: Uint8Array) {
    this.#parts = parts;
    this.#folder = folder;
    this.#slice = slice;
    this.#path = path;
  }

  /** For small new files. */
  filesDone(result: FilesResult, rows: FileRows, from: number, to: number): void {
    const { status, sizes, chunkEnds, ids } = result;
    const { identities, nodeEnds } = rows;
    const text = this.#folder.textToFill(this.#slice);
    let done = 0;
    let bytes = 0;
    for (let i = from; i < to; i++) {
      const size = sizes[i]!;
      const chunk = firstChunk(result, i);
      const chunks = chunkEnds[i]! - chunk;
      const asSeen = size === identitySize(identities, i * IDENTITY_WORDS) && chunks === (size === 0 ? 0 : 1);
      if (status[i] !== FILE_SAVED || !asSeen || isFresh(result, i)) {
        this.#exceptionDone(outcomeOf(result, i), rows, i);
        continue;
      }
      if (chunks === 1) writeId(text, nodeEnds[i]! - CONTENT_FROM_END - ID_TEXT_BYTES + 1, ids, chunk * ID_BYTES);
      done++;
      bytes += size;
    }
    const { summary, reporter } = this.#parts;
    summary.newFiles(done, bytes);
    reporter.working({ directory: this.#path, base: baseOf(rows, to - 1) });
    reporter.tick();
    this.#folder.filled(this.#slice, done);
  }

  /**
   * Told what became of one file. `seen` makes its node as lstat saw it, of `size` bytes, with the attributes that it had;
   * `before` is the parent's node.
   */
  fileDone(
    outcome: FileOutcome,
    name: Uint8Array,
    place: FilePlace,
    size: number,
    seen: () => MutableNode,
    before: Uint8Array | null,
  ): void {
    const { nodes, reporter, summary } = this.#parts;
    const { from, to } = place;
    const folder = this.#folder;
    if (outcome.kind !== 'saved') {
      const path = joinPath(this.#path, name);
      if (outcome.kind === 'vanished') reporter.error(path, 'open', 'vanished before it could be read');
      if (outcome.kind === 'failed') reporter.error(path, outcome.during, outcome.message);
      folder.drop(this.#slice, from, to);
      return;
    }
    if (outcome.changed) {
      reporter.error(joinPath(this.#path, name), 'read', 'changed while it was read; saved as read');
    }
    const asSeen = outcome.fresh === null && outcome.size === size;
    let change: Change = 'new';
    if (before === null) summary.changedFile(change, outcome.size);
    if (before !== null || !asSeen) {
      let node = seen();
      if (outcome.fresh !== null) {
        const { xattrs } = node;
        node = nodeOf(name, outcome.fresh, [], undefined, nodes);
        node.xattrs = xattrs;
      }
      node.size = BigInt(outcome.size);
      node.content = outcome.content;
      if (before !== null) change = summary.file(node, nodeOfText(before));
      if (!asSeen) folder.fill(this.#slice, from, to - 1, textOfNode(node));
    }
    reporter.item(() => folder.item(name), change, BigInt(outcome.size));
    reporter.working({ directory: this.#path, base: name });
    reporter.tick();
    if (!asSeen) return;
    const end = to - CONTENT_FROM_END;
    folder.fill(this.#slice, end - (place.holdsId ? ID_TEXT_BYTES : 0), end, contentText(outcome.content));
  }

  /** A small new file that is not what it was. Its node says what was seen. */
  #exceptionDone(outcome: FileOutcome, rows: FileRows, file: number): void {
    const from = rows.nodeStarts[file]!;
    const to = rows.nodeEnds[file]!;
    const size = identitySize(rows.identities, file * IDENTITY_WORDS);
    const node = nodeOfText(this.#folder.textToFill(this.#slice).subarray(from, to - 1)) as MutableNode;
    this.fileDone(outcome, node.name, { from, to, holdsId: size > 0 }, size, () => node, null);
  }
}

function isFresh({ fresh }: FilesResult, file: number): boolean {
  return fresh.length > 0 && fresh.some((row) => row.file === file);
}

function baseOf({ paths, pathEnds }: FileRows, file: number): Uint8Array {
  const end = pathEnds[file]!;
  return paths.subarray(paths.lastIndexOf(SLASH, end) + 1, end);
}

/** Writes an id's 64 digits. */
function writeId(text: Uint8Array, at: number, ids: Uint8Array, idAt: number): void {
  for (let i = 0; i < ID_BYTES; i++) {
    const byte = ids[idAt + i]!;
    text[at + 2 * i] = DIGITS[byte >> 4]!;
    text[at + 2 * i + 1] = DIGITS[byte & 15]!;
  }
}

const DIGITS = Buffer.from('0123456789abcdef');
const SLASH = 0x2f;
