/**
 * The `aws-chunked` coding of bodies: `SIZE[;chunk-signature=HEX]CRLF bytes CRLF`, a chunk of size 0, then trailing
 * headers (S3 API reference, "Signature calculations for the Authorization header: transferring payload in multiple
 * chunks"). Bytes come in at any cut; data comes out as views into them.
 */
import { createHash, type Hash } from 'node:crypto';
import type { ChunkSigner } from '../auth/verify.ts';
import { ServiceError } from './service-error.ts';

/** Longer lines are no chunk headers and no trailers. */
const MAX_LINE = 4096;

type State = 'header' | 'data' | 'data-end' | 'trailer' | 'done';

export class AwsChunkedDecoder {
  /** Trailing headers, lower-case names; complete when `done`. */
  readonly trailers: Map<string, string> = new Map<string, string>();
  readonly #signer: ChunkSigner | null;
  #state: State = 'header';
  #line = '';
  #left = 0;
  #signature = '';
  #hash: Hash | null = null;
  #trailerText = '';

  /** `signer` checks the signature of each chunk; null for unsigned chunks. */
  constructor(signer: ChunkSigner | null) {
    this.#signer = signer;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Data bytes of this piece of the body. Throws ServiceError when the coding or a chunk's signature is wrong. */
  *push(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    let at = 0;
    while (at < piece.length) {
      if (this.#state === 'done') throw malformed('bytes after the last chunk');
      if (this.#state === 'data') {
        const take = Math.min(this.#left, piece.length - at);
        const data = piece.subarray(at, at + take);
        this.#hash?.update(data);
        at += take;
        this.#left -= take;
        if (this.#left === 0) {
          this.#checkChunk();
          this.#state = 'data-end';
        }
        yield data;
        continue;
      }
      const end = piece.indexOf(0x0a, at);
      const stop = end < 0 ? piece.length : end + 1;
      this.#line += Buffer.from(piece.buffer, piece.byteOffset + at, stop - at).toString('latin1');
      at = stop;
      if (this.#line.length > MAX_LINE) throw malformed('line too long');
      if (end >= 0) {
        const line = this.#line.replace(/\r?\n$/, '');
        this.#line = '';
        this.#takeLine(line);
      }
    }
  }

  #takeLine(line: string): void {
    if (this.#state === 'data-end') {
      if (line !== '') throw malformed('chunk longer than announced');
      this.#state = 'header';
    } else if (this.#state === 'header') {
      const [, size, signature] = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line) ?? [];
      if (size === undefined) throw malformed('bad chunk header');
      if (this.#signer !== null && signature === undefined) throw malformed('chunk without a signature');
      this.#signature = signature ?? '';
      this.#left = Number.parseInt(size, 16);
      this.#hash = this.#signer === null ? null : createHash('sha256');
      this.#state = 'data';
      if (this.#left === 0) {
        this.#checkChunk();
        this.#state = 'trailer';
      }
    } else if (line === '') {
      this.#state = 'done';
    } else {
      this.#takeTrailer(line);
    }
  }

  #takeTrailer(line: string): void {
    const at = line.indexOf(':');
    if (at < 1) throw malformed('bad trailing header');
    const name = line.slice(0, at).trim().toLowerCase();
    const value = line.slice(at + 1).trim();
    if (name === 'x-amz-trailer-signature') {
      if (this.#signer === null) return;
      const hash = createHash('sha256').update(this.#trailerText, 'latin1').digest('hex');
      if (this.#signer.trailer(hash) !== value) throw mismatch();
      return;
    }
    this.#trailerText += `${name}:${value}\n`;
    this.trailers.set(name, value);
  }

  #checkChunk(): void {
    if (this.#signer === null || this.#hash === null) return;
    if (this.#signer.chunk(this.#hash.digest('hex')) !== this.#signature) throw mismatch();
  }
}

function malformed(what: string): ServiceError {
  return new ServiceError(400, 'IncompleteBody', `The request body is not properly aws-chunked: ${what}.`);
}

function mismatch(): ServiceError {
  return new ServiceError(
    403,
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided for a chunk of the body.',
  );
}
