/** Small random trees from few names and contents, so that two of them share subtrees, names and blobs. */
import type { BlobId, StoredSnapshot, TreeNode } from '@hostark/repository';
import fc from 'fast-check';
import { MTIME_NS, SECOND, symlink, type TestRepository } from './test-repository.ts';

/** A folder by name: a folder, a file (digits: its chunks and its age in seconds), or a link. */
export type Model = {
  readonly [name: string]: Model | { readonly chunks: readonly number[]; readonly age: number } | 'link';
};

const NAMES = ['a', 'b', 'ab', 'c.txt', 'B'] as const;

export const model: fc.Arbitrary<Model> = fc.letrec<{ folder: Model }>((tie) => ({
  folder: fc.dictionary(
    fc.constantFrom(...NAMES),
    fc.oneof(
      { depthSize: 'small', withCrossShrink: true, maxDepth: 4 },
      fc.record({ chunks: fc.array(fc.nat(3), { maxLength: 2 }), age: fc.nat(2) }),
      fc.constant('link' as const),
      tie('folder'),
    ),
    { maxKeys: 4 },
  ),
})).folder;

/** Stores a model and returns its tree. */
export function store(made: TestRepository, folder: Model): BlobId {
  return made.tree(nodesOf(made, folder));
}

function nodesOf(made: TestRepository, folder: Model): TreeNode[] {
  return Object.entries(folder).map(([name, value]) => {
    if (value === 'link') return symlink(name, 'somewhere');
    if (!('chunks' in value)) return made.dir(name, nodesOf(made, value as Model));
    const file = value as { readonly chunks: readonly number[]; readonly age: number };
    const mtime = { ns: MTIME_NS - BigInt(file.age) * SECOND, offsetMinutes: 0 };
    return made.file(
      name,
      file.chunks.map((chunk) => Buffer.from(`chunk ${chunk}`)),
      { mtime },
    );
  });
}

/** A snapshot of a tree that no repository needs to hold; `number` makes its id and its time. */
export function snapshotOf(tree: BlobId, number: number): StoredSnapshot {
  return {
    id: number.toString(16).padStart(64, '0') as StoredSnapshot['id'],
    time: { ns: MTIME_NS + BigInt(number) * SECOND, offsetMinutes: 0 },
    parent: null,
    tree,
    paths: ['/'],
    hostname: 'host',
    username: '',
    uid: 0,
    gid: 0,
    excludes: [],
    tags: [],
    original: null,
    programVersion: '',
    summary: null,
  };
}
