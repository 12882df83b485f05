/** Waits for a folder to grow: the moment at which a test kills something, found by looking instead of by guessing. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the bytes of all files below a folder; 0 while there is none. */
export function folderBytes(folder: string): number {
  let total = 0;
  for (const name of namesOf(folder)) {
    try {
      const path = join(folder, name);
      const stat = lstatSync(path);
      total += stat.isDirectory() ? folderBytes(path) : stat.size;
    } catch {
      // removed between the two calls
    }
  }
  return total;
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Resolves true as soon as `reached` says so, false if `ended` came first. Looks again at every turn of the event loop. */
export async function whenReached(reached: () => boolean, ended: Promise<unknown>): Promise<boolean> {
  let over = false;
  const mark = (): void => {
    over = true;
  };
  ended.then(mark, mark);
  while (!over) {
    if (reached()) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}
