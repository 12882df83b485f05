/** What worker.test.ts runs in a thread: every kernel once, the sealed result in the caller's shared memory. */

import { parentPort, workerData } from 'node:worker_threads';
import { createScanner, nodePlatform, posix, type SealingKey } from '../src/index.ts';
import { noise, POLYNOMIAL } from './chunks.ts';

export interface WorkerJob {
  readonly native: boolean;
  readonly seed: number;
  readonly size: number;
  readonly key: SealingKey;
  readonly sealed: SharedArrayBuffer;
}

export interface WorkerResult {
  readonly sealedBytes: number;
  readonly sha256: string;
  readonly chunkEnds: number[];
  readonly rootInode: bigint;
  readonly nativePosix: boolean;
}

const { native, seed, size, key, sealed } = workerData as WorkerJob;
const platform = nodePlatform({ native });
const system = posix({ native });
const scanner = createScanner(POLYNOMIAL, size, native ? {} : { variant: 'plain' });
scanner.arena.set(noise(size, seed));

const chunkEnds: number[] = [];
for (let start = 0; start < size; start = chunkEnds.at(-1)!) chunkEnds.push(scanner.cut(start, size, true));

const sha256 = Buffer.from(platform.sha256(scanner.arena)).toString('hex');
const compressed = platform.zstdCompress(scanner.arena, 3, new Uint8Array(sealed, 16, sealed.byteLength - 32));
const box = new Uint8Array(sealed, 0, compressed.length + 32);
platform.sealer(key).seal(compressed, box);

const result: WorkerResult = {
  sealedBytes: box.length,
  sha256,
  chunkEnds,
  rootInode: system.lstat(Buffer.from('/')).ino,
  nativePosix: system.native,
};
parentPort!.postMessage(result);
