/**
 * One bucket: its record, every version of every object, every multipart upload. All of it is in memory; the journal
 * brings it back. A change is made in memory at once (so that conditional writes are decided in one step) and its
 * promise resolves when the journal has it.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { DataFiles } from '../store/data-files.ts';
import { Journal } from '../store/journal.ts';
import { lowerBound } from './names.ts';
import type { BucketRecord, ObjectVersion, PartRecord, UploadRecord } from './records.ts';

type Entry =
  | { readonly is: 'bucket'; readonly record: BucketRecord }
  | { readonly is: 'version'; readonly version: ObjectVersion }
  | { readonly is: 'removed'; readonly key: string; readonly versionId: string }
  | { readonly is: 'upload'; readonly upload: UploadRecord }
  | { readonly is: 'part'; readonly uploadId: string; readonly part: PartRecord }
  | { readonly is: 'ended'; readonly uploadId: string };

export interface Upload {
  readonly record: UploadRecord;
  readonly parts: Map<number, PartRecord>;
}

/** 32 characters, never `null`. */
export function newVersionId(): string {
  return randomBytes(24).toString('base64url').replaceAll('-', '.');
}

export class Bucket {
  readonly files: DataFiles;
  readonly #versions = new Map<string, ObjectVersion[]>();
  readonly #uploads = new Map<string, Upload>();
  readonly #keys: string[] = [];
  #record: BucketRecord | null = null;
  #journal: Journal<Entry> | null = null;

  private constructor(directory: string, durable: boolean) {
    this.files = new DataFiles(`${directory}/data`, durable);
  }

  /** Opens the bucket kept in `directory`; null when no bucket was ever committed there. */
  static async open(directory: string, durable: boolean): Promise<Bucket | null> {
    const bucket = new Bucket(directory, durable);
    bucket.#journal = await Journal.open<Entry>(`${directory}/journal.jsonl`, {
      durable,
      replay: (entry) => bucket.#apply(entry),
      live: () => bucket.#entries(),
    });
    bucket.files.sweep(bucket.#liveFiles());
    if (bucket.#record !== null) return bucket;
    await bucket.close();
    return null;
  }

  /** Makes a bucket in an empty folder. */
  static async create(directory: string, record: BucketRecord, durable: boolean): Promise<Bucket> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const bucket = new Bucket(directory, durable);
    bucket.#journal = await Journal.open<Entry>(`${directory}/journal.jsonl`, {
      durable,
      replay: () => undefined,
      live: () => [],
    });
    await bucket.#commit({ is: 'bucket', record });
    return bucket;
  }

  async close(): Promise<void> {
    await this.#journal?.close();
    this.files.close();
  }

  get record(): BucketRecord {
    if (this.#record === null) throw new RangeError('the bucket was not committed');
    return this.#record;
  }

  /** Keys that have at least one version (a delete marker is one), in the order of their UTF-8 bytes. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  /** Versions of a key, newest first. */
  versions(key: string): readonly ObjectVersion[] {
    return this.#versions.get(key) ?? [];
  }

  /** Newest version, be it a delete marker; null when there is none. */
  newest(key: string): ObjectVersion | null {
    return this.#versions.get(key)?.[0] ?? null;
  }

  /** Newest version when it is an object. */
  current(key: string): ObjectVersion | null {
    const newest = this.newest(key);
    return newest === null || newest.deleteMarker ? null : newest;
  }

  version(key: string, versionId: string): ObjectVersion | null {
    return this.versions(key).find((version) => version.versionId === versionId) ?? null;
  }

  upload(uploadId: string): Upload | null {
    return this.#uploads.get(uploadId) ?? null;
  }

  uploads(): readonly Upload[] {
    return [...this.#uploads.values()];
  }

  configure(record: BucketRecord): Promise<void> {
    return this.#commit({ is: 'bucket', record });
  }

  /** Adds a version, or replaces the one with the same id in its place (new tags, retention; or the `null` version anew). */
  putVersion(version: ObjectVersion): Promise<void> {
    return this.#commit({ is: 'version', version });
  }

  removeVersion(key: string, versionId: string): Promise<void> {
    return this.#commit({ is: 'removed', key, versionId });
  }

  beginUpload(upload: UploadRecord): Promise<void> {
    return this.#commit({ is: 'upload', upload });
  }

  putPart(uploadId: string, part: PartRecord): Promise<void> {
    return this.#commit({ is: 'part', uploadId, part });
  }

  /** Ends an upload and drops the parts that no version took over. */
  endUpload(uploadId: string): Promise<void> {
    return this.#commit({ is: 'ended', uploadId });
  }

  async #commit(entry: Entry): Promise<void> {
    const dropped = this.#apply(entry);
    await this.#journal?.append(entry);
    this.files.discard(dropped);
  }

  /** Makes the change in memory; returns the data files that nothing names any more. */
  #apply(entry: Entry): readonly string[] {
    switch (entry.is) {
      case 'bucket':
        this.#record = entry.record;
        return [];
      case 'version':
        return this.#applyVersion(entry.version);
      case 'removed':
        return this.#applyRemoved(entry.key, entry.versionId);
      case 'upload':
        this.#uploads.set(entry.upload.uploadId, { record: entry.upload, parts: new Map() });
        return [];
      case 'part': {
        const parts = this.#uploads.get(entry.uploadId)?.parts;
        const old = parts?.get(entry.part.number);
        parts?.set(entry.part.number, entry.part);
        return old === undefined ? [] : [old.file];
      }
      case 'ended': {
        const upload = this.#uploads.get(entry.uploadId);
        this.#uploads.delete(entry.uploadId);
        const made = this.versions(upload?.record.key ?? '').find((version) => version.uploadId === entry.uploadId);
        const kept = new Set(made?.segments.map((segment) => segment.file));
        return [...(upload?.parts.values() ?? [])].map((part) => part.file).filter((file) => !kept.has(file));
      }
    }
  }

  #applyVersion(version: ObjectVersion): readonly string[] {
    const list = this.#versions.get(version.key);
    if (list === undefined) {
      this.#versions.set(version.key, [version]);
      this.#keys.splice(lowerBound(this.#keys, version.key), 0, version.key);
      return [];
    }
    const at = list.findIndex((other) => other.versionId === version.versionId);
    const old = at < 0 ? null : (list[at] as ObjectVersion);
    // The same bytes mean a change of its attributes; other bytes are a new object, which is the newest.
    const sameBytes = old !== null && old.lastModified === version.lastModified && old.etag === version.etag;
    if (sameBytes && old.deleteMarker === version.deleteMarker) {
      list[at] = version;
      return filesOf(old).filter((file) => !filesOf(version).includes(file));
    }
    if (at >= 0) list.splice(at, 1);
    list.unshift(version);
    return old === null ? [] : filesOf(old).filter((file) => !filesOf(version).includes(file));
  }

  #applyRemoved(key: string, versionId: string): readonly string[] {
    const list = this.#versions.get(key) ?? [];
    const at = list.findIndex((version) => version.versionId === versionId);
    if (at < 0) return [];
    const [gone] = list.splice(at, 1);
    if (list.length === 0) {
      this.#versions.delete(key);
      this.#keys.splice(lowerBound(this.#keys, key), 1);
    }
    return filesOf(gone as ObjectVersion);
  }

  *#entries(): Iterable<Entry> {
    if (this.#record !== null) yield { is: 'bucket', record: this.#record };
    for (const list of this.#versions.values())
      for (const version of list.toReversed()) yield { is: 'version', version };
    for (const { record, parts } of this.#uploads.values()) {
      yield { is: 'upload', upload: record };
      for (const part of parts.values()) yield { is: 'part', uploadId: record.uploadId, part };
    }
  }

  #liveFiles(): Set<string> {
    const live = new Set<string>();
    for (const list of this.#versions.values())
      for (const version of list) for (const file of filesOf(version)) live.add(file);
    for (const { parts } of this.#uploads.values()) for (const part of parts.values()) live.add(part.file);
    return live;
  }
}

function filesOf(version: ObjectVersion): string[] {
  return version.segments.map((segment) => segment.file);
}
