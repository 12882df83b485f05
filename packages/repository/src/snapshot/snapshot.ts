/** Snapshots: what was saved when, by whom, and the tree it is. Format: restic `internal/data/snapshot.go`. */
import { ByteWriter } from '../encoding/byte-writer.ts';
import { textOf } from '../encoding/bytes.ts';
import { formatInstant, parseInstant } from '../encoding/instant-text.ts';
import { writeJsonText } from '../encoding/json-write.ts';
import type { Instant } from '../encoding/time.ts';
import { type BlobId, blobId, type SnapshotId, snapshotId } from '../ids.ts';

/** What a backup did. All counts and bytes are below 2^53. */
export interface SnapshotSummary {
  readonly backupStart: Instant;
  readonly backupEnd: Instant;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly dirsNew: number;
  readonly dirsChanged: number;
  readonly dirsUnmodified: number;
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  /** Plain bytes of new blobs. */
  readonly dataAdded: number;
  /** Bytes that these take in the repository. */
  readonly dataAddedPacked: number;
  readonly totalFilesProcessed: number;
  readonly totalBytesProcessed: number;
}

/** The names of a summary's counters in JSON, in restic's order, after the two times. */
const COUNTERS = [
  ['files_new', 'filesNew'],
  ['files_changed', 'filesChanged'],
  ['files_unmodified', 'filesUnmodified'],
  ['dirs_new', 'dirsNew'],
  ['dirs_changed', 'dirsChanged'],
  ['dirs_unmodified', 'dirsUnmodified'],
  ['data_blobs', 'dataBlobs'],
  ['tree_blobs', 'treeBlobs'],
  ['data_added', 'dataAdded'],
  ['data_added_packed', 'dataAddedPacked'],
  ['total_files_processed', 'totalFilesProcessed'],
  ['total_bytes_processed', 'totalBytesProcessed'],
] as const satisfies readonly (readonly [string, keyof SnapshotSummary])[];

/** A snapshot as written. Absent values are '', 0, [] or null, and are left out of the JSON. */
export interface Snapshot {
  readonly time: Instant;
  readonly parent: SnapshotId | null;
  readonly tree: BlobId;
  /** Absolute, in the order given. */
  readonly paths: readonly string[];
  readonly hostname: string;
  readonly username: string;
  readonly uid: number;
  readonly gid: number;
  readonly excludes: readonly string[];
  readonly tags: readonly string[];
  /** The first id, when this one was rewritten. */
  readonly original: SnapshotId | null;
  readonly programVersion: string;
  readonly summary: SnapshotSummary | null;
}

/** A snapshot in a repository. */
export interface StoredSnapshot extends Snapshot {
  readonly id: SnapshotId;
}

/** Returns the JSON of a snapshot. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const out = new ByteWriter(2048);
  out.ascii(`{"time":"${formatInstant(snapshot.time)}"`);
  if (snapshot.parent !== null) out.ascii(`,"parent":"${snapshot.parent}"`);
  out.ascii(`,"tree":"${snapshot.tree}","paths":`);
  writeTexts(out, snapshot.paths);
  writeText(out, 'hostname', snapshot.hostname);
  writeText(out, 'username', snapshot.username);
  if (snapshot.uid !== 0) out.ascii(`,"uid":${snapshot.uid}`);
  if (snapshot.gid !== 0) out.ascii(`,"gid":${snapshot.gid}`);
  if (snapshot.excludes.length > 0) {
    out.ascii(',"excludes":');
    writeTexts(out, snapshot.excludes);
  }
  if (snapshot.tags.length > 0) {
    out.ascii(',"tags":');
    writeTexts(out, snapshot.tags);
  }
  if (snapshot.original !== null) out.ascii(`,"original":"${snapshot.original}"`);
  writeText(out, 'program_version', snapshot.programVersion);
  if (snapshot.summary !== null) {
    out.ascii(',"summary":');
    writeSummary(out, snapshot.summary);
  }
  out.byte(0x7d);
  return out.take();
}

function writeText(out: ByteWriter, key: string, value: string): void {
  if (value === '') return;
  out.ascii(`,"${key}":`);
  writeJsonText(out, value);
}

function writeTexts(out: ByteWriter, texts: readonly string[]): void {
  out.byte(0x5b);
  texts.forEach((text, i) => {
    if (i > 0) out.byte(0x2c);
    writeJsonText(out, text);
  });
  out.byte(0x5d);
}

function writeSummary(out: ByteWriter, summary: SnapshotSummary): void {
  out.ascii(`{"backup_start":"${formatInstant(summary.backupStart)}"`);
  out.ascii(`,"backup_end":"${formatInstant(summary.backupEnd)}"`);
  for (const [name, field] of COUNTERS) out.ascii(`,"${name}":${summary[field]}`);
  out.byte(0x7d);
}

/** Parses a snapshot; unknown fields are ignored. Throws SyntaxError that says what is wrong, e.g. that it has no tree. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const fields = record(JSON.parse(textOf(bytes)));
  if (typeof fields.tree !== 'string') throw new SyntaxError('expected a tree, got none');
  return {
    time: instant(fields.time, 'time'),
    parent: fields.parent == null ? null : snapshotId(text(fields.parent)),
    tree: blobId(fields.tree),
    paths: texts(fields.paths),
    hostname: text(fields.hostname),
    username: text(fields.username),
    uid: count(fields.uid),
    gid: count(fields.gid),
    excludes: texts(fields.excludes),
    tags: texts(fields.tags),
    original: fields.original == null ? null : snapshotId(text(fields.original)),
    programVersion: text(fields.program_version),
    summary: fields.summary == null ? null : decodeSummary(record(fields.summary)),
  };
}

function decodeSummary(fields: Fields): SnapshotSummary {
  const counters = Object.fromEntries(COUNTERS.map(([name, field]) => [field, count(fields[name])]));
  return {
    ...(counters as Record<(typeof COUNTERS)[number][1], number>),
    backupStart: instant(fields.backup_start, 'backup_start'),
    backupEnd: instant(fields.backup_end, 'backup_end'),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function record(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw new SyntaxError('expected a JSON object');
  return value as Fields;
}

function instant(value: unknown, what: string): Instant {
  const parsed = parseInstant(text(value));
  if (parsed === null) throw new SyntaxError(`${what}: expected an RFC 3339 time, got ${JSON.stringify(value)}`);
  return parsed;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(text) : [];
}

function count(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? value : 0;
}
