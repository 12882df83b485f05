/** Looks for secrets where they must not be: command lines and environments of all processes, and files. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Remembers what every process showed of itself while it was watched. */
export interface ProcessWatch {
  /** Processes, other than `allowed`, that showed the secret: `PID cmdline|environ: ...`. */
  seen(secret: string, allowed?: readonly number[]): string[];
  /** Command lines of the processes that had the secret in their environment; words are parted by NUL. */
  commandsWith(secret: string): string[];
  /** How many processes were looked at. */
  count(): number;
  stop(): void;
}

const LOOK_EVERY_MS = 40;

/** Watches /proc until stopped. Processes of other users show what the system lets us see. */
export function watchProcesses(): ProcessWatch {
  const shown = new Map<number, Map<string, Set<string>>>();
  const look = (): void => {
    for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
      if (pid === process.pid) continue;
      const of = shown.get(pid) ?? new Map<string, Set<string>>();
      shown.set(pid, of);
      for (const part of ['cmdline', 'environ']) {
        const texts = of.get(part) ?? new Set();
        of.set(part, texts.add(readOrEmpty(`/proc/${pid}/${part}`).toString('latin1')));
      }
    }
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    seen: (secret, allowed = []) =>
      [...shown].flatMap(([pid, parts]) =>
        allowed.includes(pid)
          ? []
          : [...parts].flatMap(([part, texts]) =>
              [...texts].filter((text) => text.includes(secret)).map((text) => `${pid} ${part}: ${text.slice(0, 200)}`),
            ),
      ),
    commandsWith: (secret) =>
      [...shown.values()]
        .filter((parts) => [...parts.get('environ')!].some((text) => text.includes(secret)))
        .flatMap((parts) => [...parts.get('cmdline')!]),
    count: () => shown.size,
    stop: () => clearInterval(timer),
  };
}

/** Files below `root` that hold the secret, relative to it. Links are not followed. */
export function filesWith(secret: string, root: string): string[] {
  const found: string[] = [];
  const visit = (path: string): void => {
    const stat = lstatSync(join(root, path));
    if (stat.isDirectory()) for (const name of readdirSync(join(root, path))) visit(join(path, name));
    else if (stat.isFile() && readOrEmpty(join(root, path)).includes(secret)) found.push(path);
  };
  visit('.');
  return found.sort();
}

/** Empty for what ended or closed meanwhile, and for what is not ours to read. */
function readOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
