/**
 * AWS SDK clients, made when they are first asked for. Credentials, profiles, SSO, regions and endpoints are those of
 * the SDK's own provider chain, exactly as in the AWS CLI. Every call fails with a HostarkError (see aws-error.ts).
 */

import type { EC2Client } from '@aws-sdk/client-ec2';
import type { IAMClient } from '@aws-sdk/client-iam';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SSMClient } from '@aws-sdk/client-ssm';
import { HostarkError } from '@hostark/protocol';
import { cloudError } from './aws-error.ts';

/** One call to the cloud as observers see it. */
export interface CloudCall {
  readonly service: 'ec2' | 'iam' | 's3' | 'ssm' | 'sts';
  readonly operation: string;
}

/** Looks at every call (once, whatever its retries); an exception thrown here ends the call with it. */
export interface CallObserver {
  before?(call: CloudCall): void;
  after?(call: CloudCall): void;
}

export interface CloudOptions {
  /** A profile of the AWS configuration files; default: the chain's choice. */
  readonly profile?: string;
  readonly region?: string;
  /** One endpoint for all services; default: the chain's choice (`AWS_ENDPOINT_URL`, profile), then AWS. */
  readonly endpoint?: string;
  /** Used instead of the provider chain. Secret. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** Attempts per call, the first included. Default 6. */
  readonly maxAttempts?: number;
  readonly observer?: CallObserver;
}

/** Who the credentials belong to. */
export interface CallerIdentity {
  readonly account: string;
  readonly arn: string;
}

export interface AwsClients {
  readonly region: string;
  /** The endpoint in use when it is not AWS's own, else null. */
  readonly endpoint: string | null;
  /** The partition of ARNs: 'aws', 'aws-cn', 'aws-us-gov'. */
  readonly partition: string;
  /** Asks STS once and remembers. Throws 'cloud-auth' when there are no usable credentials. */
  caller(): Promise<CallerIdentity>;
  /** A client for a bucket's region; default: the clients' own region. */
  s3(region?: string): Promise<S3Client>;
  ec2(): Promise<EC2Client>;
  iam(): Promise<IAMClient>;
  ssm(): Promise<SSMClient>;
  /** Closes idle connections. */
  close(): void;
}

/** What all SDK clients are made with. */
interface ClientSettings {
  readonly region?: string;
  readonly profile?: string;
  readonly endpoint?: string;
  readonly credentials?: NonNullable<CloudOptions['credentials']>;
  readonly maxAttempts: number;
  readonly retryMode: string;
  readonly requestHandler: { readonly connectionTimeout: number; readonly requestTimeout: number };
}

/** Makes clients. Throws 'cloud-auth' when no region can be found. */
export async function awsClients(options: CloudOptions = {}): Promise<AwsClients> {
  const settings: ClientSettings = {
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    maxAttempts: options.maxAttempts ?? 6,
    retryMode: 'standard',
    requestHandler: { connectionTimeout: 10_000, requestTimeout: 120_000 },
  };
  const open: { destroy(): void }[] = [];
  const adopt = <C extends SdkClient>(client: C, service: CloudCall['service']): C => {
    observe(client, service, options.observer);
    open.push(client);
    return client;
  };
  const { STSClient, GetCallerIdentityCommand } = await import('@aws-sdk/client-sts');
  const sts = new STSClient(settings);
  const region = await regionOf(sts.config.region);
  const where = await endpointOf(new GetCallerIdentityCommand({}), (command) => sts.send(command));
  adopt(sts, 'sts'); // after the question above, which is no call
  const s3 = lazyByKey(async (bucketRegion: string) => {
    const { S3Client, ListBucketsCommand } = await import('@aws-sdk/client-s3');
    const client = new S3Client({
      ...settings,
      region: bucketRegion,
      // S3 gets SHA-256 checksums from us where they matter; the default CRC32 would hash every body twice.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    const endpoint = await endpointOf(new ListBucketsCommand({}), (command) => client.send(command));
    // Endpoints of others rarely have wildcard names, so the bucket goes into the path. Read at each request.
    if (!isAmazon(endpoint)) client.config.forcePathStyle = true;
    return adopt(client, 's3');
  });
  const once = lazyByKey(async (service: 'ec2' | 'iam' | 'ssm') => await serviceClient(service, settings, adopt));
  let identity: Promise<CallerIdentity> | null = null;
  return {
    region,
    endpoint: isAmazon(where) ? null : where.origin,
    partition: partitionOf(region),
    caller(): Promise<CallerIdentity> {
      identity ??= sts
        .send(new GetCallerIdentityCommand({}))
        .then(({ Account, Arn }) => ({ account: Account ?? '', arn: Arn ?? '' }));
      identity.catch(() => {
        identity = null; // a later call may succeed, e.g. after signing in again
      });
      return identity;
    },
    s3: (bucketRegion = region) => s3(bucketRegion),
    ec2: async () => (await once('ec2')) as EC2Client,
    iam: async () => (await once('iam')) as IAMClient,
    ssm: async () => (await once('ssm')) as SSMClient,
    close(): void {
      for (const client of open.splice(0)) client.destroy();
    },
  };
}

type Adopt = <C extends SdkClient>(client: C, service: CloudCall['service']) => C;

async function serviceClient(
  service: 'ec2' | 'iam' | 'ssm',
  settings: ClientSettings,
  adopt: Adopt,
): Promise<EC2Client | IAMClient | SSMClient> {
  if (service === 'ec2') return adopt(new (await import('@aws-sdk/client-ec2')).EC2Client(settings), 'ec2');
  if (service === 'iam') return adopt(new (await import('@aws-sdk/client-iam')).IAMClient(settings), 'iam');
  return adopt(new (await import('@aws-sdk/client-ssm')).SSMClient(settings), 'ssm');
}

/** Makes each value once, also for callers that ask at the same time. */
function lazyByKey<K, V>(make: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const made = new Map<K, Promise<V>>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}

type Handler = (args: never) => Promise<never>;
type Middleware = (
  next: Handler,
  context: { readonly commandName?: string; readonly endpointV2?: { readonly url: URL } },
) => Handler;

/** The parts that all SDK clients and commands share; their own types differ per service. */
interface SdkClient {
  readonly middlewareStack: unknown;
  destroy(): void;
}

/** Adds the observer and the error mapping around everything the SDK does for a call, its retries included. */
function observe(client: SdkClient, service: CloudCall['service'], observer: CallObserver | undefined): void {
  const middleware: Middleware = (next, context) => async (args) => {
    const operation = (context.commandName ?? '').replace(/Command$/, '');
    observer?.before?.({ service, operation });
    let answer: never;
    try {
      answer = await next(args);
    } catch (error) {
      throw cloudError(service, operation, error);
    }
    observer?.after?.({ service, operation });
    return answer;
  };
  addMiddleware(client, middleware, { step: 'initialize', priority: 'high', name: 'hostarkObserver' });
}

function addMiddleware(target: { readonly middlewareStack: unknown }, middleware: Middleware, options: object): void {
  (target.middlewareStack as { add(middleware: Middleware, options: object): void }).add(middleware, options);
}

class EndpointFound extends Error {
  readonly url: URL;
  constructor(url: URL) {
    super('endpoint found');
    this.url = url;
  }
}

/** Lets the SDK resolve the endpoint of a command exactly as it would, and stops before anything is signed or sent. */
async function endpointOf<C extends { readonly middlewareStack: unknown }>(
  command: C,
  send: (command: C) => Promise<unknown>,
): Promise<URL> {
  const stop: Middleware = (_next, context) => async () => {
    throw new EndpointFound(context.endpointV2?.url ?? new URL('https://amazonaws.com'));
  };
  addMiddleware(command, stop, { step: 'serialize', priority: 'low', name: 'hostarkEndpoint' });
  try {
    await send(command);
  } catch (error) {
    const found = error instanceof HostarkError ? error.cause : error;
    if (found instanceof EndpointFound) return found.url;
    throw configurationError(error);
  }
  throw new Error('unreachable: the command was stopped before it was sent');
}

/** The SDK looks for credentials on the way to an endpoint, before the clients' own error mapping is reached. */
function configurationError(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_INVALID_URL') return cloudError('sts', 'GetCallerIdentity', error);
  const { input } = error as { input?: string };
  return new HostarkError('usage', `endpoint: expected a URL, got ${JSON.stringify(input ?? '')}`, {
    hint: 'check --endpoint, AWS_ENDPOINT_URL and the profile; an endpoint looks like https://s3.example.org',
    cause: error,
  });
}

async function regionOf(ask: () => Promise<string>): Promise<string> {
  try {
    return await ask();
  } catch (cause) {
    throw new HostarkError('cloud-auth', 'expected an AWS region, found none', {
      hint: 'give --region, set AWS_REGION, or put region into the profile in ~/.aws/config',
      cause,
    });
  }
}

function isAmazon(url: URL): boolean {
  return /(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$/.test(url.hostname);
}

function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
