/** Finds out, on the threads, how much of existing files is right already, and settles each file's plan by it. */
import { blobIdFrom, plainLength } from '@hostark/repository';
import type { CompareColumns, CompareOutcome } from './compare-content.ts';
import type { RestoreContext } from './context.ts';
import { forEachLimited } from './limited.ts';
import { pathOfRow } from './rows.ts';
import type { SomeRows } from './run.ts';
import { PLAN, type Window } from './window.ts';

/** A batch ends at so many files or so much content, so that threads share the work evenly. */
const FILES_PER_JOB = 128;
const BYTES_PER_JOB: number = 64 << 20;

/** Sets the plan of every row that is to be compared: keep, patch or replace. */
export async function compareExisting(context: RestoreContext, some: SomeRows): Promise<void> {
  const { window } = some;
  await compareInBatches(context, some, (row, size, matches) => {
    const allRight = matches.every((match) => match === 1) && size === window.rows.sizes[row];
    if (allRight) window.plans[row] = PLAN.keep;
    else if (matches.length > 1 && matches.includes(1) && window.hasOtherNames[row] === 0) {
      window.plans[row] = PLAN.patch;
      window.matches.set(row, matches);
    } else window.plans[row] = PLAN.replace;
  });
}

/** Reads restored files back. Reports those that are not what they should be; returns how many are right. */
export async function verifyContent(context: RestoreContext, some: SomeRows): Promise<void> {
  const { window } = some;
  await compareInBatches(context, some, (row, size, matches) => {
    const wrong = matches.findIndex((match) => match !== 1);
    const expected = window.rows.sizes[row]!;
    if (wrong < 0 && size === expected) context.tally.filesVerified++;
    else if (size !== expected) {
      window.fail(context, row, 'verify', `expected ${expected} bytes, found ${Math.max(size, 0)}`);
    } else {
      const id = new Uint8Array(32);
      context.repository.blobs.idOf(window.blobsOf(row)[wrong]!, id);
      window.fail(context, row, 'verify', `content differs from blob ${blobIdFrom(id)}`);
    }
  });
}

type Settle = (row: number, size: number, matches: Uint8Array) => void;

async function compareInBatches(context: RestoreContext, some: SomeRows, settle: Settle): Promise<void> {
  await forEachLimited(batches(some), 2 * context.crew.threads + 1, async (batch) => {
    context.signal?.throwIfAborted();
    const files = columns(context, some.window, batch);
    const outcome = await context.crew.run({ kind: 'compare', files });
    if (outcome.kind !== 'compared') throw new TypeError(`expected a compared outcome, got ${outcome.kind}`);
    const { sizes } = outcome.compared;
    for (let i = 0; i < batch.length; i++) settle(batch[i]!, sizes[i]!, matchesOf(files, outcome.compared, i));
  });
}

function* batches({ window, rows }: SomeRows): Generator<number[]> {
  let batch: number[] = [];
  let bytes = 0;
  for (const row of rows) {
    batch.push(row);
    bytes += window.rows.sizes[row]!;
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

function columns(context: RestoreContext, window: Window, batch: readonly number[]): CompareColumns {
  const { blobs: table } = context.repository;
  const blobs = batch.reduce((sum, row) => sum + window.blobsOf(row).length, 0);
  const paths = batch.map((row) => pathOfRow(window.rows, row));
  const files = {
    count: batch.length,
    paths: Buffer.concat(paths),
    pathEnds: new Uint32Array(batch.length),
    ids: new Uint8Array(32 * blobs),
    lengths: new Uint32Array(blobs),
    blobEnds: new Uint32Array(batch.length),
  };
  let end = 0;
  let blob = 0;
  for (let i = 0; i < batch.length; i++) {
    files.pathEnds[i] = end += paths[i]!.length;
    for (const entry of window.blobsOf(batch[i]!)) {
      table.idOf(entry, files.ids, 32 * blob);
      files.lengths[blob++] = plainLength(table.placeOf(entry)!);
    }
    files.blobEnds[i] = blob;
  }
  return files;
}
