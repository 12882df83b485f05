/**
 * A repository in an S3 bucket, in restic's layout below a prefix.
 * Every content-addressed object and a new config is written create-only (`If-None-Match: *`); "already there" is success.
 * The name of such an object is its SHA-256: it signs the body and is its checksum, so nothing is hashed here.
 */
import { createHash } from 'node:crypto';
import { HostarkError } from '@hostark/protocol';
import type {
  Backend,
  BackendTraits,
  Body,
  ByteRange,
  FileType,
  Handle,
  LoadOptions,
  SaveOptions,
} from '../../backend.ts';
import { bodyParts, checkRange, copyBody } from '../body.ts';
import { isObjectName, objectPath } from '../layout.ts';
import { objectTruncated, readOnlyPlace, repositoryExists } from '../object-errors.ts';
import { type S3Client, S3Refusal } from './client.ts';
import { type S3Access, S3Connection } from './connection.ts';
import { BrokenAnswer, type Room } from './http/answer.ts';
import { parseS3Location, type S3Location } from './location.ts';
import { readListPage } from './xml.ts';

export interface S3Options extends S3Access {
  /** Requests at the same time. @default 16 */
  readonly connections?: number;
  /** Storage class of what is written; archive classes apply to packs of data alone. @default the bucket's */
  readonly storageClass?: string;
  /** Refuses every save and remove with 'backend-denied'. */
  readonly readOnly?: boolean;
}

/** Hides the round trip of a request (10-30 ms to S3) behind others; each holds at most one pack. */
const DEFAULT_CONNECTIONS = 16;

/** S3 cannot be read at once in these: restic keeps what every command needs out of them. */
const ARCHIVE_CLASSES: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/** A repository in a bucket. */
export interface S3Backend extends Backend {
  /** Makes the bucket if there is none; harmless if it is ours already. Plain: hardening is the cloud package's work. */
  createBucket(): Promise<void>;
}

/** Returns a backend for an `s3:…` location. Connects when first used. Throws 'usage' if the location is malformed. */
export function s3Backend(location: string | S3Location, options: S3Options = {}): S3Backend {
  return new S3(typeof location === 'string' ? parseS3Location(location) : location, options);
}

class S3 implements S3Backend {
  readonly connections: number;
  readonly traits: BackendTraits;
  readonly #connection: S3Connection;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #options: S3Options;
  /** False once the endpoint said that it does not know `If-None-Match`. */
  #conditional = true;

  constructor(location: S3Location, options: S3Options) {
    this.connections = options.connections ?? DEFAULT_CONNECTIONS;
    this.#connection = new S3Connection(location, options, this.connections);
    this.traits = { isCoherent: () => this.#connection.coherence.holds };
    this.#bucket = location.bucket;
    this.#prefix = location.prefix === '' ? '' : `${location.prefix}/`;
    this.#options = options;
  }

  get location(): string {
    return this.#connection.printed;
  }

  async save(handle: Handle, body: Body, options: SaveOptions = {}): Promise<void> {
    const createOnly = handle.type !== 'config' || options.createOnly === true;
    this.#refuseIfReadOnly(handle);
    if (createOnly && this.#conditional) {
      const outcome = await this.#put(handle, body, options, true);
      if (outcome === 'stored') return;
      if (outcome === 'exists') return await this.#acceptExisting(handle, body, options);
      this.#conditional = false;
    }
    // Without conditions the best is to look first; two inits at the same moment remain possible.
    const mustLook = handle.type === 'config' && createOnly;
    if (mustLook && (await this.exists(handle))) return await this.#acceptExisting(handle, body, options);
    await this.#put(handle, body, options, false);
  }

  async load(handle: Handle, range?: ByteRange, options: LoadOptions = {}): Promise<Uint8Array> {
    const { pace, signal } = options;
    const key = this.#key(handle);
    if (range !== undefined) checkRange(range);
    if (range?.length === 0) return this.#loadNothing(handle, range);
    const headers =
      range === undefined ? [] : [['range', `bytes=${range.offset}-${range.offset + range.length - 1}`] as const];
    const room = this.#roomFor(handle, range, options.into);
    return this.#connection.run(
      'read',
      handle,
      async (client) => {
        const { body } = await client.send({ method: 'GET', key, headers, room, pace, signal }).catch((error) => {
          const beyond = range !== undefined && statusOf(error) === 416;
          throw beyond ? objectTruncated(this.location, handle, range, 0) : error;
        });
        // Bodies that did not say how long they are.
        if (range !== undefined && body.length !== range.length)
          throw new BrokenAnswer(`${body.length} of ${range.length} bytes came`);
        return body;
      },
      signal,
    );
  }

  async size(handle: Handle): Promise<number> {
    const key = this.#key(handle);
    return this.#connection.run('look at', handle, async (client) => {
      const answer = await client.send({ method: 'HEAD', key });
      return Number(answer.headers.get('content-length') ?? 0);
    });
  }

  async *list(type: FileType): AsyncGenerator<{ name: string; size: number }> {
    if (type === 'config') return;
    // Packs lie one folder deeper; elsewhere a delimiter keeps strange subfolders from being walked.
    const query: (readonly [string, string])[] = [
      ['list-type', '2'],
      ['prefix', `${this.#prefix}${type}/`],
      ...(type === 'data' ? [] : [['delimiter', '/'] as const]),
    ];
    let token: string | null = null;
    do {
      const from: (readonly [string, string])[] = token === null ? [] : [['continuation-token', token]];
      const page = await this.#connection.run('list', null, async (client) => {
        const { body } = await client.send({ method: 'GET', key: '', query: [...query, ...from] });
        return readListPage(body);
      });
      for (const { key, size } of page.objects) {
        const name = key.slice(key.lastIndexOf('/') + 1);
        if (isObjectName(name) && key === this.#key({ type, name })) yield { name, size };
      }
      token = page.next;
    } while (token !== null);
  }

  async remove(handle: Handle): Promise<void> {
    const key = this.#key(handle);
    this.#refuseIfReadOnly(handle);
    await this.#connection.run('delete', handle, async (client) => {
      await client.send({ method: 'DELETE', key }).catch((error) => {
        if (nameOf(error) !== 'NoSuchKey') throw error;
      });
    });
  }

  async exists(handle: Handle): Promise<boolean> {
    const key = this.#key(handle);
    return this.#connection.run('look at', handle, (client) => isThere(client, key));
  }

  async createBucket(): Promise<void> {
    await this.#connection.run('create', null, async (client) => {
      if (await this.#hasBucket(client)) return;
      await client
        .send({ method: 'PUT', key: '', body: textBody(bucketPlace(client.region)) })
        .catch((error: unknown) => {
          if (nameOf(error) === 'BucketAlreadyOwnedByYou') return;
          if (nameOf(error) !== 'BucketAlreadyExists') throw error;
          throw new HostarkError('bucket-taken', `the bucket name ${this.#bucket} belongs to someone else`, {
            hint: 'choose another name: bucket names are shared by everyone',
            context: { bucket: this.#bucket },
          });
        });
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #key(handle: Handle): string {
    return this.#prefix + objectPath(handle);
  }

  #refuseIfReadOnly(handle: Handle): void {
    if (this.#options.readOnly) throw readOnlyPlace(this.location, handle);
  }

  #putHeaders(handle: Handle, options: SaveOptions, digest: Buffer): (readonly [string, string])[] {
    const storageClass = this.#options.storageClass;
    const plainType = handle.type !== 'data' || options.metadata === true;
    const usesClass = storageClass !== undefined && !(plainType && ARCHIVE_CLASSES.has(storageClass));
    return [
      ['content-type', 'application/octet-stream'],
      ['x-amz-checksum-sha256', digest.toString('base64')],
      ...(usesClass ? [['x-amz-storage-class', storageClass] as const] : []),
    ];
  }

  async #put(handle: Handle, body: Body, options: SaveOptions, createOnly: boolean): Promise<PutOutcome> {
    const { pace, signal } = options;
    const parts = bodyParts(body);
    const digest = handle.type === 'config' ? digestOf(parts) : Buffer.from(handle.name, 'hex');
    const condition = createOnly ? [['if-none-match', '*'] as const] : [];
    const request = {
      method: 'PUT',
      key: this.#key(handle),
      headers: [...this.#putHeaders(handle, options, digest), ...condition],
      body: { parts, sha256: digest.toString('hex') },
      pace,
      signal,
    } as const;
    return this.#connection.run(
      'write',
      handle,
      async (client): Promise<PutOutcome> => {
        try {
          await client.send(request);
          return 'stored';
        } catch (error) {
          const status = statusOf(error);
          if (createOnly && status === 412) return 'exists';
          if (createOnly && (status === 501 || nameOf(error) === 'NotImplemented')) return 'unsupported';
          throw error;
        }
      },
      signal,
    );
  }

  /** Where an answer goes, and which answers are refused before they are read. */
  #roomFor(handle: Handle, range: ByteRange | undefined, into: Uint8Array | undefined): Room {
    return (_head, found) => {
      if (range !== undefined && found < range.length) throw objectTruncated(this.location, handle, range, found);
      if (range !== undefined && found > range.length) throw this.#rangeIgnored(found, range);
      return into !== undefined && into.length >= found ? into.subarray(0, found) : null;
    };
  }

  /** The object is there: fine if its name is its content. A config may be our own, whose answer was lost on the way. */
  async #acceptExisting(handle: Handle, body: Body, options: SaveOptions): Promise<void> {
    if (handle.type !== 'config') return;
    const stored = await this.load(handle, undefined, options);
    if (Buffer.compare(stored, copyBody(body)) !== 0) throw repositoryExists(this.location);
  }

  /** HTTP has no empty range; what is asked is only whether the object reaches that far. */
  async #loadNothing(handle: Handle, range: ByteRange): Promise<Uint8Array> {
    const size = await this.size(handle);
    if (size < range.offset) throw objectTruncated(this.location, handle, range, 0);
    return new Uint8Array(0);
  }

  #rangeIgnored(found: number, range: ByteRange): HostarkError {
    return new HostarkError(
      'backend-unavailable',
      `${this.location} ignores byte ranges: expected ${range.length} bytes, got ${found}`,
      { hint: 'this endpoint cannot hold a repository' },
    );
  }

  async #hasBucket(client: S3Client): Promise<boolean> {
    try {
      return await isThere(client, '');
    } catch (error) {
      // A role may write into a bucket without the right to look at it; restic takes that for "exists" too.
      if (statusOf(error) === 403) return true;
      throw error;
    }
  }
}

/** How a PUT ended; the last two only with `If-None-Match`. */
type PutOutcome = 'stored' | 'exists' | 'unsupported';

async function isThere(client: S3Client, key: string): Promise<boolean> {
  try {
    await client.send({ method: 'HEAD', key });
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

/** us-east-1 is the one region that must not be named. */
function bucketPlace(region: string): string {
  if (region === 'us-east-1') return '';
  return (
    '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `<LocationConstraint>${region.replace(/[<&]/g, '')}</LocationConstraint></CreateBucketConfiguration>`
  );
}

function textBody(text: string): { parts: Uint8Array[]; sha256: string } {
  const parts = [Buffer.from(text)];
  return { parts, sha256: digestOf(parts).toString('hex') };
}

function digestOf(parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** 0 when there was no answer. */
function statusOf(error: unknown): number {
  return error instanceof S3Refusal ? error.status : 0;
}

function nameOf(error: unknown): string {
  return error instanceof S3Refusal ? error.name : '';
}
