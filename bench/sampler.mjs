/** Watches a process while it runs: bytes that it read and wrote, and its CPU time, from /proc, every 50 ms. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { PROGRAMS } from './programs.mjs';

const EVERY_MS = 50;
/** The unit of times in /proc (USER_HZ, proc(5)). */
const TICKS_PER_SECOND = 100;

/** Runs a program to its end; returns samples { seconds, read, written, cpu }, all since its start, and its exit code. */
export async function sample(program, args, environment) {
  const [command, ...first] = PROGRAMS[program];
  const started = performance.now();
  const child = spawn(command, [...first, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const samples = [];
  const timer = setInterval(() => {
    const now = look(child.pid);
    if (now !== null) samples.push({ seconds: (performance.now() - started) / 1000, ...now });
  }, EVERY_MS);
  const status = await new Promise((resolve) => child.on('exit', resolve));
  clearInterval(timer);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`);
  return samples;
}

function look(pid) {
  try {
    const io = readFileSync(`/proc/${pid}/io`, 'utf8');
    const count = (name) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(io)[1]);
    // Fields 14 and 15, user and system, counted after the name in parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    const cpu = (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND;
    return { read: count('rchar'), written: count('wchar'), cpu };
  } catch {
    return null; // it has just ended
  }
}

/** Returns the rate of `what` over any `windowSeconds` within the samples: the fastest. */
export function fastest(samples, what, windowSeconds) {
  let most = 0;
  let from = 0;
  for (const end of samples) {
    while (end.seconds - samples[from].seconds > windowSeconds + EVERY_MS / 1000) from++;
    const start = samples[from];
    if (end.seconds - start.seconds >= windowSeconds)
      most = Math.max(most, (end[what] - start[what]) / (end.seconds - start.seconds));
  }
  return most;
}

/** Returns the average rate of `what` between the moments when a twentieth and 19 twentieths of it had passed. */
export function average(samples, what) {
  const base = samples[0][what];
  const bytes = samples.at(-1)[what] - base;
  const start = samples.find((now) => now[what] - base >= bytes * 0.05);
  const end = samples.findLast((now) => now[what] - base <= bytes * 0.95);
  return (end[what] - start[what]) / (end.seconds - start.seconds);
}
