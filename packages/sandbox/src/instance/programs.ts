/** Where this system keeps the programs that machines are made with. */
import { accessSync, constants } from 'node:fs';

const DIRECTORIES = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin', '/run/current-system/sw/bin'];

/** Absolute path of a program, or null when this system has none. */
export function findProgram(name: string): string | null {
  for (const directory of DIRECTORIES) {
    const path = `${directory}/${name}`;
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // next
    }
  }
  return null;
}

/** Search path of every process of a machine, before the machine's own directory of stand-ins is put in front. */
export const PROGRAM_PATH: string =
  '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin';
