/**
 * What is done with, until everything is: ext4 looks through all inodes that were freed in the last minutes before it makes a new one
 * near them. That costs both programs more than to restore small files does, and no host that is set up anew.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Keeps things in a folder of its own below `work`, where they come from. To be emptied. */
export function attic(work) {
  const directory = join(work, 'attic');
  let things = 0;
  const empty = () => rmSync(directory, { recursive: true, force: true });
  empty();
  return {
    /** Takes a file or a folder, if it is there. */
    put(path) {
      if (!existsSync(path)) return;
      mkdirSync(directory, { recursive: true });
      renameSync(path, join(directory, String(things++)));
    },
    empty,
  };
}
