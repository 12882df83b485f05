/** The --host, --tag and --path flags as a filter of snapshots. */
import type { SnapshotFilter } from '@hostark/repository';

export interface FilterFlags {
  readonly host?: string[];
  readonly tag?: string[];
  readonly path?: string[];
}

/** Tags in one flag must all be there (comma), flags are alternatives: restic's rule. */
export function snapshotFilter(flags: FilterFlags): SnapshotFilter {
  return {
    hosts: flags.host,
    tags: flags.tag?.map((list) => list.split(',')),
    paths: flags.path,
  };
}
