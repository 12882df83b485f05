/** Data that grows: many small files, and one large file with holes. */

import { randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FILES_PER_FOLDER = 100;
const FOLDERS_PER_FOLDER = 100;
const GIB = 2 ** 30;
/** Of each GiB of the large file, so much is random; the rest are holes, which read as zeros. */
export const WRITTEN_SHARE = 1 / 8;
const STRETCH = 16 << 20;

/** Makes `count` files of some 100 bytes, all different, a hundred to a folder. Returns the pattern of a hundredth of them. */
export function smallFiles(directory, count) {
  const text = 'a small file, as configuration and source trees have them by the thousand\n';
  let folder = '';
  for (let i = 0; i < count; i++) {
    if (i % FILES_PER_FOLDER === 0) {
      const number = Math.floor(i / FILES_PER_FOLDER);
      folder = join(
        directory,
        `group-${Math.floor(number / FOLDERS_PER_FOLDER)}`,
        `folder-${number % FOLDERS_PER_FOLDER}`,
      );
      mkdirSync(folder, { recursive: true });
    }
    writeFileSync(join(folder, `file-${i}.txt`), `${i} ${text.slice(i % 40)}`);
  }
  // A folder of ten thousand, ten of a hundred thousand, a group of a million.
  const hundredth = { 1e4: 'group-0/folder-0', 1e5: 'group-0/folder-?' };
  return join(directory, hundredth[count] ?? 'group-0');
}

/** Makes one file of `gib` GiB with a random stretch of 16 MiB in every 128 MiB. */
export function largeFile(directory, gib) {
  mkdirSync(directory, { recursive: true });
  const fd = openSync(join(directory, 'large'), 'w');
  const buffer = Buffer.alloc(STRETCH);
  for (let at = 0; at < gib * GIB; at += STRETCH / WRITTEN_SHARE) writeSync(fd, randomFillSync(buffer), 0, STRETCH, at);
  ftruncateSync(fd, gib * GIB);
  closeSync(fd);
}
