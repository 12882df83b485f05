/** How damaged objects are named: one word per type, the shortened id, what was expected and what was found. */
import { HostarkError } from '@hostark/protocol';
import type { FileType } from './backend.ts';

const WORDS: Readonly<Record<FileType, string>> = {
  config: 'config',
  keys: 'key',
  locks: 'lock',
  snapshots: 'snapshot',
  index: 'index',
  data: 'pack',
};

/** Returns how people call an object: `pack 4f12…`, with the full id; the config has none. */
export function objectName(type: FileType, id = ''): string {
  return id === '' ? WORDS[type] : `${WORDS[type]} ${id}`;
}

/** Returns the error for an object whose bytes are not what they must be. */
export function damaged(type: FileType, id: string, problem: string, cause?: unknown): HostarkError {
  return new HostarkError('object-damaged', `${objectName(type, id)}: ${problem}`, {
    hint: 'run `hostark check --read-data` to see everything that is damaged',
    context: { type, ...(id === '' ? {} : { id }) },
    ...(cause === undefined ? {} : { cause }),
  });
}
