/** One sandbox a folder: a lock file that names the process which holds it. A lock of a process that is gone is taken over. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';

export interface DirectoryLock {
  release(): void;
}

/** Throws Error with code `EBUSY` when a live process (this one included) holds the folder. */
export function lockDirectory(directory: string): DirectoryLock {
  const path = `${directory}/lock`;
  const own = processName(process.pid);
  for (;;) {
    try {
      const fd = openSync(path, 'wx', 0o600);
      writeSync(fd, own);
      closeSync(fd);
      return { release: () => rmSync(path, { force: true }) };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    const holder = readFileSync(path, 'utf8');
    const pid = Number.parseInt(holder, 10);
    if (pid > 0 && processName(pid) === holder)
      throw Object.assign(new Error(`${directory} is served by a sandbox of process ${pid}`), { code: 'EBUSY' });
    rmSync(path, { force: true });
  }
}

/** Process id and start time: ids are used again, the pair is not. Empty when there is no such process. */
function processName(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces; starttime is field 22, the 20th after it (proc(5)).
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return '';
  }
}
