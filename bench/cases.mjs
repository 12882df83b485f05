/** What is measured: data, where the repository is, and the steps that follow the first backup. */
import { join } from 'node:path';
import { copyOf, randomFiles } from './data.mjs';

const small = (work) =>
  copyOf(join(work, 'small'), ['/usr/share', '/usr/include', '/usr/lib/python3'], {
    files: 46_000,
    bytes: 440e6,
    wanted: (_name, size) => size < 1e6,
  });

/**
 * Those of many small files come first, before others free inodes. `fewFiles`: what is done with is removed at once; else it is kept in
 * the attic. `optional`: only when it is asked for by name.
 */
export const CASES = {
  'small-files': {
    data: small,
    steps: ['unchanged', 'changed', 'restore', 'check', 'snapshots', 'ls', 'find', 'diff'],
  },
  's3-small-files': { data: small, storage: 'bucket', steps: ['unchanged', 'changed', 'restore'] },
  'random-1GiB': {
    data: (work) => randomFiles(join(work, 'random-1GiB'), 8, 128),
    steps: ['unchanged', 'restore', 'check', 'snapshots'],
    fewFiles: true,
  },
  'one-4GiB-file': {
    data: (work) => randomFiles(join(work, 'one-4GiB'), 1, 4096),
    steps: ['restore'],
    fewFiles: true,
    optional: true,
  },
  libraries: {
    data: (work) =>
      copyOf(join(work, 'libraries'), ['/usr/lib', '/usr/local'], {
        files: 1e6,
        bytes: 660e6,
        wanted: (name, size) => size > 50_000 && /\.so|\.a$|^[^.]+$/.test(name),
      }),
    steps: ['restore'],
  },
  's3-random-256MiB': {
    data: (work) => randomFiles(join(work, 'random-256MiB'), 4, 64),
    storage: 'bucket',
    steps: ['unchanged', 'restore', 'snapshots'],
    fewFiles: true,
  },
};
