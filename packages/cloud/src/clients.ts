/**
 * AWS SDK clients, made when they are first asked for. Credentials, profiles, SSO, regions and endpoints are those of
 * the SDK's own provider chain, exactly as in the AWS CLI. Every call fails with a HostarkError (see aws-error.ts).
 */
import type { EC2Client } from '@aws-sdk/client-ec2';
import type { IAMClient } from '@aws-sdk/client-iam';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SSMClient } from '@aws-sdk/client-ssm';

/** One call to the cloud as observers see it: `retry` is 0 for the first attempt. */
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

/** Makes clients. Throws 'cloud-auth' when no region can be found. */
export function awsClients(options: CloudOptions = {}): Promise<AwsClients> {
  throw new Error(`not implemented: ${options.region}`);
}
