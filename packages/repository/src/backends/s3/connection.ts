/**
 * One connection to a bucket, in the bucket's own region. The region is the configured one, or what the host name says, or
 * what the bucket answers; a redirect corrects it.
 */
import { rootCertificates } from 'node:tls';
import type { Handle } from '../../backend.ts';
import { addressOf } from './address.ts';
import { S3Client, S3Refusal } from './client.ts';
import { Coherence } from './coherence.ts';
import { CredentialKeeper, type CredentialSource, credentialSource } from './credentials.ts';
import { describeFailure, s3Error } from './errors.ts';
import { HttpClient } from './http/client.ts';
import { amazonHost, printS3Location, type S3Location } from './location.ts';
import type { S3Credentials } from './sign.ts';

export interface S3Access {
  /** Skips discovery. A wrong one is corrected by the bucket's answer. */
  readonly region?: string;
  /** Named profile of the shared AWS configuration. Default: the SDK's provider chain decides. */
  readonly profile?: string;
  /** Fixed credentials, or a function that is asked again when they expire. Default: the SDK's provider chain. */
  readonly credentials?: S3Credentials | CredentialSource;
  /** `dns` puts the bucket into the host name. @default 'auto': dns for Amazon, path for others */
  readonly bucketLookup?: 'auto' | 'dns' | 'path';
  /** PEM certificates to trust besides the built-in ones. */
  readonly certificates?: string;
}

/** A socket on which nothing moves for this long is given up; the request is tried again. */
const SILENCE_MS = 120_000;
const CONNECT_MS = 15_000;

export class S3Connection {
  readonly location: S3Location;
  readonly printed: string;
  readonly #access: S3Access;
  readonly #http: HttpClient;
  readonly #authorities: readonly string[] | undefined;
  /** What the answers say of the store. */
  readonly coherence: Coherence = new Coherence();
  #credentials: CredentialKeeper | null = null;
  #region: string | null;
  /** Set after a redirect: Amazon's endpoint of the bucket's region replaces the one in the location. */
  #moved = false;
  #open: Promise<S3Client> | null = null;
  #answered = false;

  constructor(location: S3Location, access: S3Access, connections: number) {
    this.location = location;
    this.printed = printS3Location(location);
    this.#access = access;
    this.#region = access.region ?? amazonHost(location.host)?.region ?? null;
    // Locks and lists come on top of the limited requests, and must not queue behind them.
    this.#http = new HttpClient({ maxSockets: 2 * connections + 8, connectMs: CONNECT_MS, silenceMs: SILENCE_MS });
    // Naming authorities replaces Node's own list, so that is named too.
    this.#authorities = access.certificates === undefined ? undefined : [...rootCertificates, access.certificates];
  }

  /**
   * Runs `request` with the client; once more if the bucket turns out to live in another region. Rejects with a
   * HostarkError, or with the signal's reason when it was aborted. `action` and `handle` name it in errors.
   */
  async run<T>(
    action: string,
    handle: Handle | null,
    request: (client: S3Client) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      const client = await this.#client();
      try {
        const result = await request(client);
        this.#answered = true;
        return result;
      } catch (error) {
        signal?.throwIfAborted();
        const failure = describeFailure(error);
        this.#answered ||= failure.status !== 0;
        if (!this.#moveTo(failure.region, failure.status, client.region)) throw error;
        return await request(await this.#client());
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw this.error(error, action, handle);
    }
  }

  /** Returns the error to throw for a failure at this bucket. */
  error(error: unknown, action: string, handle: Handle | null): unknown {
    const { bucket, host } = this.location;
    return s3Error(error, { action, location: this.printed, bucket, host, handle, answered: this.#answered });
  }

  /** Closes the sockets. */
  async close(): Promise<void> {
    this.#http.close();
  }

  /** Takes over the region that an answer named. Returns whether the request, sent to `from`, is worth repeating there. */
  #moveTo(region: string | null, status: number, from: string): boolean {
    const redirected = status === 301 || status === 307 || status === 400;
    if (region === null || !redirected || region === from) return false;
    // Others may have been redirected at the same time; the first one's new client serves all.
    if (region === this.#region) return true;
    this.#region = region;
    this.#moved = true;
    this.#open = null;
    return true;
  }

  #client(): Promise<S3Client> {
    this.#open ??= this.#connect().catch((error) => {
      this.#open = null;
      throw error;
    });
    return this.#open;
  }

  async #connect(): Promise<S3Client> {
    if (this.#region === null && amazonHost(this.location.host) !== null) this.#region = await this.#discoverRegion();
    return this.#newClient(this.#region ?? 'us-east-1');
  }

  /** Asks the global endpoint; the answer names the region even when it denies the request. */
  async #discoverRegion(): Promise<string> {
    try {
      const answer = await this.#newClient('us-east-1').send({ method: 'HEAD', key: '' });
      return answer.headers.get('x-amz-bucket-region') ?? 'us-east-1';
    } catch (error) {
      if (!(error instanceof S3Refusal)) throw error;
      if (error.region !== null) return error.region;
      // No name, but an answer: the first real request says better what is wrong.
      if (error.status !== 404) return 'us-east-1';
      throw error;
    }
  }

  #newClient(region: string): S3Client {
    const { profile, credentials } = this.#access;
    this.#credentials ??= new CredentialKeeper(credentialSource(credentials, profile, region));
    const { bucketLookup: lookup = 'auto' } = this.#access;
    const { tls, hostname, port, host, root } = addressOf(this.location, { region, lookup, moved: this.#moved });
    const authorities = this.#authorities === undefined ? {} : { authorities: this.#authorities };
    return new S3Client({
      http: this.#http,
      credentials: this.#credentials,
      origin: { tls, hostname, port, ...authorities },
      host,
      root,
      region,
      coherence: this.coherence,
    });
  }
}
