/**
 * Checks a repository: keys, index files, packs, snapshots, trees, and on request the content of packs.
 * Never stops at the first damage and never changes anything. Order and rules are restic's (`cmd_check.go`).
 * Does not use the index that the repository object may hold: it reads what is stored now.
 */
import type { BlobSource } from '../blobs/load.ts';
import { BlobTable } from '../blobs/table.ts';
import { forEachConcurrent } from '../concurrent.ts';
import type { PackId, SnapshotId } from '../ids.ts';
import { listKeyIds, loadKeyFile } from '../keys/open-key.ts';
import type { Repository } from '../repository.ts';
import { matchesFilter, type SnapshotFilter } from '../snapshot/select.ts';
import type { StoredSnapshot } from '../snapshot/snapshot.ts';
import { traceLosses } from './affected.ts';
import { type Finding, Findings } from './finding.ts';
import { checkIndexes } from './indexes.ts';
import type { PackVerifiers } from './pack-verifier.ts';
import { checkPacks } from './packs.ts';
import { DataReading } from './read-data.ts';
import { type DataSubset, selectPacks } from './subset.ts';
import { checkTrees } from './trees.ts';

/** The steps of a check, in order. */
export type CheckPhase = 'keys' | 'index' | 'snapshots' | 'trees' | 'data' | 'losses';

/** Told often: what is done of how many, null while the total is not known. */
export type CheckProgress = (phase: CheckPhase, done: number, total: number | null) => void;

export interface CheckOptions {
  /** Which packs to read whole; none when absent. */
  readonly readData?: DataSubset | undefined;
  /** Which snapshots' trees to check; all when absent. */
  readonly filter?: SnapshotFilter | undefined;
  /** Who verifies the packs that are read whole; this thread when absent. */
  readonly verifiers?: PackVerifiers | undefined;
  readonly progress?: CheckProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a check found. `errors` is 0 when everything that was looked at is whole. */
export interface CheckReport {
  readonly findings: readonly Finding[];
  readonly errors: number;
  readonly hints: number;
  readonly snapshots: number;
  readonly trees: number;
  readonly packs: number;
  readonly blobs: number;
  readonly packsRead: number;
  readonly bytesRead: number;
  /** Packs with errors. */
  readonly brokenPacks: readonly PackId[];
  /** Whether rebuilding the index would help. */
  readonly suggestRepairIndex: boolean;
  /** Whether a prune would tidy something. */
  readonly suggestPrune: boolean;
}

/** What the steps share. */
export interface CheckContext {
  readonly repo: Repository;
  readonly findings: Findings;
  readonly progress: CheckProgress;
  readonly signal: AbortSignal | undefined;
}

/** A source of blobs that threads can be given. */
export type CheckSource = BlobSource & Pick<Repository, 'key'>;

/** Checks a repository. Rejects only when aborted or when the backend cannot be listed. */
export async function checkRepository(repo: Repository, options: CheckOptions = {}): Promise<CheckReport> {
  const { filter = {}, readData, progress = () => {}, signal } = options;
  const findings = new Findings();
  const context: CheckContext = { repo, findings, progress, signal };
  await checkKeys(context);
  // Snapshots before the index: whatever they name was indexed before they were written.
  const snapshots = await loadSnapshots(context, filter);
  const blobs = BlobTable.create();
  const { backend, platform, sealer, key } = repo;
  const source: CheckSource = { backend, platform, sealer, key, blobs };
  await checkIndexes(context, blobs);
  const files = await checkPacks(context, blobs);
  const chosen = readData === undefined ? [] : selectPacks(files, readData, randomSource(repo));
  const reading = new DataReading(context, source, chosen, options.verifiers);
  let trees: number;
  let bytesRead: number;
  try {
    trees = await checkTrees(context, source, new Set(snapshots.map(({ tree }) => tree)));
    bytesRead = await reading.finish();
  } finally {
    await reading.close();
  }
  if (findings.anyLost) await traceLosses(context, source, snapshots);
  return {
    ...summarize(findings.done()),
    snapshots: snapshots.length,
    trees,
    packs: files.length,
    blobs: blobs.entryCount,
    packsRead: chosen.length,
    bytesRead,
  };
}

function summarize(
  findings: readonly Finding[],
): Pick<CheckReport, 'findings' | 'errors' | 'hints' | 'brokenPacks' | 'suggestRepairIndex' | 'suggestPrune'> {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const has = (...kinds: readonly Finding['kind'][]): boolean => findings.some(({ kind }) => kinds.includes(kind));
  return {
    findings,
    errors: errors.length,
    hints: findings.length - errors.length,
    brokenPacks: [...new Set(errors.filter(({ object }) => object === 'pack').map(({ id }) => id as PackId))],
    suggestRepairIndex: has(
      'index-damaged',
      'index-conflict',
      'pack-duplicate',
      'pack-missing',
      'pack-size',
      'blob-missing',
      'tree-missing',
    ),
    suggestPrune: has('pack-unindexed', 'pack-mixed'),
  };
}

async function checkKeys({ repo, findings, progress }: CheckContext): Promise<void> {
  const ids = await listKeyIds(repo.backend);
  for (const [done, id] of ids.entries()) {
    await loadKeyFile(repo.backend, repo.platform, id).catch((error: Error) => {
      findings.add('key-damaged', 'key', id, error.message);
    });
    progress('keys', done + 1, ids.length);
  }
}

async function loadSnapshots(context: CheckContext, filter: SnapshotFilter): Promise<StoredSnapshot[]> {
  const { repo, findings, signal } = context;
  const store = repo.snapshots();
  const ids = await store.ids();
  const snapshots: StoredSnapshot[] = [];
  let done = 0;
  const load = async (id: SnapshotId): Promise<void> => {
    try {
      const snapshot = await store.load(id, signal);
      if (matchesFilter(snapshot, filter)) snapshots.push(snapshot);
    } catch (error) {
      signal?.throwIfAborted();
      findings.add('snapshot-damaged', 'snapshot', id, (error as Error).message).snapshots.add(id);
    }
    context.progress('snapshots', ++done, ids.length);
  };
  await forEachConcurrent(ids, repo.backend.connections, load, signal);
  return snapshots.sort((a, b) => (a.time.ns < b.time.ns ? -1 : 1));
}

function randomSource(repo: Repository): () => number {
  return () => {
    const [a, b, c, d] = repo.platform.randomBytes(4);
    return (((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0) / 2 ** 32;
  };
}
