/** A file and a folder of the record, restored on their own: chosen from it, and compared with their share of it. */
import { compareManifests, describeMismatch, type ManifestEntry, recordManifest } from '@hostark/archive';
import { HostarkError } from '@hostark/protocol';

/** Characters that mean something in an include pattern. */
const PATTERN_CHARACTERS = /[*?[\\\]!\n]/;
const FOLDER_ITEMS = { least: 3, most: 500 };

/** Returns the path of the largest file, and of a folder of middling size, both relative to the record's root. */
export function pickParts(manifest: readonly ManifestEntry[]): { file: string; folder: string } {
  // The data itself: the files of every kind that the demo adds are compared with the whole tree.
  const plain = manifest.filter((entry) => {
    const path = readable(entry);
    return path !== null && path !== '' && !path.startsWith('oddities') && entry.hardLinkOf === undefined;
  });
  const largest = plain.filter((entry) => entry.type === 'file').sort((a, b) => Number(b.size) - Number(a.size))[0];
  const folder = plain.find((entry) => {
    const items = below(manifest, readable(entry)!);
    const linked = items.some((item) => item.hardLinkOf !== undefined);
    return entry.type === 'dir' && !linked && items.length >= FOLDER_ITEMS.least && items.length <= FOLDER_ITEMS.most;
  });
  if (largest === undefined || folder === undefined)
    throw new HostarkError('source-empty', 'the data of the demo holds no file, or no folder of a few files');
  return { file: readable(largest)!, folder: readable(folder)! };
}

/** The path as text, or null if it is not UTF-8 or would be read as a pattern. */
function readable(entry: ManifestEntry): string | null {
  const bytes = Buffer.from(entry.path, 'base64');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) && !PATTERN_CHARACTERS.test(text) ? text : null;
}

/** The entries at and below `part`, with paths relative to it. */
function below(manifest: readonly ManifestEntry[], part: string): ManifestEntry[] {
  const prefix = Buffer.from(`${part}/`);
  return manifest.flatMap((entry) => {
    const path = Buffer.from(entry.path, 'base64');
    if (path.toString('latin1') === prefix.subarray(0, -1).toString('latin1')) return [{ ...entry, path: '' }];
    if (!path.subarray(0, prefix.length).equals(prefix)) return [];
    return [{ ...entry, path: path.subarray(prefix.length).toString('base64') }];
  });
}

/** Compares what was restored at `root` with the record of `part`. Owners count only where we may set them. */
export async function compareBelow(manifest: readonly ManifestEntry[], part: string, root: string): Promise<string[]> {
  const found: ManifestEntry[] = [];
  for await (const entry of recordManifest(root)) found.push(entry);
  return compareManifests(below(manifest, part), found, { ownership: process.getuid?.() === 0 }).map(describeMismatch);
}
