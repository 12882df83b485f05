/**
 * Sends S3 requests to one bucket in one region: signed by what the credentials say now, answered as bytes, refused as
 * S3Refusal. A request is sent a second time where the first try says nothing about the next: the connection broke (one that
 * rested may have been closed at the other side), S3 had a bad moment, or our clock was wrong and the answer says by how much.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pace } from '../../backend.ts';
import type { Coherence } from './coherence.ts';
import type { CredentialKeeper } from './credentials.ts';
import { type Answer, BrokenAnswer, type Room } from './http/answer.ts';
import type { HttpClient } from './http/client.ts';
import type { Origin } from './http/socket.ts';
import { EMPTY_PAYLOAD, encodePath, Signer } from './sign.ts';
import { readErrorDocument } from './xml.ts';

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** Key in the bucket, or '' for the bucket itself. */
  readonly key: string;
  readonly query?: readonly (readonly [name: string, value: string])[];
  /** Names in lower case. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Borrowed until the request has settled. `sha256` is the digest of all parts together, in hex. */
  readonly body?: { readonly parts: readonly Uint8Array[]; readonly sha256: string };
  /** Memory for the body of a good answer; may throw to refuse it. */
  readonly room?: Room;
  /** Holds back the body that is sent, or else the one that is read. */
  readonly pace?: Pace | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** S3 answered, and it is no success. */
export class S3Refusal extends Error {
  readonly status: number;
  /** Where the bucket lives, if the answer says so. */
  readonly region: string | null;

  constructor(code: string, message: string, status: number, region: string | null) {
    super(message);
    this.name = code;
    this.status = status;
    this.region = region;
  }
}

export interface S3ClientOptions {
  readonly http: HttpClient;
  readonly credentials: CredentialKeeper;
  readonly origin: Origin;
  /** What requests are addressed to: name and, unless it is the scheme's own, port. */
  readonly host: string;
  /** '' when the host names the bucket, else `/BUCKET`. */
  readonly root: string;
  readonly region: string;
  /** Told of every answer. */
  readonly coherence: Coherence;
}

/** Shows in access logs. */
const USER_AGENT = 'hostark';
/** Bad moments that are over at once, more often than not. */
const MOMENTARY: ReadonlySet<number> = new Set([500, 502, 503, 504]);
/** Longest wait before the second try; the actual one is random, so that many do not come back together. */
const SECOND_TRY_MS = 100;
const BROKEN: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

export class S3Client {
  readonly region: string;
  readonly #options: S3ClientOptions;
  readonly #signer: Signer;
  /** What must be added to this machine's clock. */
  #clockOffsetMs = 0;

  constructor(options: S3ClientOptions) {
    this.region = options.region;
    this.#options = options;
    this.#signer = new Signer(options.region);
  }

  /** Returns the answer with a status below 300. Rejects with S3Refusal, the network's error, or the signal's reason. */
  async send(request: S3Request): Promise<Answer> {
    try {
      return await this.#try(request, false);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!isWorthASecondTry(error)) throw error;
      if (error instanceof S3Refusal && MOMENTARY.has(error.status)) await sleep(Math.random() * SECOND_TRY_MS);
      request.signal?.throwIfAborted();
      return await this.#try(request, true);
    }
  }

  async #try(request: S3Request, anew: boolean): Promise<Answer> {
    const { http, credentials, origin, host, root, coherence } = this.#options;
    const { method, body, room, pace, signal } = request;
    const unsigned = {
      method,
      host,
      path: encodePath(`${root}/${request.key}`),
      query: request.query ?? [],
      headers: request.headers ?? [],
      payload: body?.sha256 ?? EMPTY_PAYLOAD,
    };
    const now = new Date(Date.now() + this.#clockOffsetMs);
    const signed = this.#signer.sign(unsigned, await credentials.get(), now);
    const { target } = signed;
    const headers = [...signed.headers, ['user-agent', USER_AGENT] as const];
    // Only what was asked for is worth the caller's memory, and only that may be refused by it.
    const roomFor: Room = (head, length) => (isGood(head.status) ? (room?.(head, length) ?? null) : null);
    const parts = body?.parts ?? (method === 'PUT' ? [] : null);
    const sent = { method, target, headers, body: parts, room: roomFor, pace, signal };
    const answer = await http.request(origin, sent, anew);
    coherence.saw(answer.headers);
    if (isGood(answer.status)) return answer;
    throw this.#refusal(method, answer);
  }

  #refusal(method: string, answer: Answer): S3Refusal {
    const { code, message, region } = readErrorDocument(answer.body);
    if (code === 'RequestTimeTooSkewed') this.#setClock(answer.headers.get('date'));
    const said = answer.headers.get('x-amz-bucket-region') ?? region;
    const name = code === '' ? `HTTP ${answer.status}` : code;
    return new S3Refusal(name, message || `${method}: ${name}`, answer.status, said === '' ? null : said);
  }

  #setClock(date: string | undefined): void {
    const server = Date.parse(date ?? '');
    if (!Number.isNaN(server)) this.#clockOffsetMs = server - Date.now();
  }
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

function isWorthASecondTry(error: unknown): boolean {
  if (error instanceof S3Refusal) return MOMENTARY.has(error.status) || error.name === 'RequestTimeTooSkewed';
  if (error instanceof BrokenAnswer) return true;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && BROKEN.has(code);
}
