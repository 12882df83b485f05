/**
 * One thread of limit.mjs: does the unavoidable with what it takes off shared lists, in pieces as long as an average chunk
 * and packs of the usual size, with nothing in between. Memory is used again; what is hashed is still in the cache.
 */
import {
  closeSync,
  constants,
  fsync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

const MIB = 1 << 20;
const PACK_BYTES = 16 * MIB;
/** Small sealed pieces are hashed as soon as there are so many: fewer calls than blobs, and still in the cache. */
const HASH_BYTES = 256 * 1024;
const SEAL_BYTES = 32;

const { step, units, scratch, kernels, shared, thread } = workerData;
const { nodePlatform, posix, CompressionProbe } = await import(kernels);
const platform = nodePlatform();
const system = posix();
const probe = new CompressionProbe(platform);
const sealer = platform.sealer({
  encrypt: new Uint8Array(32).fill(1),
  macK: new Uint8Array(16).fill(2),
  macR: new Uint8Array(16).fill(3),
});
const next = new Int32Array(shared);
const take = () => Atomics.add(next, 0, 1);
const plainRoom = new Uint8Array(MIB + 1);
const frameRoom = new Uint8Array(2 * MIB);
const packRoom = new Uint8Array(PACK_BYTES + 4 * MIB).fill(1);
const plainMemory = platform.memory(plainRoom);
const packMemory = platform.memory(packRoom);
/** What is opened of two blobs, or of one beside its sealed bytes. */
const opened = [0, 1].map(() => platform.memory(new Uint8Array(2 * MIB)));
const single = platform.sha256Stream();
const other = platform.sha256Stream();

/** Packs of this thread: their files' names and, for reading them back, where each piece is and belongs. */
const packs = [];
const syncs = [];
let pieces = [];
let filled = 0;
let hashed = 0;
let hash = platform.sha256Stream();

/** What is sealed and not hashed yet goes in lockstep with the next plain bytes. */
function store(plain, file, offset) {
  const own = Math.min(filled - hashed, plain.length) & -64;
  platform.sha256Both(hash, packMemory, hashed, own, single, plainMemory, 0, plain.length);
  single.digest();
  hashed += own;
  let body = plain;
  if (probe.worthTrying({ bytes: plain, address: 0 }, 0, plain.length)) {
    const frame = platform.zstdCompress(plain, 3, frameRoom);
    if (frame.length < plain.length) body = frame;
  }
  const length = body.length + SEAL_BYTES;
  sealer.seal(body, packRoom.subarray(filled, filled + length));
  pieces.push([file, offset, filled, length, body === plain ? 0 : plain.length]);
  filled += length;
  if (length < HASH_BYTES && filled - hashed >= HASH_BYTES) hashUpTo();
  if (filled >= PACK_BYTES) writePack();
}

function hashUpTo() {
  hash.update(packRoom.subarray(hashed, filled));
  hashed = filled;
}

/** One write and one sync a pack; the disk works while the next is filled. */
function writePack() {
  if (filled === 0) return;
  hashUpTo();
  hash.digest();
  const path = join(scratch, `pack-${thread}-${packs.length}`);
  const fd = openSync(path, 'w');
  writeSync(fd, packRoom, 0, filled);
  syncs.push(
    new Promise((resolve, reject) => {
      fsync(fd, (error) => {
        closeSync(fd);
        if (error) reject(error);
        else resolve();
      });
    }),
  );
  packs.push({ path, length: filled, pieces });
  pieces = [];
  filled = 0;
  hashed = 0;
}

async function backup() {
  for (let unit = take(); unit < units.length; unit = take()) {
    for (const { file, path, from, to } of units[unit]) {
      const fd = system.openForRead(Buffer.from(path));
      for (let at = from; at < to; at += MIB) {
        const read = readSync(fd, plainRoom, 0, Math.min(MIB, to - at), at);
        if (read > 0) store(plainRoom.subarray(0, read), file, at);
      }
      closeSync(fd);
    }
  }
  writePack();
  await Promise.all(syncs);
  return packs;
}

/** Reads packs back: each blob is hashed in lockstep with its sealed bytes. */
function check(allPacks) {
  for (let pack = take(); pack < allPacks.length; pack = take()) {
    const { path, pieces: stored } = allPacks[pack];
    const source = openSync(path, 'r');
    for (const [, , at, length, uncompressed] of stored) {
      const [plain, plainLength] = openPiece(source, 0, at, length, uncompressed, opened[0]);
      platform.sha256Both(hash, packMemory, 0, length, single, plain, 0, plainLength);
      single.digest();
    }
    hash.digest();
    closeSync(source);
  }
}

/** Reads packs back and makes files of them: blobs are hashed two at a time. */
function restore(allPacks) {
  for (let pack = take(); pack < allPacks.length; pack = take()) {
    const { path, pieces: stored } = allPacks[pack];
    const source = openSync(path, 'r');
    let target = -1;
    let fd = -1;
    const write = ([file, offset], [plain, length]) => {
      if (target !== file) {
        if (fd >= 0) closeSync(fd);
        fd = openSync(join(scratch, `out-${file >> 8}`, `${file}`), constants.O_WRONLY | constants.O_CREAT, 0o600);
        target = file;
      }
      writeSync(fd, plain.bytes, 0, length, offset);
    };
    for (let i = 0; i < stored.length; i += 2) {
      const two = stored.slice(i, i + 2);
      const plains = two.map(([, , at, length, uncompressed], k) =>
        openPiece(source, k * 2 * MIB, at, length, uncompressed, opened[k]),
      );
      const [[plain, length], [beside, besideLength]] = [plains[0], plains[1] ?? [plainMemory, 0]];
      platform.sha256Both(single, plain, 0, length, other, beside, 0, besideLength);
      single.digest();
      other.digest();
      for (const [k, piece] of two.entries()) write(piece, plains[k]);
    }
    if (fd >= 0) closeSync(fd);
    closeSync(source);
  }
}

/** Reads a piece to \`to\` of the pack's memory and returns its content, at the start of \`into\`, with its length. */
function openPiece(source, to, at, length, uncompressed, into) {
  const bytes = packRoom.subarray(to, to + length);
  readSync(source, bytes, 0, length, at);
  const body = uncompressed === 0 ? into.bytes : frameRoom;
  if (!sealer.open(bytes, body.subarray(0, length - SEAL_BYTES))) throw new Error('the MAC is wrong');
  if (uncompressed === 0) return [into, length - SEAL_BYTES];
  platform.zstdDecompress(frameRoom.subarray(0, length - SEAL_BYTES), uncompressed, into.bytes);
  return [into, uncompressed];
}

/** What is needed is loaded and compiled before the clock starts. */
function warmUp() {
  readdirSync(scratch);
  const size = 64 * 1024;
  for (let i = 0; i < 40; i++) store(plainRoom.subarray(0, size), 0, 0);
  const [, , at, length, uncompressed] = pieces.at(-1);
  const sealed = packRoom.slice(at, at + length);
  sealer.open(sealed, sealed.subarray(16, length - 16));
  platform.zstdDecompress(sealed.subarray(16, length - 16), uncompressed, frameRoom);
  hash = platform.sha256Stream();
  pieces = [];
  filled = 0;
  hashed = 0;
}

const list = join(scratch, `packs-${thread}.json`);
const stored = step === 'backup' ? [] : listed();
warmUp();
parentPort.postMessage('ready');
parentPort.once('message', async () => {
  const made = step === 'backup' ? await backup() : (step === 'check' ? check : restore)(stored);
  parentPort.postMessage('done');
  if (made !== undefined) writeFileSync(list, JSON.stringify(made));
  parentPort.close();
});

/** The packs of all threads. */
function listed() {
  const names = readdirSync(scratch).filter((name) => name.startsWith('packs-'));
  return names.flatMap((name) => JSON.parse(readFileSync(join(scratch, name), 'utf8')));
}
