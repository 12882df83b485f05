/** Changes one file in a hundred and takes it back: what a host has done between two backups. */
import { appendFileSync, lstatSync, readdirSync, truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

const EVERY = 100;
const ADDED = Buffer.from('a line that was appended since the last backup\n');

/** Appends a line to every hundredth file below `directory`; returns the function that restores size and times. */
export function changeFiles(directory) {
  const changed = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .filter((_, at) => at % EVERY === 0)
    .map((path) => ({ path, stat: lstatSync(path) }));
  for (const { path } of changed) appendFileSync(path, ADDED);
  return () => {
    for (const { path, stat } of changed) {
      truncateSync(path, stat.size);
      utimesSync(path, stat.atimeMs / 1000, stat.mtimeMs / 1000);
    }
  };
}
