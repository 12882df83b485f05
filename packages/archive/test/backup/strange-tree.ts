/** A directory tree with everything that trips backups, the same bytes each time. Ordinary users can make all of it. */
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { MAX_CHUNK, MIN_CHUNK, posix } from '@hostark/kernels';
import { joinPath } from '../../src/walk/paths.ts';
import { noise } from '../support/test-repository.ts';

/** Sizes around every border of the chunker. */
const SIZES = [0, 1, MIN_CHUNK - 1, MIN_CHUNK, MIN_CHUNK + 1, 2 * MIN_CHUNK + 7, MAX_CHUNK + 1];

/** Returns whether extended attributes of users work in `folder`. */
export function hasUserXattrs(folder: string): boolean {
  try {
    posix().setXattr(Buffer.from(folder), Buffer.from('user.hostark.probe'), Buffer.from('1'));
    posix().removeXattr(Buffer.from(folder), Buffer.from('user.hostark.probe'));
    return true;
  } catch {
    return false;
  }
}

export function makeStrangeTree(folder: string): void {
  makeNames(`${folder}/names`);
  makeSizes(`${folder}/sizes`);
  makeKinds(`${folder}/kinds`);
  makeMany(`${folder}/many`);
  mkdirSync(`${folder}/empty`);
  mkdirSync(`${folder}/deep/er/and/deeper`, { recursive: true });
  writeFileSync(`${folder}/deep/er/and/deeper/leaf`, 'leaf');
}

/** A file for every byte a name may hold, and names that are not text. */
function makeNames(folder: string): void {
  mkdirSync(folder);
  for (let byte = 1; byte < 256; byte++) {
    if (byte === 0x2f) continue;
    writeFileSync(joinPath(Buffer.from(folder), Buffer.from([0x6e, byte])), `name ${byte}`);
  }
  for (const name of ['\\', '"', 'a\\nb', 'line\nfeed', 'ünïcode', '\u2028', '🙂', '-', '~', '\u{10fffe}']) {
    writeFileSync(`${folder}/x${name}`, name);
  }
}

function makeSizes(folder: string): void {
  mkdirSync(folder);
  for (const size of SIZES) writeFileSync(`${folder}/${size}`, noise(size, size + 1));
  writeFileSync(`${folder}/zeros`, Buffer.alloc(2 * MIN_CHUNK + 5));
  writeFileSync(`${folder}/text`, 'the same line again and again\n'.repeat(60_000));
  const repeated = noise(3 * MIN_CHUNK, 77);
  writeFileSync(`${folder}/twice`, Buffer.concat([repeated, repeated]));
  const sparse = openSync(`${folder}/sparse`, 'w');
  writeSync(sparse, Buffer.from('far'), 0, 3, 5 * MIN_CHUNK);
  ftruncateSync(sparse, 9 * MIN_CHUNK);
  closeSync(sparse);
}

function makeKinds(folder: string): void {
  mkdirSync(folder);
  writeFileSync(`${folder}/one`, 'linked');
  linkSync(`${folder}/one`, `${folder}/two`);
  symlinkSync('one', `${folder}/link`);
  symlinkSync(Buffer.from([0xff, 0x2f, 0xfe]), `${folder}/link-to-bytes`);
  symlinkSync('nowhere', `${folder}/dangling`);
  posix().mkfifo(Buffer.from(`${folder}/fifo`), 0o640);
  writeFileSync(`${folder}/setuid`, 'x');
  chmodSync(`${folder}/setuid`, 0o4751);
  writeFileSync(`${folder}/mode-0`, 'x');
  mkdirSync(`${folder}/sticky`);
  chmodSync(`${folder}/sticky`, 0o1777);
  if (hasUserXattrs(folder)) {
    for (const name of ['user.b', 'user.a', 'user.empty']) {
      const value = name === 'user.empty' ? Buffer.alloc(0) : Buffer.from([0, 255, 10]);
      posix().setXattr(Buffer.from(`${folder}/one`), Buffer.from(name), value);
    }
  }
  posix().setTimes(Buffer.from(`${folder}/setuid`), 1n, 1_234_567_890_123_456_789n);
  posix().setTimes(Buffer.from(`${folder}/mode-0`), 0n, -5_000_000_001n);
  utimesSync(`${folder}/sticky`, 0, 4_000_000_000);
}

/** More small files than one batch takes. */
function makeMany(folder: string): void {
  mkdirSync(folder);
  for (let i = 0; i < 400; i++) writeFileSync(`${folder}/f${i}`, `file ${i % 300}`);
}
