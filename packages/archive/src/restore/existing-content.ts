/** Finds out, on the threads, how much of existing files is right already, and settles each file's plan by it. */
import { plainLength, writeIdBytes } from '@hostark/repository';
import type { CompareColumns, CompareOutcome } from './compare-content.ts';
import type { RestoreContext } from './context.ts';
import type { FileTask } from './file-task.ts';
import { forEachLimited } from './limited.ts';

/** A batch ends at so many files or so much content, so that threads share the work evenly. */
const FILES_PER_JOB = 128;
const BYTES_PER_JOB: number = 64 << 20;

/** Sets the plan of every task that is to be compared: keep, patch or replace. */
export async function compareExisting(context: RestoreContext, tasks: readonly FileTask[]): Promise<void> {
  await compareInBatches(context, tasks, (task, size, matches) => {
    const allRight = matches.every((match) => match === 1) && size === contentLength(context, task);
    if (allRight) task.plan = 'keep';
    else if (matches.length > 1 && matches.includes(1) && !task.hasOtherNames) {
      task.plan = 'patch';
      task.matches = matches;
    } else task.plan = 'replace';
  });
}

/** Reads restored files back. Reports those that are not what they should be; returns how many are right. */
export async function verifyContent(context: RestoreContext, tasks: readonly FileTask[]): Promise<void> {
  await compareInBatches(context, tasks, (task, size, matches) => {
    const wrong = matches.findIndex((match) => match !== 1);
    const expected = contentLength(context, task);
    if (wrong < 0 && size === expected) context.tally.filesVerified++;
    else if (size !== expected) task.fail(context, 'verify', `expected ${expected} bytes, found ${Math.max(size, 0)}`);
    else task.fail(context, 'verify', `content differs from blob ${task.blobs[wrong]}`);
  });
}

type Settle = (task: FileTask, size: number, matches: Uint8Array) => void;

async function compareInBatches(context: RestoreContext, tasks: readonly FileTask[], settle: Settle): Promise<void> {
  await forEachLimited(batches(tasks), 2 * context.crew.threads + 1, async (batch) => {
    context.signal?.throwIfAborted();
    const files = columns(context, batch);
    const outcome = await context.crew.run({ kind: 'compare', files });
    if (outcome.kind !== 'compared') throw new TypeError(`expected a compared outcome, got ${outcome.kind}`);
    for (let i = 0; i < batch.length; i++)
      settle(batch[i]!, outcome.compared.sizes[i]!, matchesOf(files, outcome.compared, i));
  });
}

function* batches(tasks: readonly FileTask[]): Generator<FileTask[]> {
  let batch: FileTask[] = [];
  let bytes = 0;
  for (const task of tasks) {
    batch.push(task);
    bytes += Number(task.node.size);
    if (batch.length < FILES_PER_JOB && bytes < BYTES_PER_JOB) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

function matchesOf(files: CompareColumns, outcome: CompareOutcome, i: number): Uint8Array {
  return outcome.matches.slice(i === 0 ? 0 : files.blobEnds[i - 1]!, files.blobEnds[i]!);
}

function columns(context: RestoreContext, batch: readonly FileTask[]): CompareColumns {
  const blobs = batch.reduce((sum, task) => sum + task.blobs.length, 0);
  const paths = Buffer.concat(batch.map((task) => task.path));
  const files = {
    count: batch.length,
    paths,
    pathEnds: new Uint32Array(batch.length),
    ids: new Uint8Array(32 * blobs),
    lengths: new Uint32Array(blobs),
    blobEnds: new Uint32Array(batch.length),
  };
  let end = 0;
  let blob = 0;
  for (let i = 0; i < batch.length; i++) {
    const task = batch[i]!;
    files.pathEnds[i] = end += task.path.length;
    for (const id of task.blobs) {
      writeIdBytes(id, files.ids, 32 * blob);
      files.lengths[blob++] = blobLength(context, files.ids.subarray(32 * (blob - 1), 32 * blob));
    }
    files.blobEnds[i] = blob;
  }
  return files;
}

/** 0 for a blob that the index does not know: it then never matches, and the file fails where its content is planned. */
function blobLength(context: RestoreContext, id: Uint8Array): number {
  const place = context.repository.blobs.lookup('data', id);
  return place === null ? 0 : plainLength(place);
}

function contentLength(context: RestoreContext, task: FileTask): number {
  const raw = new Uint8Array(32);
  return task.blobs.reduce((sum, id) => {
    writeIdBytes(id, raw);
    return sum + blobLength(context, raw);
  }, 0);
}
