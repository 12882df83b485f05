/** Where the measured repositories are: a folder, or a bucket that is some milliseconds away. */
import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { forgetBelow } from './attic.mjs';
import { slowCloud } from './slow-cloud.mjs';

/** What a round trip to S3 in the same region costs, and then some. */
const DELAY_MS = 20;
/** Dollars for a request, us-east-1, July 2026: PUT, COPY, POST, LIST; GET and all others; DELETE is free. */
const PRICES = { PutObject: 5e-6, ListObjectsV2: 5e-6, DeleteObject: 0, other: 4e-7 };

/** How what is not needed any more goes away, unless the caller knows better. */
export const remove = (path) => rmSync(path, { recursive: true, force: true });

/** Repositories in folders below `work`. */
export function folders(work, discard = remove) {
  const place = (program) => join(work, `repository-${program}`);
  return {
    environment: {},
    /** Makes room for a new repository of a program and returns its location. */
    async fresh(program) {
      discard(place(program));
      return place(program);
    },
    bytes: (program) => sizeOf(place(program)),
    /** Has the page cache forget the repository. */
    forget: (program) => forgetBelow(place(program)),
    /** Requests and dollars since the last time; null where there are none. */
    requests: async () => null,
    async close() {
      for (const name of readdirSync(work)) if (name.startsWith('repository-')) discard(join(work, name));
    },
  };
}

/** Repositories in one bucket of a sandbox of its own. */
export async function bucket(work, discard = remove) {
  const directory = join(work, 'cloud');
  discard(directory);
  mkdirSync(directory, { recursive: true });
  const cloud = await slowCloud(directory, DELAY_MS, 'bench');
  let rounds = 0;
  const { environment } = cloud;
  const locationOf = (name) => `s3:${environment.AWS_ENDPOINT_URL}/bench/${name}`;
  return {
    environment,
    /** For limits(). */
    forLimit: { location: locationOf('limit'), environment },
    fresh: async (program) => locationOf(`${program}-${rounds++}`),
    bytes: () => null,
    forget() {},
    async requests() {
      const counts = await cloud.counts();
      const dollars = Object.entries(counts).reduce(
        (sum, [name, count]) => sum + count * (PRICES[name.slice('s3:'.length)] ?? PRICES.other),
        0,
      );
      return { count: Object.values(counts).reduce((sum, count) => sum + count, 0), dollars, counts };
    },
    async close() {
      await cloud.stop();
      discard(directory);
    },
  };
}

/** Bytes in the files below `path`. */
export function sizeOf(path) {
  const stat = lstatSync(path);
  return stat.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0) : stat.size;
}
