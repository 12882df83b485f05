/** The proof: a recorded tree against what is on the disk now. */
import { type CompareOptions, compareManifests, type Mismatch } from './compare.ts';
import type { ManifestEntry } from './entry.ts';
import { type RecordOptions, recordManifest } from './record.ts';

/** Reads everything below `root` again and returns every difference from `expected`; none means: it came back. */
export async function compareManifest(
  expected: Iterable<ManifestEntry>,
  root: string | Uint8Array,
  options: CompareOptions & RecordOptions = {},
): Promise<Mismatch[]> {
  const found: ManifestEntry[] = [];
  for await (const entry of recordManifest(root, options)) found.push(entry);
  return compareManifests(expected, found, options);
}
