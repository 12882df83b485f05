/** Starting a machine's first process and reading what it reports on file descriptor 3. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** Longest time from start to "ready"; a loaded machine needs well under a second. */
const BOOT_TIMEOUT_MS = 30_000;

export interface FirstProcess {
  readonly child: ChildProcess;
  /** As this system counts. */
  readonly pid: number;
  readonly exited: Promise<void>;
}

/** Resolves at "ready". Throws with the exit status when the process ends first. */
export async function startFirstProcess(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  consoleFile: string,
  cwd: string,
): Promise<FirstProcess> {
  const output = openSync(consoleFile, 'a', 0o600);
  const [file, ...args] = argv as [string, ...string[]];
  const child = spawn(file, args, {
    cwd,
    env: { ...environment },
    detached: true, // a process group of its own: a Ctrl-C for the sandbox is not one for its machines
    stdio: ['pipe', output, output, 'pipe'],
  });
  closeSync(output);
  child.stdin?.on('error', () => undefined); // the machine ended; 'exit' tells
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  try {
    return { child, pid: await report(child), exited };
  } catch (cause) {
    child.kill('SIGKILL');
    throw new Error(`${(cause as Error).message}: ${lastLine(consoleFile)}`, { cause });
  }
}

function lastLine(path: string): string {
  return readFileSync(path, 'utf8').trim().split('\n').at(-1) || 'nothing on its console';
}

function report(child: ChildProcess): Promise<number> {
  const channel = child.stdio[3] as Readable;
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error('the machine did not become ready in time')), BOOT_TIMEOUT_MS);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    channel.setEncoding('utf8');
    channel.on('data', (part: string) => {
      text += part;
      const found = /^pid (\d+)\n(?:.*\n)*ready\n/m.exec(text);
      if (found) settle(() => resolve(Number(found[1])));
    });
    channel.on('error', () => undefined);
    child.once('error', (error) => settle(() => reject(error)));
    child.once('exit', (code, signal) =>
      settle(() =>
        reject(new Error(`the machine's first process ended with ${signal ?? `status ${code}`} before it was ready`)),
      ),
    );
  });
}
