/**
 * Runs one command to its end and prints what it cost as JSON: wall seconds, CPU seconds (user + system) and peak
 * memory, all from the kernel (getrusage of the ended child). Usage: node bench/measure.mjs COMMAND ARGUMENT...
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';

const RUSAGE_CHILDREN = -1;
/** As much as most steps take for files. */
const TOUCHED_BYTES = 1 << 30;

/**
 * Has the system use memory for a file that it then forgets. Some virtual machines return what is free to their hypervisor within
 * seconds, and whoever takes it again waits for it, up to 2 ns a byte: by chance the one program or the other.
 */
function touchMemory() {
  // Not above the data: a folder that changes would be saved.
  const path = join(dirname(fileURLToPath(import.meta.url)), `touched-${process.pid}`);
  const fd = openSync(path, 'w');
  unlinkSync(path);
  const part = Buffer.alloc(1 << 20, 1);
  for (let at = 0; at < TOUCHED_BYTES; at += part.length) writeSync(fd, part);
  closeSync(fd);
}

const [command, ...args] = process.argv.slice(2);
touchMemory();
const startedAt = performance.now();
const { status, signal, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
const wall = (performance.now() - startedAt) / 1000;
if (error) throw error;

// struct rusage (getrusage(2)): two struct timeval, then ru_maxrss in KiB; all 8-byte longs on 64-bit Linux.
const rusage = new BigInt64Array(18);
koffi.load(null).func('int getrusage(int who, void *usage)')(RUSAGE_CHILDREN, rusage);
const seconds = (at) => Number(rusage[at]) + Number(rusage[at + 1]) / 1e6;
console.log(
  JSON.stringify({ status: status ?? signal, wall, cpu: seconds(0) + seconds(2), peakMiB: Number(rusage[4]) / 1024 }),
);
