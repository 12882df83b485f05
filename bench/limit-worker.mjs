/** One thread of limit.mjs: does the unavoidable with its share of the files, in pieces as long as an average chunk. */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

const PIECE = 1 << 20;
const { step, files, scratch, kernels, shared, thread } = workerData;
const { nodePlatform } = await import(kernels);
const platform = nodePlatform();
const sealer = platform.sealer({
  encrypt: new Uint8Array(32).fill(1),
  macK: new Uint8Array(16).fill(2),
  macR: new Uint8Array(16).fill(3),
});
const next = new Int32Array(shared);
const room = new Uint8Array(PIECE * 2);
const sealed = new Uint8Array(PIECE * 2);

/** What each thread stored in the backup step: sealed pieces one after another, and where they are. */
const pack = (owner) => join(scratch, `pack-${owner}`);

function backup() {
  const fd = openSync(pack(thread), 'w');
  const pieces = [];
  const buffer = new Uint8Array(PIECE);
  for (let i = Atomics.add(next, 0, 1); i < files.length; i = Atomics.add(next, 0, 1)) {
    const source = openSync(files[i].path, 'r');
    for (let length = readSync(source, buffer); length > 0; length = readSync(source, buffer)) {
      const plain = buffer.subarray(0, length);
      platform.sha256(plain);
      const body = shrinks(plain) ? platform.zstdCompress(plain, 3, room) : plain;
      const out = sealed.subarray(0, body.length + 32);
      sealer.seal(body, out);
      platform.sha256(out);
      writeSync(fd, out);
      pieces.push([i, out.length, body === plain ? 0 : length]);
    }
    closeSync(source);
  }
  fsyncSync(fd);
  closeSync(fd);
  writeFileSync(`${pack(thread)}.json`, JSON.stringify(pieces));
}

/** Samples large pieces as the engine does; small ones are simply compressed. */
function shrinks(plain) {
  if (plain.length < 256 * 1024) return true;
  const sample = plain.subarray(plain.length / 2, plain.length / 2 + 65536);
  return platform.zstdCompress(sample, 1, room).length < sample.length * 0.998;
}

/** Reads what the thread itself stored; `write` makes files of it. */
function readBack(write) {
  const fd = openSync(pack(thread), 'r');
  let target = -1;
  let open = -1;
  for (const [file, length, uncompressed] of JSON.parse(readFileSync(`${pack(thread)}.json`, 'utf8'))) {
    const bytes = sealed.subarray(0, length);
    readSync(fd, bytes);
    if (!write) platform.sha256(bytes);
    const body = bytes.subarray(16, length - 16);
    if (!sealer.open(bytes, body)) throw new Error('the MAC is wrong');
    const plain = uncompressed === 0 ? body : platform.zstdDecompress(body, uncompressed, room);
    platform.sha256(plain);
    if (!write) continue;
    if (target !== file) {
      if (open >= 0) closeSync(open);
      open = openSync(join(scratch, `file-${file}`), 'w');
      target = file;
    }
    writeSync(open, plain);
  }
  if (open >= 0) closeSync(open);
  closeSync(fd);
}

readdirSync(scratch); // what is needed is loaded before the clock starts
parentPort.postMessage('ready');
parentPort.once('message', () => {
  if (step === 'backup') backup();
  else readBack(step === 'restore');
  parentPort.close();
});
