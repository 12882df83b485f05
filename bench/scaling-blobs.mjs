/**
 * The table of blobs by itself: `node bench/scaling-blobs.mjs table COUNT` prints nanoseconds per insertion and look-up and
 * bytes of memory per blob, as JSON; `... index COUNT DIRECTORY` writes a repository whose index names so many blobs.
 */
import { randomFillSync } from 'node:crypto';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ID_BYTES = 32;
/** What a pack of 16 MiB holds of blobs of the mean size in small-file repositories. */
const BLOBS_PER_PACK = 500;
/** A header entry of an uncompressed data blob: kind, length, id (restic pack format). */
const ENTRY_BYTES = 37;

async function repositoryPackage() {
  const outfile = join(root, `packages/repository/dist/scaling-${process.pid}.mjs`);
  await build({
    stdin: {
      contents: `export * from '@hostark/repository'; export { nodePlatform } from '@hostark/kernels';`,
      resolveDir: join(root, 'packages/repository'),
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi', '@toondepauw/*', '@aws-sdk/*'],
    banner: { js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);" },
    logLevel: 'error',
  });
  const loaded = await import(pathToFileURL(outfile).href);
  rmSync(outfile);
  return loaded;
}

function randomIds(count) {
  const ids = Buffer.alloc(count * ID_BYTES);
  for (let from = 0; from < ids.length; from += 1 << 28)
    randomFillSync(ids, from, Math.min(1 << 28, ids.length - from));
  return ids;
}

function nanoseconds(count, action) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) action(i);
  return Number(process.hrtime.bigint() - start) / count;
}

async function table(count) {
  const { BlobTable } = await repositoryPackage();
  const [stored, strangers] = [randomIds(count), randomIds(Math.min(count, 1e6))];
  const warm = BlobTable.create();
  for (let i = 0; i < 20_000; i++) {
    warm.publish('data', stored, i * ID_BYTES, { pack: 0, offset: i, length: 100, uncompressedLength: 200 });
    warm.lookup('data', stored, i * ID_BYTES);
  }
  const before = process.memoryUsage.rss();
  const blobs = BlobTable.create();
  for (let i = 0; i < count / BLOBS_PER_PACK; i++) blobs.addPack(stored, i * ID_BYTES);
  const place = { pack: 0, offset: 0, length: 100, uncompressedLength: 200 };
  const insertNs = nanoseconds(count, (i) => {
    place.pack = Math.floor(i / BLOBS_PER_PACK);
    place.offset = i;
    blobs.publish('data', stored, i * ID_BYTES, place);
  });
  const bytesPerBlob = (process.memoryUsage.rss() - before) / count;
  let found = 0;
  const asked = Math.min(count, 1e6);
  // A stride that shares no factor with the count: neighbours in time are no neighbours in memory.
  const hitNs = nanoseconds(asked, (i) => {
    if (blobs.has('data', stored, ((i * 7919) % count) * ID_BYTES)) found++;
  });
  const missNs = nanoseconds(asked, (i) => {
    if (blobs.has('data', strangers, i * ID_BYTES)) found++;
  });
  if (found !== asked) throw new Error(`expected ${asked} blobs, found ${found}`);
  console.log(JSON.stringify({ insertNs, hitNs, missNs, bytesPerBlob }));
}

async function index(count, directory) {
  const { IndexWriter, initRepository, nodePlatform, openBackend } = await repositoryPackage();
  const backend = await openBackend(directory, { create: true });
  const repository = await initRepository(backend, { password: 'bench', platform: nodePlatform() });
  const writer = new IndexWriter(repository);
  for (let left = count; left > 0; left -= BLOBS_PER_PACK) {
    const header = randomFillSync(Buffer.alloc(Math.min(left, BLOBS_PER_PACK) * ENTRY_BYTES));
    for (let at = 0; at < header.length; at += ENTRY_BYTES) {
      header[at] = 0;
      header.writeUInt32LE(30_000, at + 1);
    }
    await writer.add({ sha256: randomIds(1), header });
  }
  await writer.flush();
  await backend.close();
}

const [what, count, directory] = process.argv.slice(2);
if (what === 'table') await table(Number(count));
else await index(Number(count), directory);
