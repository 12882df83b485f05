/** The agent's record of a folder: hashes and attributes, sent in batches. */
import { type ManifestEntry, recordManifest } from '@hostark/archive';
import type { ManifestJob } from '@hostark/protocol';
import type { JobContext } from './job-context.ts';

/** Small enough for a line, large enough that lines cost nothing. */
const ENTRIES_PER_MESSAGE = 500;

export async function runManifestJob(job: ManifestJob, { signal, send }: JobContext): Promise<Record<string, unknown>> {
  let batch: ManifestEntry[] = [];
  let count = 0;
  for await (const entry of recordManifest(job.root, { signal })) {
    batch.push(entry);
    count++;
    if (batch.length === ENTRIES_PER_MESSAGE) {
      await send({ type: 'manifest', entries: batch });
      batch = [];
    }
  }
  if (batch.length > 0) await send({ type: 'manifest', entries: batch });
  return { entries: count };
}
