/** `--include-xattr` and `--exclude-xattr`: restic's patterns on attribute names, which are paths of one component. */
import { HostarkError } from '@hostark/protocol';
import { compileFilter } from '../select/filter.ts';
import type { RestoreOptions } from './options.ts';

/** Returns which attributes are restored; undefined for all. Throws HostarkError 'bad-pattern' or 'usage'. */
export function compileXattrFilter(
  options: Pick<RestoreOptions, 'includeXattr' | 'excludeXattr'>,
): ((name: Uint8Array) => boolean) | undefined {
  const { includeXattr: include = [], excludeXattr: exclude = [] } = options;
  if (include.length > 0 && exclude.length > 0) {
    throw new HostarkError('usage', 'expected either include or exclude patterns for attributes, found both', {
      hint: 'use --include-xattr alone, or --exclude-xattr alone',
    });
  }
  const filter = compileFilter({ include, exclude });
  return filter.takesAll ? undefined : (name) => filter.root.decide(name).selected;
}
