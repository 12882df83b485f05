/** The repositories that stock restic wrote, and the truth about what is in them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodePlatform } from '@hostark/kernels';
import { localBackend, openRepository, type Repository, type StoredSnapshot } from '@hostark/repository';

const fixtures = fileURLToPath(new URL('../../../repository/test/fixtures/', import.meta.url));

export const FIXTURES = ['restic-0.19.1-v1', 'restic-0.19.1-v2'] as const;
export type Fixture = (typeof FIXTURES)[number];

/** Opens a copy of a fixture at `directory`, or the fixture itself (which nobody may change), with its index loaded. */
export async function openFixture(name: Fixture, directory: string = fixtureDirectory(name)): Promise<Repository> {
  const backend = localBackend(directory, { readOnly: true });
  const repository = await openRepository(backend, { password: 'correct-horse', platform: nodePlatform() });
  await repository.loadIndex();
  return repository;
}

export function fixtureDirectory(name: Fixture): string {
  return join(fixtures, name, 'repo');
}

/** Returns the four snapshots, oldest first. */
export async function fixtureSnapshots(repository: Repository): Promise<StoredSnapshot[]> {
  return repository.snapshots().list();
}

/** One line of manifest-0.ndjson or manifest-1.ndjson: facts of the file system at the time of the backup. */
export interface Truth {
  readonly path_b64: string;
  readonly mode: string;
  readonly mtime_ns: string;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly target_b64?: string;
  readonly xattrs_b64?: Readonly<Record<string, string>>;
  /** Major and minor number. */
  readonly rdev?: readonly [number, number];
}

/** Times are kept as text: they exceed what a JavaScript number holds exactly. */
export function fixtureTruth(name: Fixture, snapshot: 0 | 1): Truth[] {
  const text = readFileSync(join(fixtures, name, `manifest-${snapshot}.ndjson`), 'utf8');
  const exact = text.replaceAll(/"mtime_ns": ?(-?\d+)/g, '"mtime_ns": "$1"');
  return exact
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Truth);
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** Whether the restore worker's bundle is built; without it restores run inline. */
export function workersBuilt(): boolean {
  return existsSync(fileURLToPath(new URL('../../dist/restore-worker.cjs', import.meta.url)));
}
