/**
 * A repository in an S3 bucket, in restic's layout below a prefix, through the AWS SDK.
 * Every content-addressed object and a new config is written create-only (`If-None-Match: *`); "already there" is success.
 * The name of such an object is its SHA-256: it signs the body and is its checksum, so nothing is hashed here.
 */
import { Readable } from 'node:stream';
import type { PutObjectCommand, PutObjectCommandInput } from '@aws-sdk/client-s3';
import { HostarkError } from '@hostark/protocol';
import type { Backend, Body, ByteRange, FileType, Handle, LoadOptions, Pace, SaveOptions } from '../../backend.ts';
import { bodyLength, bodyParts, checkRange, copyBody, pacedPieces } from '../body.ts';
import { isObjectName, objectPath } from '../layout.ts';
import { objectTruncated, readOnlyPlace, repositoryExists } from '../object-errors.ts';
import { type OpenClient, type S3Access, S3Connection } from './connection.ts';
import { describeFailure } from './errors.ts';
import { parseS3Location, type S3Location } from './location.ts';
import { readBody } from './read-body.ts';

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
  readonly #connection: S3Connection;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #options: S3Options;
  /** False once the endpoint said that it does not know `If-None-Match`. */
  #conditional = true;

  constructor(location: S3Location, options: S3Options) {
    this.connections = options.connections ?? DEFAULT_CONNECTIONS;
    this.#connection = new S3Connection(location, options, this.connections);
    this.#bucket = location.bucket;
    this.#prefix = location.prefix === '' ? '' : `${location.prefix}/`;
    this.#options = options;
  }

  get location(): string {
    return this.#connection.printed;
  }

  async save(handle: Handle, body: Body, options: SaveOptions = {}): Promise<void> {
    const createOnly = handle.type !== 'config' || options.createOnly === true;
    const input = this.#putInput(handle, body, options);
    this.#refuseIfReadOnly(handle);
    if (createOnly && this.#conditional) {
      const outcome = await this.#put(handle, body, { ...input, IfNoneMatch: '*' }, options);
      if (outcome === 'stored') return;
      if (outcome === 'exists') return await this.#acceptExisting(handle, body, options);
      this.#conditional = false;
    }
    // Without conditions the best is to look first; two inits at the same moment remain possible.
    const mustLook = handle.type === 'config' && createOnly;
    if (mustLook && (await this.exists(handle))) return await this.#acceptExisting(handle, body, options);
    await this.#put(handle, body, input, options);
  }

  async load(handle: Handle, range?: ByteRange, options: LoadOptions = {}): Promise<Uint8Array> {
    const { signal } = options;
    const key = this.#key(handle);
    if (range !== undefined) checkRange(range);
    if (range?.length === 0) return this.#loadNothing(handle, range);
    const Range = range === undefined ? {} : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
    return this.#connection.run(
      'read',
      handle,
      async ({ sdk, client }) => {
        const request = new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: key, ...Range });
        const answer = await client.send(request, signalOption(signal)).catch((error) => {
          const beyond = range !== undefined && describeFailure(error).status === 416;
          throw beyond ? objectTruncated(this.location, handle, range, 0) : error;
        });
        const stream = answer.Body as Readable;
        const found = answer.ContentLength;
        if (range !== undefined && found !== undefined && found !== range.length) {
          stream.destroy();
          throw found < range.length
            ? objectTruncated(this.location, handle, range, found)
            : this.#rangeIgnored(found, range);
        }
        return readBody(stream, found ?? range?.length, signal, options.into, options.pace);
      },
      signal,
    );
  }

  async size(handle: Handle): Promise<number> {
    const key = this.#key(handle);
    return this.#connection.run('look at', handle, async ({ sdk, client }) => {
      const answer = await client.send(new sdk.HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
      return answer.ContentLength ?? 0;
    });
  }

  async *list(type: FileType): AsyncGenerator<{ name: string; size: number }> {
    if (type === 'config') return;
    // Packs lie one folder deeper; elsewhere a delimiter keeps strange subfolders from being walked.
    const request = {
      Bucket: this.#bucket,
      Prefix: `${this.#prefix}${type}/`,
      ...(type === 'data' ? {} : { Delimiter: '/' }),
    };
    let token: string | undefined;
    do {
      const page = await this.#connection.run('list', null, ({ sdk, client }) =>
        client.send(
          new sdk.ListObjectsV2Command({ ...request, ...(token === undefined ? {} : { ContinuationToken: token }) }),
        ),
      );
      for (const { Key = '', Size = 0 } of page.Contents ?? []) {
        const name = Key.slice(Key.lastIndexOf('/') + 1);
        if (isObjectName(name) && Key === this.#key({ type, name })) yield { name, size: Size };
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async remove(handle: Handle): Promise<void> {
    const key = this.#key(handle);
    this.#refuseIfReadOnly(handle);
    await this.#connection.run('delete', handle, async ({ sdk, client }) => {
      await client.send(new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: key })).catch((error) => {
        if (describeFailure(error).name !== 'NoSuchKey') throw error;
      });
    });
  }

  async exists(handle: Handle): Promise<boolean> {
    const key = this.#key(handle);
    return this.#connection.run('look at', handle, ({ sdk, client }) =>
      client.send(new sdk.HeadObjectCommand({ Bucket: this.#bucket, Key: key })).then(
        () => true,
        (error) => {
          if (describeFailure(error).status === 404) return false;
          throw error;
        },
      ),
    );
  }

  async createBucket(): Promise<void> {
    await this.#connection.run('create', null, async (open) => {
      if (await this.#hasBucket(open)) return;
      const { sdk, client } = open;
      // us-east-1 is the one region that must not be named.
      const place = { CreateBucketConfiguration: { LocationConstraint: open.region as never } };
      const request = new sdk.CreateBucketCommand({
        Bucket: this.#bucket,
        ...(open.region === 'us-east-1' ? {} : place),
      });
      await client.send(request).catch((error) => {
        if (describeFailure(error).name === 'BucketAlreadyOwnedByYou') return;
        if (describeFailure(error).name !== 'BucketAlreadyExists') throw error;
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

  #putInput(handle: Handle, body: Body, options: SaveOptions): Omit<PutObjectCommandInput, 'Body'> {
    const digest = handle.type === 'config' ? options.sha256 : Buffer.from(handle.name, 'hex');
    const storageClass = this.#options.storageClass;
    const plainType = handle.type !== 'data' || options.metadata === true;
    const usesClass = storageClass !== undefined && !(plainType && ARCHIVE_CLASSES.has(storageClass));
    return {
      Bucket: this.#bucket,
      Key: this.#key(handle),
      ContentLength: bodyLength(body),
      ContentType: 'application/octet-stream',
      ...(digest === undefined ? {} : { ChecksumSHA256: Buffer.from(digest).toString('base64') }),
      ...(usesClass ? { StorageClass: storageClass as never } : {}),
    };
  }

  async #put(
    handle: Handle,
    body: Body,
    input: PutObjectCommandInput,
    { pace, signal }: SaveOptions,
  ): Promise<PutOutcome> {
    return this.#connection.run(
      'write',
      handle,
      async ({ sdk, client }): Promise<PutOutcome> => {
        const request = new sdk.PutObjectCommand({ ...input, Body: requestBody(handle, body, pace) });
        if (input.ChecksumSHA256 !== undefined) nameThePayload(request, input.ChecksumSHA256);
        try {
          await client.send(request, signalOption(signal));
          return 'stored';
        } catch (error) {
          const { name, status } = describeFailure(error);
          if (input.IfNoneMatch !== undefined && status === 412) return 'exists';
          if (input.IfNoneMatch !== undefined && (status === 501 || name === 'NotImplemented')) return 'unsupported';
          throw error;
        }
      },
      signal,
    );
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

  async #hasBucket({ sdk, client }: OpenClient): Promise<boolean> {
    try {
      await client.send(new sdk.HeadBucketCommand({ Bucket: this.#bucket }));
      return true;
    } catch (error) {
      const { status } = describeFailure(error);
      // A role may write into a bucket without the right to look at it; restic takes that for "exists" too.
      if (status === 403) return true;
      if (status === 404) return false;
      throw error;
    }
  }
}

/** How a PUT ended; the last two only with `If-None-Match`. */
type PutOutcome = 'stored' | 'exists' | 'unsupported';

/** Gives the signer the body's hash in the header where it looks first; otherwise it would hash the body itself. */
function nameThePayload(request: PutObjectCommand, sha256Base64: string): void {
  const hex = Buffer.from(sha256Base64, 'base64').toString('hex');
  request.middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] = hex;
      return next(args);
    },
    { step: 'build', name: 'nameThePayload' },
  );
}

/** Piece by piece, with no read-ahead. */
const STREAMED = { objectMode: false, highWaterMark: 1 };

/** One piece goes as it is (also over shared memory); several become a stream of themselves, not a copy. */
function requestBody(handle: Handle, body: Body, pace: Pace | undefined): Uint8Array | Readable {
  // What fits into one piece is waited for afterwards.
  if (pace !== undefined && handle.type !== 'config' && bodyLength(body) > pace.pieceBytes)
    return pacedStream(body, pace);
  const parts = bodyParts(body).filter((part) => part.length > 0);
  if (parts.length === 0) return new Uint8Array(0);
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  // The SDK must not hash a stream; without a known digest the body is small (a config), so a copy is cheap.
  if (handle.type === 'config') return copyBody(body);
  return Readable.from(
    parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)),
    STREAMED,
  );
}

/** Fails only when the transfer was aborted, which the request itself knows: nobody need hear it here. */
function pacedStream(body: Body, pace: Pace): Readable {
  return Readable.from(pacedPieces(body, pace), STREAMED).on('error', () => {});
}

function signalOption(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
