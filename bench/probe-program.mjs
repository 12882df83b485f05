/**
 * Stands for the host's own work: every 10 ms a fixed piece of computing and a small read, as a request to a service is. Prints
 * as JSON how long after its due time each was done, in milliseconds: p50, p99, max. Ends at its first line of input.
 * Usage: node bench/probe-program.mjs FILE
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

const EVERY_MS = 10;
/** About a millisecond on an idle machine. */
const HASHED_BYTES = 1 << 20;
const READ_BYTES = 16 * 1024;

const fd = openSync(process.argv[2], 'r');
const work = Buffer.alloc(HASHED_BYTES);
const piece = Buffer.alloc(READ_BYTES);
const latencies = [];
let number = 0;

function request() {
  createHash('sha256').update(work).digest();
  readSync(fd, piece, 0, READ_BYTES, (number++ % 4096) * READ_BYTES);
}

for (let i = 0; i < 200; i++) request();
const started = performance.now();
let due = started;
let ended = false;
process.stdin.once('data', () => {
  ended = true;
});
console.log('ready');

/** A late start counts: whoever asks waits for that, too. What was missed meanwhile is left out. */
function next() {
  if (ended) return finish();
  request();
  const now = performance.now();
  latencies.push(now - due);
  due = Math.max(due + EVERY_MS, now);
  setTimeout(next, due - performance.now());
}

function finish() {
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))];
  const seconds = (performance.now() - started) / 1000;
  console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), max: at(1), count: latencies.length, seconds }));
  closeSync(fd);
  process.exit(0);
}

next();
