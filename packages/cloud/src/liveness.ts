/** Whether the process that started a run still lives: its pid alone may have been given to another one. */
import { readFile } from 'node:fs/promises';

/** Names a process of this machine: its pid, and when it started (clock ticks since boot) where the system says. */
export interface ProcessMark {
  readonly pid: number;
  readonly started: string | null;
}

export async function thisProcess(): Promise<ProcessMark> {
  return { pid: process.pid, started: await startOf(process.pid) };
}

export async function isAlive(mark: ProcessMark): Promise<boolean> {
  try {
    process.kill(mark.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // EPERM: alive, and another user's
  }
  const started = await startOf(mark.pid);
  return mark.started === null || started === null || started === mark.started;
}

/** proc(5), /proc/pid/stat: field 22 is starttime; field 2 may hold spaces and parentheses, so fields count from its end. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3] ?? null;
  } catch {
    return null;
  }
}
