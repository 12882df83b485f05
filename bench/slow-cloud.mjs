/**
 * A bucket some milliseconds away: the sandbox in a process of its own, with a delay before each S3 request.
 * As a program: `node bench/slow-cloud.mjs DIRECTORY DELAY_MS BUCKET`. Prints one JSON line with the environment to reach it; then one
 * with the requests so far, by operation, for every line on standard input; ends with its input.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Starts it with an empty bucket. `environment` reaches it, `counts()` says what was asked of it since the last time, `stop()` ends it. */
export async function slowCloud(directory, delayMs, bucket) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), directory, String(delayMs), bucket], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  const environment = await next();
  let before = {};
  return {
    environment,
    async counts() {
      child.stdin.write('\n');
      const now = await next();
      const since = Object.fromEntries(Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)]));
      before = now;
      return Object.fromEntries(Object.entries(since).filter(([name, count]) => name.startsWith('s3:') && count > 0));
    },
    async stop() {
      child.stdin.end();
      await new Promise((resolve) => child.on('close', resolve));
    },
  };
}

async function serve(directory, delayMs, bucket) {
  // Inside the package, so that what stays outside the bundle is found.
  const file = join(root, `packages/sandbox/dist/slow-cloud-${process.pid}.mjs`);
  await build({
    entryPoints: [join(root, 'packages/sandbox/src/index.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi', 'cpu-features', '*.node'],
    banner: {
      js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url), __dirname = import.meta.dirname;",
    },
    logLevel: 'error',
  });
  const { startSandbox } = await import(pathToFileURL(file).href);
  rmSync(file);
  // What is measured are the clients: the server neither syncs nor hashes more than it must.
  const sandbox = await startSandbox({
    directory,
    durable: false,
    etags: 'opaque',
    faults: [{ service: 's3', operation: '*', kind: 'delay', delayMs, times: Number.POSITIVE_INFINITY }],
  });
  await createBucket(sandbox, bucket);
  console.log(JSON.stringify(sandbox.environment()));
  for await (const _line of createInterface({ input: process.stdin })) console.log(JSON.stringify(sandbox.counts()));
  await sandbox.stop();
}

async function createBucket({ endpoint, region, adminCredentials }, Bucket) {
  const { S3Client, CreateBucketCommand } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ endpoint, region, credentials: adminCredentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [directory, delayMs, bucket] = process.argv.slice(2);
  await serve(directory, Number(delayMs), bucket);
}
