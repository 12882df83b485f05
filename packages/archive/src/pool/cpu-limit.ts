/**
 * Holds the CPU time of this process to a limit: every thread pauses between pieces of work for as long as the governor says.
 * Threads that are started while the limit holds know it from Node's environment data, so that no message carries it.
 */
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { CpuGovernor, type CpuMeter } from './cpu-governor.ts';

const KEY = 'hostark:cpu-limit';
/** How often the main thread, whose work has no one loop, looks whether it must pause; while it must, at every turn. */
const LOOK_MS = 5;
/** Longest pause in one piece: signals, locks and sockets have their turn in between. */
const PAUSE_MS = 250;

interface Limit {
  readonly cores: number;
  readonly since: { readonly atMs: number; readonly usedMs: number };
}

const meter: CpuMeter = {
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  nowMs: () => Number(process.hrtime.bigint()) / 1e6,
};

const bed = new Int32Array(new SharedArrayBuffer(4));
/** Undefined until this thread has looked whether there is a limit. */
let governor: CpuGovernor | null | undefined;

/**
 * Holds the process to `cores` CPU seconds a second, counted from its start, until the returned function is called. To be
 * called on the main thread, before others are started. One limit at a time.
 */
export function limitCpu(cores: number): () => void {
  if (!(cores > 0)) throw new RangeError(`CPU limit: expected more than 0 cores, got ${cores}`);
  const since = { atMs: meter.nowMs() - process.uptime() * 1000, usedMs: 0 };
  setEnvironmentData(KEY, { cores, since } satisfies Limit);
  governor = undefined;
  let timer: NodeJS.Timeout;
  const look = (): void => {
    timer = setTimeout(look, pause() > 0 ? 1 : LOOK_MS).unref();
  };
  look();
  return () => {
    clearTimeout(timer);
    setEnvironmentData(KEY, undefined);
    governor = null;
  };
}

/** Pauses the calling thread as long as the process is over its limit. To be called between pieces of work; free without one. */
export function breathe(): void {
  if (governor === null) return;
  // The main thread must not sleep through its signals: it pauses once, and again at the next piece.
  while (pause() > 0 && !isMainThread);
}

/** Returns how many of `wanted` threads are worth starting under the limit, if there is one. */
export function threadsWithin(wanted: number): number {
  const limit = currentLimit();
  return limit === undefined ? wanted : Math.min(wanted, Math.floor(limit.cores) + 1);
}

/** Returns for how many milliseconds it slept. */
function pause(): number {
  if (governor === undefined) governor = newGovernor();
  const ms = Math.min(PAUSE_MS, governor?.silenceMs() ?? 0);
  if (ms > 0) Atomics.wait(bed, 0, 0, ms);
  return ms;
}

function newGovernor(): CpuGovernor | null {
  const limit = currentLimit();
  return limit === undefined ? null : new CpuGovernor(limit.cores, meter, limit.since);
}

function currentLimit(): Limit | undefined {
  return getEnvironmentData(KEY) as Limit | undefined;
}
