/**
 * `npm run bench -- --limits`: what --limit-upload, --limit-download and --max-cpu ask for, and what the kernel counted: on
 * average, and in the fastest three seconds (a burst, also at the start, would show there). --only folder,bucket,cpu.
 */

import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from './programs.mjs';
import { average, fastest, sample } from './sampler.mjs';
import { bucket, folders } from './storage.mjs';

const MIB = 1 << 20;
const WINDOW_SECONDS = 3;
/** KiB a second; each transfer is made to last so many seconds. */
const RATES = [100, 1024, 10_240, 51_200];
const SECONDS = 8;
/** Of a core, or of all of them. */
const CPU_LIMITS = ['0.1', '0.5', '1', '25%', '75%'];

export async function heldLimits({ work, environment, only }) {
  const wanted = only?.split(',') ?? ['folder', 'bucket', 'cpu'];
  const place = join(work, 'limits');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  try {
    console.log('| limit | of | asked | achieved | in the fastest 3 s |\n|---|---|---|---|---|');
    for (const kind of ['folder', 'bucket']) {
      if (!wanted.includes(kind)) continue;
      const storage = kind === 'bucket' ? await bucket(work) : folders(place);
      const where = { place, storage, environment: { ...environment, ...storage.environment }, kind };
      for (const rate of RATES) await transfers(where, rate);
      await storage.close();
    }
    if (wanted.includes('cpu')) await cpu({ place, environment });
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function transfers({ place, storage, environment, kind }, kib) {
  const bytes = Math.min(kib * 1024 * SECONDS, 400 * MIB);
  const data = join(place, 'data');
  randomFile(data, bytes);
  const repository = await storage.fresh('hostark');
  const words = ['-r', repository, '--quiet', '--no-cache'];
  run('hostark', [...words, 'init'], environment);
  const limit = (name) => [name, String(kib)];
  const up = await sample('hostark', [...words, 'backup', data, ...limit('--limit-upload')], environment);
  row(`upload, ${kind}`, kib, up, 'written');
  const restore = ['restore', 'latest', '--target', join(place, 'out'), ...limit('--limit-download')];
  const down = await sample('hostark', [...words, ...restore], environment);
  row(`download, ${kind}`, kib, down, 'read');
  rmSync(join(place, 'out'), { recursive: true, force: true });
  rmSync(data, { recursive: true });
}

function row(what, kib, all, field) {
  // In the first second the program itself is read, which is no transfer.
  const samples = all.filter(({ seconds }) => seconds >= 1);
  const share = (rate) => `${(rate / 1024).toFixed(0)} (${((100 * rate) / (kib * 1024)).toFixed(1)} %)`;
  console.log(
    `| ${what} | KiB/s | ${kib} | ${share(average(samples, field))} | ${share(fastest(samples, field, WINDOW_SECONDS))} |`,
  );
}

async function cpu({ place, environment }) {
  const data = join(place, 'data');
  randomFile(data, 256 * MIB);
  const cores = availableParallelism();
  const repository = join(place, 'repository');
  const words = ['-r', repository, '--quiet', '--no-cache'];
  for (const limit of CPU_LIMITS) {
    const asked = limit.endsWith('%') ? (Number.parseFloat(limit) / 100) * cores : Number(limit);
    rmSync(repository, { recursive: true, force: true });
    run('hostark', [...words, 'init'], environment);
    const steps = {
      backup: ['backup', data],
      check: ['check', '--read-data'],
      restore: ['restore', 'latest', '--target', join(place, 'out')],
    };
    for (const [step, args] of Object.entries(steps)) {
      const samples = await sample('hostark', [...words, ...args, '--max-cpu', limit], environment);
      const last = samples.at(-1);
      const share = (rate) => `${rate.toFixed(3)} (${((100 * rate) / asked).toFixed(1)} %)`;
      const burst = last.seconds > WINDOW_SECONDS ? share(fastest(samples, 'cpu', WINDOW_SECONDS)) : '-';
      console.log(`| CPU, ${step} | cores | ${limit} | ${share(last.cpu / last.seconds)} | ${burst} |`);
    }
    rmSync(join(place, 'out'), { recursive: true, force: true });
  }
}

function randomFile(directory, bytes) {
  mkdirSync(directory, { recursive: true });
  const fd = openSync(join(directory, 'random'), 'w');
  for (let left = bytes; left > 0; left -= MIB) writeSync(fd, randomFillSync(Buffer.alloc(Math.min(left, MIB))));
  closeSync(fd);
}
