/**
 * The content of a batch of files: which blobs are needed, from where, fetched and written by the threads.
 * A damaged or missing blob is looked for in other packs; if there is none, its files fail and all others go on.
 */
import { join } from 'node:path';
import { HostarkError, isHostarkError } from '@hostark/protocol';
import { loadBlob, objectPath, plainLength, writeIdBytes } from '@hostark/repository';
import { type FileColumns, type PieceColumns, packFiles, packPieces } from './columns.ts';
import type { RestoreContext } from './context.ts';
import type { SegmentOutcome } from './execute.ts';
import type { FileTask } from './file-task.ts';
import type { SegmentSource } from './job.ts';
import { forEachLimited } from './limited.ts';
import { abandonParts, beginParts, finishParts } from './parts.ts';
import { type Need, type Piece, planSegments, type Segment, type SegmentLimits } from './plan.ts';

/**
 * Half a default pack per request: large enough that a round trip to S3 costs little, small enough that a few in flight
 * stay far below the memory bound. A gap is read along where that is cheaper than a request of its own.
 */
export const REMOTE: SegmentLimits = { segmentBytes: 8 << 20, gapBytes: 512 << 10 };

/** A local file costs nothing to ask: segments are small enough to stay in the processor's cache, gaps are jumped. */
const LOCAL: SegmentLimits = { segmentBytes: 2 << 20, gapBytes: 32 << 10 };

/** Segments loaded and not written yet hold at most this much memory. */
const IN_FLIGHT_BYTES: number = 64 << 20;

/** Files without content, per message. */
const EMPTY_PER_JOB = 512;

/** Errors of the disk as a whole: going on would only repeat them for every file. */
const FATAL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS'];

/** Writes the content (and metadata) of `tasks`, whose plan is create, replace or patch. */
export async function writeContent(context: RestoreContext, tasks: readonly FileTask[]): Promise<void> {
  const needs = collectNeeds(context, tasks);
  const writable = tasks.filter((task) => !task.failed);
  if (context.dryRun) return settleDryRun(context, writable);
  try {
    await writeEmptyFiles(context, writable);
    for (const task of writable) if (isParts(task) && task.pending === 0) shorten(context, task);
    const segments = planSegments(
      needs.filter((need) => !tasks[need.file]!.failed),
      localDirectory(context) === null ? REMOTE : LOCAL,
    );
    const limit = segmentsAtOnce(context);
    await forEachLimited(segments, limit, (segment) => context.slots.run(() => writeOne(context, tasks, segment)));
  } finally {
    for (const task of tasks) abandonParts(context, task);
  }
}

/** A file whose blobs are all right already, but which is too long. */
function shorten(context: RestoreContext, task: FileTask): void {
  try {
    beginParts(context, task);
    complete(context, task);
  } catch (error) {
    throwIfFatal(error);
    task.fail(context, 'write', error);
  }
}

/** Whether the caller makes and finishes the file, because it has more than one blob or is patched. */
function isParts(task: FileTask): boolean {
  return task.blobs.length > 1 || task.plan === 'patch';
}

/** Looks every blob up. A file with an unknown blob fails here, before anything of it is touched. */
function collectNeeds(context: RestoreContext, tasks: readonly FileTask[]): Need[] {
  const needs: Need[] = [];
  const raw = new Uint8Array(32);
  for (let file = 0; file < tasks.length; file++) {
    const task = tasks[file]!;
    let offset = 0;
    for (let i = 0; i < task.blobs.length; i++) {
      const id = task.blobs[i]!;
      writeIdBytes(id, raw);
      const place = context.repository.blobs.lookup('data', raw);
      if (place === null) {
        task.fail(context, 'content', `blob ${id} is not in the index of the repository`);
        break;
      }
      if (task.matches?.[i] !== 1) {
        needs.push({ file, fileOffset: offset, id, place });
        task.pending++;
      }
      offset += plainLength(place);
    }
    task.bytes = offset;
  }
  return needs;
}

function settleDryRun(context: RestoreContext, tasks: readonly FileTask[]): void {
  for (const task of tasks) {
    context.tally.wrote(task.bytes);
    context.tally.restored(task.item, task.bytes, task.existed);
  }
}

async function writeEmptyFiles(context: RestoreContext, tasks: readonly FileTask[]): Promise<void> {
  const empty = tasks.filter((task) => task.blobs.length === 0);
  for (let from = 0; from < empty.length; from += EMPTY_PER_JOB) {
    const batch = empty.slice(from, from + EMPTY_PER_JOB);
    const files = packFiles(batch.map((task) => task.row(context, false)));
    const outcome = await context.crew.run({ kind: 'empty', files });
    if (outcome.kind !== 'written') throw new TypeError(`expected a written outcome, got ${outcome.kind}`);
    settle(context, batch, outcome.written);
    for (const task of batch) if (!task.failed) context.tally.restored(task.item, 0, task.existed);
  }
}

/** Threads are kept two jobs deep, one is for us; loads from afar overlap as the memory bound and the backend allow. */
export function segmentsAtOnce({ crew, repository }: Pick<RestoreContext, 'crew' | 'repository'>): number {
  const local = 2 * crew.threads + 1;
  if (repository.backend.traits?.localDirectory !== undefined) return local;
  const wanted = Math.max(local, repository.backend.connections);
  return Math.min(wanted, Math.floor(IN_FLIGHT_BYTES / REMOTE.segmentBytes));
}

function localDirectory(context: RestoreContext): string | null {
  return context.repository.backend.traits?.localDirectory ?? null;
}

async function writeOne(context: RestoreContext, tasks: readonly FileTask[], segment: Segment): Promise<void> {
  context.signal?.throwIfAborted();
  const ready = begin(context, tasks, segment.pieces);
  if (ready.pieces.length === 0) return;
  const source = await load(context, segment);
  let damaged: readonly number[] = ready.pieces.map((_, i) => i);
  if (source !== null) {
    const { columns, files } = ready;
    const outcome = await context.crew.run({ kind: 'segment', source, pieces: columns, files });
    if (outcome.kind !== 'written') throw new TypeError(`expected a written outcome, got ${outcome.kind}`);
    settle(context, ready.rows, outcome.written);
    damaged = outcome.written.damaged;
    if (source.kind === 'bytes') context.memory.giveBack(source.bytes);
  }
  const bad = new Set(damaged);
  for (let i = 0; i < ready.pieces.length; i++) {
    const piece = ready.pieces[i]!;
    if (bad.has(i)) await rescue(context, tasks, segment, piece);
    else account(context, tasks, piece);
  }
}

/** What a thread gets: pieces with targets that can be written, their files, and both as columns. */
interface Ready {
  readonly pieces: readonly Piece[];
  readonly columns: PieceColumns;
  /** Row in `files` to task. */
  readonly rows: readonly FileTask[];
  readonly files: FileColumns;
}

/** Makes room for the files of several blobs among the targets; what cannot be written is left out. */
function begin(context: RestoreContext, tasks: readonly FileTask[], wanted: readonly Piece[]): Ready {
  const indexes = new Map<FileTask, number>();
  const pieces: Piece[] = [];
  for (const piece of wanted) {
    const targets = piece.targets.filter(({ file }) => canWrite(context, tasks[file]!));
    if (targets.length > 0) pieces.push({ ...piece, targets });
    for (const { file } of targets) if (!indexes.has(tasks[file]!)) indexes.set(tasks[file]!, indexes.size);
  }
  const rows = [...indexes.keys()];
  return {
    pieces,
    columns: packPieces(pieces, (file) => indexes.get(tasks[file]!)!, writeIdBytes),
    rows,
    files: packFiles(rows.map((task) => task.row(context, isParts(task)))),
  };
}

function canWrite(context: RestoreContext, task: FileTask): boolean {
  if (task.failed || !isParts(task)) return !task.failed;
  try {
    beginParts(context, task);
    return true;
  } catch (error) {
    throwIfFatal(error);
    task.fail(context, 'create', error);
    return false;
  }
}

/** Returns the segment's bytes, or null if the pack is missing, too short or refused: its blobs are then sought elsewhere. */
async function load(context: RestoreContext, segment: Segment): Promise<SegmentSource | null> {
  const { repository, signal } = context;
  const handle = { type: 'data', name: repository.blobs.packId(segment.pack) } as const;
  const { offset, length } = segment;
  const directory = localDirectory(context);
  if (directory !== null) return { kind: 'file', path: join(directory, objectPath(handle)), offset, length };
  try {
    const options = { into: context.memory.take(length), ...(signal === undefined ? {} : { signal }) };
    return { kind: 'bytes', bytes: await repository.backend.load(handle, { offset, length }, options) };
  } catch (error) {
    if (isHostarkError(error, 'object-missing') || isHostarkError(error, 'object-truncated')) return null;
    throw error;
  }
}

/** Takes over what a thread reports of its files. */
function settle(context: RestoreContext, rows: readonly FileTask[], outcome: SegmentOutcome): void {
  for (const { file, during, message, code } of outcome.troubles) {
    const task = rows[file]!;
    if (during === 'metadata') {
      context.tally.failed(task.item(), during, message);
      continue;
    }
    throwIfFatal(Object.assign(new Error(message), { code }));
    task.fail(context, during, message);
  }
}

/** A piece is at all its places. */
function account(context: RestoreContext, tasks: readonly FileTask[], piece: Piece): void {
  const bytes = plainLength(piece);
  for (const { file } of piece.targets) {
    const task = tasks[file]!;
    if (task.failed) continue;
    context.tally.wrote(bytes);
    if (--task.pending > 0) continue;
    if (isParts(task)) complete(context, task);
    else context.tally.restored(task.item, task.bytes, task.existed);
  }
}

function complete(context: RestoreContext, task: FileTask): void {
  if (task.workPath === null) return;
  finishParts(context, task);
  if (!task.failed) context.tally.restored(task.item, task.bytes, task.existed);
}

/** The blob is damaged where we looked: takes it from another pack, or fails the files that need it. */
async function rescue(
  context: RestoreContext,
  tasks: readonly FileTask[],
  segment: Segment,
  piece: Piece,
): Promise<void> {
  const needing = [...new Set(piece.targets.map(({ file }) => tasks[file]!))].filter((task) => !task.failed);
  if (needing.length === 0) return;
  let plain: Uint8Array;
  try {
    plain = await loadBlob(context.repository, 'data', piece.id, context.signal);
  } catch (error) {
    if (!isHostarkError(error) || error.code.startsWith('backend-') || context.signal?.aborted === true) throw error;
    const pack = context.repository.blobs.packId(segment.pack);
    for (const task of needing) task.fail(context, 'content', `${error.message} (pack ${pack}, no good copy)`);
    for (const task of needing) abandonParts(context, task);
    return;
  }
  const { pieces, columns, rows, files } = begin(context, tasks, [piece]);
  if (pieces.length === 0) return;
  const outcome = await context.crew.run({ kind: 'plain', plain: [plain], pieces: columns, files });
  if (outcome.kind === 'written') settle(context, rows, outcome.written);
  account(context, tasks, pieces[0]!);
}

function throwIfFatal(error: unknown): void {
  const code = String((error as { code?: unknown }).code ?? '');
  if (!FATAL_CODES.includes(code)) return;
  throw new HostarkError(code === 'EROFS' ? 'target-unusable' : 'disk-full', `cannot write below the target: ${code}`, {
    hint: code === 'EROFS' ? 'choose a target that can be written' : 'make room, then run the same restore again',
    cause: error,
  });
}
