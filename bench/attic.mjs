/**
 * What is done with, until everything is. ext4 looks through all inodes that were freed in the last minutes before it makes a new one
 * near them, which costs both programs more than to restore small files does, and no host that is set up anew: so nothing is removed.
 * And a virtual machine may have to ask for memory that it has not used before: so what was written is forgotten, and its memory used again.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';

const DONT_NEED = 4;
const fadvise = koffi.load(null).func('int posix_fadvise(int fd, int64_t offset, int64_t size, int advice)');

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
      forgetBelow(path);
      mkdirSync(directory, { recursive: true });
      renameSync(path, join(directory, String(things++)));
    },
    empty,
  };
}

/** Has the page cache forget the files of `path`. */
export function forgetBelow(path) {
  execFileSync('sync');
  forget(path);
}

function forget(path) {
  const stat = lstatSync(path);
  if (stat.isDirectory()) for (const name of readdirSync(path)) forget(join(path, name));
  if (!stat.isFile()) return;
  const fd = openSync(path, 'r');
  fadvise(fd, 0, 0, DONT_NEED);
  closeSync(fd);
}
