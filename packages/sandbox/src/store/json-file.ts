/** Small state as one JSON file: read whole, replaced atomically (temporary file, fsync, rename). Files are private (0600). */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';

/** The file's value, or null when there is no such file. A damaged file throws. */
export function readJson<T>(path: string): T | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
  return JSON.parse(text) as T;
}

/** Replaces the file; after return the new value survives a crash. The folder must exist. */
export function writeJson(path: string, value: unknown): void {
  const temporary = `${path}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeSync(fd, JSON.stringify(value, null, 1));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
