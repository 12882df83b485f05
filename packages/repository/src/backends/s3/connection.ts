/**
 * One connection to a bucket: the SDK client, loaded when first needed (its import costs 90 ms), in the bucket's own region.
 * The region is the configured one, or what the host name says, or what the bucket answers; a redirect corrects it.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { rootCertificates } from 'node:tls';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Handle } from '../../backend.ts';
import { describeFailure, s3Error } from './errors.ts';
import { amazonHost, printS3Location, type S3Location } from './location.ts';

/** The SDK's module, as `import()` gives it. */
export type S3Sdk = typeof import('@aws-sdk/client-s3');

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface S3Access {
  /** Skips discovery. A wrong one is corrected by the bucket's answer. */
  readonly region?: string;
  /** Named profile of the shared AWS configuration. Default: the SDK's provider chain decides. */
  readonly profile?: string;
  /** Fixed credentials, or a function that is asked again when they expire. Default: the SDK's provider chain. */
  readonly credentials?: S3Credentials | (() => Promise<S3Credentials & { readonly expiration?: Date }>);
  /** `dns` puts the bucket into the host name. @default 'auto': dns for Amazon, path for others */
  readonly bucketLookup?: 'auto' | 'dns' | 'path';
  /** PEM certificates to trust besides the built-in ones. */
  readonly certificates?: string;
}

/** A socket on which nothing moves for this long is given up; the request is tried again. */
const SILENCE_MS = 120_000;
const CONNECT_MS = 15_000;
/** The retrying decorator waits long; here only a broken keep-alive connection is worth a second try. */
const SDK_ATTEMPTS = 2;

/** A live connection: the SDK and a client of it. */
export interface OpenClient {
  readonly sdk: S3Sdk;
  readonly client: S3Client;
  /** The region this client signs for. */
  readonly region: string;
}

/** The SDK writes to the console unless it is given something else. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

export class S3Connection {
  readonly location: S3Location;
  readonly printed: string;
  readonly #access: S3Access;
  readonly #agents: { http: HttpAgent; https: HttpsAgent };
  #region: string | null;
  /** Set after a redirect: Amazon's endpoint of the bucket's region replaces the one in the location. */
  #moved = false;
  #open: Promise<OpenClient> | null = null;
  #answered = false;

  constructor(location: S3Location, access: S3Access, connections: number) {
    this.location = location;
    this.printed = printS3Location(location);
    this.#access = access;
    this.#region = access.region ?? amazonHost(location.host)?.region ?? null;
    // Locks and lists come on top of the limited requests, and must not queue behind them.
    const options = { keepAlive: true, maxSockets: 2 * connections + 8, scheduling: 'lifo' as const };
    // Naming authorities replaces Node's own list, so that is named too.
    const ca = access.certificates === undefined ? {} : { ca: [...rootCertificates, access.certificates] };
    this.#agents = { http: new HttpAgent(options), https: new HttpsAgent({ ...options, ...ca }) };
  }

  /**
   * Runs `request` with the client; once more if the bucket turns out to live in another region. Rejects with a
   * HostarkError, or with the signal's reason when it was aborted. `action` and `handle` name it in errors.
   */
  async run<T>(
    action: string,
    handle: Handle | null,
    request: (open: OpenClient) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      const open = await this.#client();
      try {
        const result = await request(open);
        this.#answered = true;
        return result;
      } catch (error) {
        signal?.throwIfAborted();
        const failure = describeFailure(error);
        this.#answered ||= failure.status !== 0;
        if (!this.#moveTo(failure.region, failure.status, open.region)) throw error;
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

  /** Closes the sockets. Clients hold nothing else, and destroying one would close those of the others. */
  async close(): Promise<void> {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
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

  #client(): Promise<OpenClient> {
    this.#open ??= this.#connect().catch((error) => {
      this.#open = null;
      throw error;
    });
    return this.#open;
  }

  async #connect(): Promise<OpenClient> {
    const sdk = await import('@aws-sdk/client-s3');
    if (this.#region === null && amazonHost(this.location.host) !== null)
      this.#region = await this.#discoverRegion(sdk);
    const region = this.#region ?? 'us-east-1';
    return { sdk, client: this.#newClient(sdk, region), region };
  }

  /** Asks the global endpoint; the answer names the region even when it denies the request. */
  async #discoverRegion(sdk: S3Sdk): Promise<string> {
    const client = this.#newClient(sdk, 'us-east-1');
    try {
      const answer = await client.send(new sdk.HeadBucketCommand({ Bucket: this.location.bucket }));
      return answer.BucketRegion ?? 'us-east-1';
    } catch (error) {
      const { region, status } = describeFailure(error);
      if (region !== null) return region;
      // No name, but an answer: the first real request says better what is wrong.
      if (status !== 0 && status !== 404) return 'us-east-1';
      throw error;
    }
  }

  #newClient(sdk: S3Sdk, region: string): S3Client {
    const { profile, credentials } = this.#access;
    return new sdk.S3Client({
      region,
      endpoint: this.#endpoint(region),
      forcePathStyle: this.#usesPathStyle(),
      // Said here, because the environment's wish for other Amazon endpoints contradicts an explicit one.
      useDualstackEndpoint: false,
      useFipsEndpoint: false,
      logger: SILENT,
      maxAttempts: SDK_ATTEMPTS,
      // We name the SHA-256 of every body ourselves and verify what we read by its name or MAC.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Waiting for "100 Continue" costs a round trip a pack, and a connection: the SDK opens a new one for it.
      expectContinueHeader: false,
      followRegionRedirects: false,
      requestHandler: {
        httpAgent: this.#agents.http,
        httpsAgent: this.#agents.https,
        connectionTimeout: CONNECT_MS,
        socketTimeout: SILENCE_MS,
      },
      ...(profile === undefined ? {} : { profile }),
      ...(credentials === undefined ? {} : { credentials }),
    });
  }

  #endpoint(region: string): string {
    const amazon = amazonHost(this.location.host);
    // The global name signs for us-east-1 only, and a redirect means that the named region was wrong.
    if (amazon !== null && (amazon.region === null || this.#moved)) return `https://s3.${region}.${amazon.domain}`;
    return `${this.location.tls ? 'https' : 'http'}://${this.location.host}`;
  }

  #usesPathStyle(): boolean {
    const lookup = this.#access.bucketLookup ?? 'auto';
    return lookup === 'auto' ? amazonHost(this.location.host) === null : lookup === 'path';
  }
}
