/** How differences are printed: restic's text and JSON lines (`cmd_diff.go`). */
import { goText } from '@hostark/repository';
import { goJson } from '../ls/format.ts';
import type { DiffCount, DiffResult, TreeChange } from './diff.ts';

const SLASH = Uint8Array.of(0x2f);

/** The path as it is printed: directories end in a slash; of two types the later one decides. */
function shownPath({ path, before, after }: TreeChange): Uint8Array {
  return (after ?? before)?.type === 'dir' ? Buffer.concat([path, SLASH]) : path;
}

/** Returns `M    /path`, as bytes since names are bytes. */
export function changeLine(change: TreeChange): Uint8Array {
  return Buffer.concat([Buffer.from(change.modifier.padEnd(5)), shownPath(change)]);
}

/** Returns restic's JSON line of a difference, without the newline. */
export function changeJson(change: TreeChange): string {
  const path = goJson(goText(shownPath(change)));
  return `{"message_type":"change","path":${path},"modifier":"${change.modifier}"}`;
}

/** Returns restic's `statistics` object; source and target are the snapshots as they were named. */
export function diffStatistics(source: string, target: string, result: DiffResult): Record<string, unknown> {
  return {
    message_type: 'statistics',
    source_snapshot: source,
    target_snapshot: target,
    changed_files: result.changedFiles,
    added: counts(result.added),
    removed: counts(result.removed),
  };
}

function counts({ files, dirs, others, dataBlobs, treeBlobs, bytes }: DiffCount): Record<string, number> {
  return { files, dirs, others, data_blobs: dataBlobs, tree_blobs: treeBlobs, bytes };
}
