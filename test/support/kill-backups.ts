/**
 * Backups that are killed while they write, for the tests here and for those with stock restic: each round adds data to
 * a folder, kills the backup of it when the repository has grown to a share of that, and hands over to the caller.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderBytes, whenReached } from './growth.ts';
import { describe, hostarkOk, jsonLines, type RunOptions, startHostark, type Workspace } from './hostark.ts';
import { makeRepository, PASSWORD } from './repository.ts';

const MIB = 1 << 20;
const FILES = 16;
/** Bytes that one round adds, in FILES files that do not compress. */
export const ROUND_BYTES: number = 12 * MIB;

/** Shares of a round's data at which its backup is killed. Seeded: the same in every run. */
export const MOMENTS: readonly number[] = [0.01, 0.35, 0.6, 0.9];

export class KilledBackups {
  readonly workspace: Workspace;
  readonly source: string;
  readonly repository: string;
  readonly options: RunOptions;

  constructor(workspace: Workspace) {
    this.workspace = workspace;
    this.source = workspace.path('source');
    this.repository = workspace.path('repo');
    const env = { ...workspace.env, RESTIC_PASSWORD: PASSWORD, RESTIC_REPOSITORY: this.repository };
    this.options = { cwd: workspace.root, env };
  }

  async prepare(version: 1 | 2 = 2): Promise<void> {
    mkdirSync(this.source);
    await makeRepository(this.repository, { version });
  }

  /** Adds this round's files. Their bytes come from its number. */
  addData(round: number): void {
    for (let i = 0; i < FILES; i++)
      writeFileSync(join(this.source, `${round}-${i}`), noise(`${round}-${i}`, ROUND_BYTES / FILES));
  }

  /** Starts a backup with packs small enough that several are written in a round. */
  start(): ReturnType<typeof startHostark> {
    // Slowed down a little, so that there is a middle to kill it in on any machine.
    return startHostark(['backup', 'source', '--pack-size', '4', '--limit-upload', '12000', '--json'], this.options);
  }

  /** Kills a backup when the repository's data has grown by a share of a round. Throws if it ended before that. */
  async killAt(share: number): Promise<void> {
    const before = folderBytes(join(this.repository, 'data'));
    const running = this.start();
    const grown = (): boolean => folderBytes(join(this.repository, 'data')) - before >= share * ROUND_BYTES;
    if (!(await whenReached(grown, running.ended)))
      throw new Error(`the backup ended before it was killed: ${describe(await running.ended)}`);
    running.child.kill('SIGKILL');
    const { signal } = await running.ended;
    if (signal !== 'SIGKILL') throw new Error(`expected it to die by SIGKILL, got ${signal}`);
  }

  /** Runs a backup to its end and returns its summary. */
  async backup(): Promise<Record<string, unknown>> {
    return jsonLines(await hostarkOk(['backup', 'source', '--pack-size', '4', '--json'], this.options)).at(-1)!;
  }

  /** Ids of data blobs that the index knows. */
  async indexedBlobs(): Promise<Set<string>> {
    const lines = (await hostarkOk(['list', 'blobs'], this.options)).split('\n');
    return new Set(lines.filter((line) => line.startsWith('data ')));
  }
}

/** Bytes that do not compress and are the same in every run. */
export function noise(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  const blocks: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) blocks.push(createHash('sha256').update(key).update(String(i)).digest());
  return Buffer.concat(blocks).subarray(0, length);
}
