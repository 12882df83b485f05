/**
 * One thread of limit.mjs: does the unavoidable with what it takes off shared lists, in pieces as long as an average chunk
 * and packs of the usual size, with nothing in between. Memory is used again; what is hashed is still in the cache.
 */
import { closeSync, constants, openSync, readdirSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { packsInBucket, packsInFolder } from './limit-packs.mjs';

const MIB = 1 << 20;
const PACK_BYTES = 16 * MIB;
/** Small sealed pieces are hashed as soon as there are so many: fewer calls than blobs, and still in the cache. */
const HASH_BYTES = 256 * 1024;
const SEAL_BYTES = 32;

/** Packs of a thread under way to or from a bucket. */
const UNDER_WAY = 3;

const { step, units, folders, scratch, location, kernels, shared, thread } = workerData;
const { nodePlatform, posix, s3Backend, CompressionProbe } = await import(kernels);
const platform = nodePlatform();
const system = posix();
const probe = new CompressionProbe(platform);
const sealer = platform.sealer({
  encrypt: new Uint8Array(32).fill(1),
  macK: new Uint8Array(16).fill(2),
  macR: new Uint8Array(16).fill(3),
});
const next = new Int32Array(shared);
/** Two lists: of units, packs; of folders. */
const take = (list = 0) => Atomics.add(next, list, 1);
const plainRoom = new Uint8Array(MIB + 1);
const frameRoom = new Uint8Array(2 * MIB);
const store = location ? packsInBucket(s3Backend(location), UNDER_WAY) : packsInFolder(scratch);
const packRooms = Array.from({ length: store.underWay + 1 }, () => new Uint8Array(PACK_BYTES + 4 * MIB).fill(1));
const packMemories = packRooms.map((room) => platform.memory(room));
let [packRoom, packMemory] = [packRooms[0], packMemories[0]];
const plainMemory = platform.memory(plainRoom);
/** What is opened of two blobs, or of one beside its sealed bytes. */
const opened = [0, 1].map(() => platform.memory(new Uint8Array(2 * MIB)));
const single = platform.sha256Stream();
const other = platform.sha256Stream();

/** Packs of this thread: their files' names and, for reading them back, where each piece is and belongs. */
const packs = [];
let pieces = [];
let filled = 0;
let hashed = 0;
let hash = platform.sha256Stream();

/** What is sealed and not hashed yet goes in lockstep with the next plain bytes. */
async function add(plain, file, offset) {
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
  if (filled >= PACK_BYTES) await writePack();
}

function hashUpTo() {
  hash.update(packRoom.subarray(hashed, filled));
  hashed = filled;
}

/** The disk or the bucket works while the next is filled. */
async function writePack() {
  if (filled === 0) return;
  hashUpTo();
  const name = Buffer.from(hash.digest()).toString('hex');
  const put = store.put(name, packRoom.subarray(0, filled));
  packs.push({ name, length: filled, pieces });
  const room = packs.length % packRooms.length;
  [packRoom, packMemory] = [packRooms[room], packMemories[room]];
  pieces = [];
  filled = 0;
  hashed = 0;
  await put;
}

async function backup(every = 1) {
  for (let unit = take(); unit * every < units.length; unit = take()) {
    for (const { file, path, from, to } of units[unit * every]) {
      const fd = system.openForRead(Buffer.from(path));
      for (let at = from; at < to; at += MIB) {
        const read = readSync(fd, plainRoom, 0, Math.min(MIB, to - at), at);
        if (read > 0) await add(plainRoom.subarray(0, read), file, at);
      }
      closeSync(fd);
    }
  }
  await writePack();
  await store.done();
  return packs;
}

/** Asks what the system knows of each entry: where nothing changed, a backup has to. */
function walk() {
  for (let folder = take(1); folder < folders.length; folder = take(1)) {
    const path = Buffer.from(folders[folder]);
    const { names } = system.readDirectory(path);
    system.lstatBatch(path, names);
    system.listXattrsBatch(path, names);
  }
}

/** A hundredth of the files is new. */
async function changed() {
  walk();
  await backup(100);
}

/** What this thread takes of all packs, one after another; some more are asked for beforehand where they come from afar. */
async function* taken(allPacks) {
  const queue = [];
  const ask = () => {
    while (queue.length < Math.max(1, store.underWay)) {
      const pack = take();
      if (pack >= allPacks.length) break;
      queue.push(allPacks[pack]);
    }
    store.ahead(queue);
  };
  for (ask(); queue.length > 0; ask()) {
    const { name, pieces: stored } = queue.shift();
    const source = await store.read(name);
    yield [source, stored];
    source.close();
  }
  await store.done();
}

/** Reads packs back: each blob is hashed in lockstep with its sealed bytes. */
async function check(allPacks) {
  for await (const [source, stored] of taken(allPacks)) {
    for (const [, , at, length, uncompressed] of stored) {
      const [plain, plainLength] = openPiece(source, 0, at, length, uncompressed, opened[0]);
      platform.sha256Both(hash, packMemory, 0, length, single, plain, 0, plainLength);
      single.digest();
    }
    hash.digest();
  }
}

/** Reads packs back and makes files of them: blobs are hashed two at a time. */
async function restore(allPacks) {
  for await (const [source, stored] of taken(allPacks)) {
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
  }
}

/** Brings a piece, if it has to be read, to `to` of the pack's memory and returns its content, at the start of `into`, with its length. */
function openPiece(source, to, at, length, uncompressed, into) {
  const bytes = source.part(at, packRoom.subarray(to, to + length));
  const body = uncompressed === 0 ? into.bytes : frameRoom;
  if (!sealer.open(bytes, body.subarray(0, length - SEAL_BYTES))) throw new Error('the MAC is wrong');
  if (uncompressed === 0) return [into, length - SEAL_BYTES];
  platform.zstdDecompress(frameRoom.subarray(0, length - SEAL_BYTES), uncompressed, into.bytes);
  return [into, uncompressed];
}

/** What is needed is loaded and compiled before the clock starts. */
async function warmUp() {
  readdirSync(scratch);
  const size = 64 * 1024;
  for (let i = 0; i < 40; i++) await add(plainRoom.subarray(0, size), 0, 0);
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
const WRITERS = { backup, unchanged: walk, changed };
const READERS = { check, restore };
const reader = READERS[step];
const stored = reader && listed();
await warmUp();
parentPort.postMessage('ready');
parentPort.once('message', async () => {
  const made = await (reader ? reader(stored) : WRITERS[step]());
  parentPort.postMessage('done');
  if (step === 'backup') writeFileSync(list, JSON.stringify(made));
  parentPort.close();
});

/** The packs of all threads. */
function listed() {
  const names = readdirSync(scratch).filter((name) => name.startsWith('packs-'));
  return names.flatMap((name) => JSON.parse(readFileSync(join(scratch, name), 'utf8')));
}
