/**
 * Runs the built command line (packages/cli/dist/main.cjs) as users do: a process of its own with an environment of its
 * own, nothing inherited but PATH. `npm test` builds the bundle first.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The bundle that is tested. */
export const MAIN: string = fileURLToPath(new URL('../../packages/cli/dist/main.cjs', import.meta.url));

/** How a process ended and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, then closed; stdin is empty without it. */
  readonly stdin?: string | Uint8Array;
  /** Leaves stdin open, for programs that end with it. */
  readonly keepStdin?: boolean;
}

/** A process that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it printed so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
}

/** Starts a program; `ended` resolves when it ended and its output is read. */
export function start(program: string, args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const texts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout.on('data', (chunk: Buffer) => texts.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => texts.stderr.push(chunk));
  child.stdin.on('error', () => {}); // it ended without reading; its exit code says more
  if (options.keepStdin !== true) child.stdin.end(options.stdin ?? '');
  const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(texts[name]).toString('utf8');
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout: text('stdout'),
    stderr: text('stderr'),
  }));
  return { child, pid: child.pid!, stdout: () => text('stdout'), stderr: () => text('stderr'), ended };
}

/** Starts `hostark` with these arguments. */
export function startHostark(args: readonly string[], options: RunOptions = {}): Running {
  return start(process.execPath, [MAIN, ...args], options);
}

/** Runs `hostark` to its end, whatever that is. */
export function hostark(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startHostark(args, options).ended;
}

/** Runs `hostark` and returns what it printed; throws with its messages unless it ended with `code`. */
export async function hostarkOk(args: readonly string[], options: RunOptions = {}, code = 0): Promise<string> {
  const ended = await hostark(args, options);
  if (ended.code !== code) throw new Error(`hostark ${args.join(' ')}: expected exit ${code}, got ${describe(ended)}`);
  return ended.stdout;
}

/** Says how a process ended, with its output, for the message of a failed test. */
export function describe({ code, signal, stdout, stderr }: Ended): string {
  return `${code ?? signal}\n--- stdout\n${stdout.slice(-3000)}--- stderr\n${stderr.slice(-3000)}`;
}

/** The JSON objects of an output with one a line; a line that is an array counts as its elements. */
export function jsonLines(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.flatMap((line): Record<string, unknown>[] => [JSON.parse(line)].flat());
}

/** A folder of its own with a home in it, gone at the end. */
export interface Workspace {
  readonly root: string;
  /** HOME and nothing more. */
  readonly env: Readonly<Record<string, string>>;
  /** Returns a path below the root. */
  path(...parts: string[]): string;
  remove(): void;
}

/** This machine's own agent archives, of all workspaces: each build is compressed once, not once for every home. */
const AGENTS = fileURLToPath(new URL('../../node_modules/.cache/hostark-agents', import.meta.url));

export function makeWorkspace(name: string): Workspace {
  const root = mkdtempSync(join(tmpdir(), `hostark-${name}-`));
  const agents = join(root, 'home/.local/state/hostark/agent');
  mkdirSync(agents, { recursive: true, mode: 0o700 });
  mkdirSync(AGENTS, { recursive: true });
  symlinkSync(AGENTS, join(agents, process.arch));
  return {
    root,
    env: { HOME: join(root, 'home'), TMPDIR: root, TZ: 'UTC' },
    path: (...parts) => join(root, ...parts),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
