/**
 * Downloads a repository from a bucket into restic's local layout. Every content-addressed object is verified against
 * its name; files appear whole or not at all; `config` is written last, so an interrupted download is no repository yet.
 */
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { HostarkError } from '@hostark/protocol';
import { awsStatus } from './aws-error.ts';
import { clientForBucket } from './bucket-client.ts';
import type { AwsClients } from './clients.ts';
import { inspectFolder, prepareFolder, readOrNull, sizeOf, syncFolders, writeWhole } from './download-files.ts';
import { FETCH_ORDER, type FetchKind, type RemoteObject } from './download-layout.ts';
import { type DownloadSelection, listRepository } from './download-list.ts';
import { type AskOptions, callOptions } from './run.ts';
import { checkAbort, pause } from './wait.ts';

export interface DownloadSource {
  readonly bucket: string;
  /** The repository's prefix in the bucket, e.g. 'hosts/web/'. */
  readonly prefix?: string;
  readonly directory: string;
  /** Fetches these alone, with the keys and the config; default everything. Index files are then the caller's to write. */
  readonly only?: DownloadSelection;
}

export interface DownloadReport {
  readonly objects: number;
  readonly bytes: number;
  /** Objects that were there already. */
  readonly kept: number;
  readonly keptBytes: number;
  /** Requests sent to S3, retries included. */
  readonly requests: number;
}

export interface DownloadOptions extends AskOptions {
  /** Objects fetched at a time. Default 12. */
  readonly connections?: number;
  /** Called when all packs are there, before the files that name them: a selection's index is written here. */
  readonly afterPacks?: () => Promise<void>;
}

/** Attempts per object: the SDK repeats requests, not bodies that break off. */
const ATTEMPTS = 4;
const EVENT_EVERY_MS = 100;

/**
 * Resumes an earlier download of the same repository: a file with the right name and size is kept, since files get
 * their names only after their bytes were verified and on disk. Throws 'no-repository', 'object-damaged',
 * 'target-unusable' when the folder holds another repository, 'disk-full'.
 */
export async function downloadRepository(
  clients: AwsClients,
  source: DownloadSource,
  options: DownloadOptions = {},
): Promise<DownloadReport> {
  await inspectFolder(source.directory); // before anything is asked
  const prefix = repositoryPrefix(source.prefix);
  const download = new Download(await clientForBucket(clients, source.bucket), { ...source, prefix }, options);
  return await download.run();
}

/** The prefix of a repository's keys: empty, or with one slash at its end. */
export function repositoryPrefix(prefix: string | undefined): string {
  const bare = (prefix ?? '').replace(/^\/+|\/+$/g, '');
  return bare === '' ? '' : `${bare}/`;
}

class Download {
  readonly #s3: S3Client;
  readonly #source: DownloadSource & { readonly prefix: string };
  readonly #options: DownloadOptions;
  #requests = 0;
  #done = { objects: 0, bytes: 0, kept: 0, keptBytes: 0 };
  #total = { objects: 0, bytes: 0 };
  #lastEvent = 0;

  constructor(s3: S3Client, source: DownloadSource & { readonly prefix: string }, options: DownloadOptions) {
    this.#s3 = s3;
    this.#source = source;
    this.#options = options;
  }

  async run(): Promise<DownloadReport> {
    const { bucket, prefix, directory } = this.#source;
    const config = await this.#fetchConfig();
    await prepareFolder(directory);
    const configFile = join(directory, 'config');
    const existing = await readOrNull(configFile);
    if (existing !== null && Buffer.compare(existing, config) !== 0) {
      throw new HostarkError('target-unusable', `${directory}: it holds another repository than ${bucket}/${prefix}`, {
        hint: 'name an empty folder',
      });
    }
    const wanted = await this.#list();
    for (const kind of FETCH_ORDER) {
      // A barrier between kinds: a snapshot is never there without its index, nor an index without its packs.
      await this.#fetchAll(wanted.get(kind) ?? []);
      if (kind === 'data') await this.#options.afterPacks?.();
    }
    if (existing === null) {
      await writeWhole(configFile, once(config), () => {});
      this.#done.objects++;
      this.#done.bytes += config.length;
    } else this.#keep(config.length);
    await syncFolders([configFile]);
    this.#progress(true);
    return { ...this.#done, requests: this.#requests };
  }

  async #fetchConfig(): Promise<Uint8Array> {
    const { bucket, prefix } = this.#source;
    try {
      const body = await this.#get(`${prefix}config`);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      return Buffer.concat(chunks);
    } catch (error) {
      if (awsStatus(error) !== 404) throw error;
      throw new HostarkError('no-repository', `s3://${bucket}/${prefix}: expected a repository, found no config`, {
        hint: `hostark bucket show ${bucket} lists the hosts in it; give the prefix, e.g. hosts/NAME`,
        cause: error,
      });
    }
  }

  async #list(): Promise<ReadonlyMap<FetchKind, readonly RemoteObject[]>> {
    const { bucket, prefix, only } = this.#source;
    const { lists, requests } = await listRepository(this.#s3, { bucket, prefix, only }, this.#options);
    this.#requests += requests;
    for (const objects of lists.values()) {
      this.#total.objects += objects.length;
      this.#total.bytes += objects.reduce((sum, object) => sum + object.bytes, 0);
    }
    return lists;
  }

  async #fetchAll(objects: readonly RemoteObject[]): Promise<void> {
    const written: string[] = [];
    const queue = objects[Symbol.iterator]();
    const failures: unknown[] = [];
    const worker = async (): Promise<void> => {
      for (const object of queue) {
        if (failures.length > 0) return;
        try {
          const path = join(this.#source.directory, object.path);
          if ((await sizeOf(path)) === object.bytes) this.#keep(object.bytes);
          else {
            await this.#fetch(object, path);
            written.push(path);
          }
          this.#progress(false);
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: this.#options.connections ?? 12 }, worker));
    if (failures.length > 0) throw failures[0];
    await syncFolders(written);
  }

  async #fetch(object: RemoteObject, path: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      checkAbort(this.#options.signal);
      try {
        const bytes = await writeWhole(path, await this.#get(object.key), (sha256) => {
          if (sha256 !== object.name) throw damaged(this.#source.bucket, object, sha256);
        });
        this.#done.bytes += bytes; // after the await: other objects are counted meanwhile
        this.#done.objects++;
        return;
      } catch (error) {
        checkAbort(this.#options.signal);
        // Refusals and full disks do not pass by asking again; broken bodies and damage on the way may.
        const passing =
          !(error instanceof HostarkError) || ['cloud-unavailable', 'object-damaged'].includes(error.code);
        if (!passing || attempt === ATTEMPTS) throw error instanceof HostarkError ? error : broken(object, error);
        await pause(100 * 4 ** (attempt - 1), this.#options.signal);
      }
    }
  }

  async #get(key: string): Promise<AsyncIterable<Uint8Array>> {
    const { GetObjectCommand } = await import('@aws-sdk/client-s3');
    const input = { Bucket: this.#source.bucket, Key: key };
    const answer = await this.#s3.send(new GetObjectCommand(input), callOptions(this.#options));
    this.#requests += answer.$metadata.attempts ?? 1;
    return answer.Body as unknown as AsyncIterable<Uint8Array>;
  }

  #keep(bytes: number): void {
    this.#done.kept++;
    this.#done.keptBytes += bytes;
  }

  #progress(last: boolean): void {
    const now = Date.now();
    if (!last && now - this.#lastEvent < EVENT_EVERY_MS) return;
    this.#lastEvent = now;
    const { objects, bytes, kept, keptBytes } = this.#done;
    this.#options.onEvent?.({
      type: 'progress',
      phase: 'download',
      filesDone: objects + kept,
      filesTotal: this.#total.objects + 1, // and the config
      bytesDone: bytes + keptBytes,
      bytesTotal: last ? bytes + keptBytes : this.#total.bytes,
      errors: 0,
      current: [],
    });
  }
}

function damaged(bucket: string, object: RemoteObject, found: string): HostarkError {
  return new HostarkError('object-damaged', `${object.path}: expected SHA-256 ${object.name}, found ${found}`, {
    hint: 'an earlier version of the object may be whole: list the versions in the bucket; check the repository',
    context: { bucket, object: object.path, expected: object.name, found },
  });
}

function broken(object: RemoteObject, cause: unknown): HostarkError {
  return new HostarkError('cloud-unavailable', `${object.path}: the transfer broke ${ATTEMPTS} times`, {
    hint: 'run it again: it continues where it stopped',
    retry: 'later',
    cause,
  });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
