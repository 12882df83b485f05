/**
 * Request bodies: one pass over the bytes takes off the aws-chunked coding and verifies everything the client announced
 * (length, x-amz-content-sha256, Content-MD5, x-amz-checksum-*, chunk signatures). Each hash is computed once, whoever asks.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { AwsChunkedDecoder } from './aws-chunked.ts';
import { type Checksum, type ChecksumAlgorithm, checksum, checksumOfHeader, DIGEST_BYTES } from './checksum.ts';
import type { BodyDigests, DigestWishes, RequestBody } from './service.ts';
import { ServiceError } from './service-error.ts';

const DEFAULT_LIMIT = 16 * 1024 * 1024;

export interface BodyOptions {
  readonly source: Readable;
  readonly headers: Readonly<Record<string, string>>;
  /** Takes off aws-chunked; null when the body is plain. */
  readonly decoder: AwsChunkedDecoder | null;
  /** Hex SHA-256 that the body must have; null when it is not announced. */
  readonly sha256: string | null;
  /** Called before the first byte is read (sends "100 Continue"). */
  readonly onRead: () => void;
}

interface Announced {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; null when it follows in a trailer. */
  readonly value: string | null;
}

export class StreamedBody implements RequestBody {
  readonly length: number | null;
  readonly #options: BodyOptions;
  #started = false;
  #whole: Promise<Uint8Array> | null = null;
  #digests: BodyDigests | null = null;
  /** Bytes of the body as they came over the wire so far. */
  wireBytes = 0;

  constructor(options: BodyOptions) {
    this.#options = options;
    const { headers, decoder } = options;
    const announced = decoder === null ? headers['content-length'] : headers['x-amz-decoded-content-length'];
    // No length and no transfer coding means no body (RFC 9112 §6.3).
    const empty = decoder === null && headers['transfer-encoding'] === undefined ? 0 : null;
    this.length = announced === undefined ? empty : Number(announced);
  }

  bytes(limit: number = DEFAULT_LIMIT): Promise<Uint8Array> {
    this.#whole ??= this.#collect(limit);
    return this.#whole;
  }

  async #collect(limit: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let total = 0;
    for await (const piece of this.pieces({ sha256: true })) {
      total += piece.length;
      if (total > limit)
        throw new ServiceError(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size');
      pieces.push(piece);
    }
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  }

  digests(): BodyDigests {
    if (this.#digests === null) throw new RangeError('digests are known only after the body was read to its end');
    return this.#digests;
  }

  async *pieces(wishes: DigestWishes = {}): AsyncIterable<Uint8Array> {
    if (this.#started) throw new RangeError('a request body can be read only once');
    this.#started = true;
    const { headers, decoder, sha256, onRead } = this.#options;
    const announced = announcedChecksums(headers);
    const wantsSha256 = sha256 !== null || wishes.sha256 === true || announced.some((a) => a.algorithm === 'sha256');
    const sha = wantsSha256 ? createHash('sha256') : null;
    const md5 = headers['content-md5'] !== undefined || wishes.md5 === true ? createHash('md5') : null;
    const others: { readonly announced: Announced; readonly sum: Checksum | null }[] = announced.map((a) => ({
      announced: a,
      sum: a.algorithm === 'sha256' ? null : checksum(a.algorithm),
    }));
    let total = 0;
    onRead();
    for await (const piece of this.#decoded()) {
      total += piece.length;
      sha?.update(piece);
      md5?.update(piece);
      for (const { sum } of others) sum?.update(piece);
      yield piece;
    }
    if ((decoder !== null && !decoder.done) || (this.length !== null && total !== this.length)) throw incomplete();
    this.#digests = check({ headers, sha256, sha, md5, others, trailers: decoder?.trailers ?? new Map() });
  }

  async *#decoded(): AsyncIterable<Uint8Array> {
    const { source, decoder } = this.#options;
    try {
      for await (const piece of source as AsyncIterable<Uint8Array>) {
        this.wireBytes += piece.length;
        if (decoder === null) yield piece;
        else yield* decoder.push(piece);
      }
    } catch (cause) {
      if (cause instanceof ServiceError) throw cause;
      throw incomplete(cause);
    }
  }
}

function incomplete(cause?: unknown): ServiceError {
  return new ServiceError(
    400,
    'IncompleteBody',
    'You did not provide the number of bytes specified by the Content-Length HTTP header',
    { cause },
  );
}

/** Checksums in headers, and those that `x-amz-trailer` announces. */
function announcedChecksums(headers: Readonly<Record<string, string>>): Announced[] {
  const found: Announced[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const algorithm = checksumOfHeader(name);
    if (algorithm === null) continue;
    if (Buffer.from(value, 'base64').length !== DIGEST_BYTES[algorithm])
      throw new ServiceError(400, 'InvalidRequest', `Value for x-amz-checksum-${algorithm} header is invalid.`);
    found.push({ algorithm, value });
  }
  for (const name of headers['x-amz-trailer']?.split(',') ?? []) {
    const algorithm = checksumOfHeader(name.trim().toLowerCase());
    if (algorithm !== null) found.push({ algorithm, value: null });
  }
  return found;
}

function check(seen: {
  headers: Readonly<Record<string, string>>;
  sha256: string | null;
  sha: Hash | null;
  md5: Hash | null;
  others: readonly { readonly announced: Announced; readonly sum: Checksum | null }[];
  trailers: ReadonlyMap<string, string>;
}): BodyDigests {
  const sha256 = seen.sha?.digest();
  const md5 = seen.md5?.digest();
  if (seen.sha256 !== null && sha256?.toString('hex') !== seen.sha256)
    throw new ServiceError(
      400,
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
      { fields: { ClientComputedContentSHA256: seen.sha256, S3ComputedContentSHA256: sha256?.toString('hex') ?? '' } },
    );
  checkMd5(seen.headers['content-md5'], md5);
  const checksums: Record<string, string> = {};
  for (const { announced, sum } of seen.others) {
    const { algorithm } = announced;
    const expected = announced.value ?? seen.trailers.get(`x-amz-checksum-${algorithm}`);
    const found = Buffer.from(sum?.digest() ?? (sha256 as Uint8Array)).toString('base64');
    if (expected === undefined)
      throw new ServiceError(
        400,
        'MalformedTrailerError',
        'The request contained trailing data that was not well-formed.',
      );
    if (expected !== found)
      throw new ServiceError(
        400,
        'BadDigest',
        `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
      );
    checksums[algorithm] = found;
  }
  return { ...(md5 === undefined ? {} : { md5 }), ...(sha256 === undefined ? {} : { sha256 }), checksums };
}

function checkMd5(header: string | undefined, md5: Uint8Array | undefined): void {
  if (header === undefined || md5 === undefined) return;
  if (Buffer.from(header, 'base64').length !== 16)
    throw new ServiceError(400, 'InvalidDigest', 'The Content-MD5 you specified is not valid.');
  if (Buffer.from(md5).toString('base64') !== header)
    throw new ServiceError(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.', {
      fields: { ExpectedDigest: header, CalculatedDigest: Buffer.from(md5).toString('base64') },
    });
}
