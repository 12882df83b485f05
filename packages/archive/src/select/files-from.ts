/** `--files-from` in its three kinds, as pure parsers of the file's bytes. Expanding globs is the caller's work. */
import { HostarkError } from '@hostark/protocol';
import { decodeText } from './pattern-file.ts';

/** `--files-from`: trimmed lines without blanks and `#` comments; each is a glob pattern without `**`. */
export function parseFilesFrom(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (const line of decodeText(bytes).split('\n')) {
    const trimmed = line.trim();
    if (trimmed !== '' && !trimmed.startsWith('#')) lines.push(trimmed);
  }
  return lines;
}

/** `--files-from-verbatim`: every line is a path, exactly; empty lines are dropped, as is a carriage return before LF. */
export function parseFilesFromVerbatim(bytes: Uint8Array): string[] {
  return decodeText(bytes)
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((line) => line !== '');
}

/**
 * `--files-from-raw`: paths as bytes, each ended by NUL. The result borrows from `bytes`.
 * Throws HostarkError 'usage' if the last path is not ended or one is empty.
 */
export function parseFilesFromRaw(bytes: Uint8Array): Uint8Array[] {
  const paths: Uint8Array[] = [];
  let from = 0;
  while (from < bytes.length) {
    const end = bytes.indexOf(0, from);
    if (end < 0) throw rawError('expected a NUL byte after the last path, found the end of the file');
    if (end === from) throw rawError(`expected a path, found an empty one at byte ${from}`);
    paths.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return paths;
}

function rawError(message: string): HostarkError {
  return new HostarkError('usage', message, { hint: 'write the list with `find … -print0`' });
}
