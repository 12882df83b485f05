/**
 * The data that both programs are measured on: random files, small files and libraries of this machine, copied so
 * that they stay the same between runs. Made once below the work folder and reused.
 */
import { randomFillSync } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const MIB = 1 << 20;

/** Writes `count` files of `sizeMiB` random bytes each. */
export function randomFiles(directory, count, sizeMiB) {
  if (existsSync(`${directory}.ready`)) return directory;
  mkdirSync(directory, { recursive: true });
  const buffer = Buffer.alloc(Math.min(sizeMiB, 64) * MIB);
  for (let i = 0; i < count; i++) {
    const fd = openSync(join(directory, `random-${i}`), 'w');
    for (let left = sizeMiB * MIB; left > 0; left -= buffer.length)
      writeSync(fd, randomFillSync(buffer), 0, Math.min(left, buffer.length));
    closeSync(fd);
  }
  writeFileSync(`${directory}.ready`, '');
  return directory;
}

/** Copies files below `sources` that `wanted(name, size)` accepts, until `bytes` or `files` is reached. */
export function copyOf(directory, sources, { files, bytes, wanted = () => true }) {
  if (existsSync(`${directory}.ready`)) return directory;
  const left = { files, bytes };
  const copy = (from, to) => {
    let made = false;
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      if (left.files <= 0 || left.bytes <= 0) return;
      const [source, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory()) copy(source, target);
      else if (entry.isFile() || entry.isSymbolicLink()) {
        const { size } = lstatSync(source);
        if (entry.isFile() && !wanted(entry.name, size)) continue;
        if (!made) mkdirSync(to, { recursive: true });
        made = true;
        if (entry.isFile()) copyFileSync(source, target);
        else symlinkSync(readlinkSync(source), target);
        left.files--;
        left.bytes -= size;
      }
    }
  };
  for (const source of sources) if (existsSync(source)) copy(source, join(directory, source));
  writeFileSync(`${directory}.ready`, '');
  return directory;
}
