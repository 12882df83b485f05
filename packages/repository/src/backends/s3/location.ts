/**
 * S3 locations as restic writes them: `s3:HOST/BUCKET/PREFIX`, `s3://HOST/BUCKET/PREFIX`, `s3:https://HOST:PORT/BUCKET/PREFIX`,
 * `s3:http://…`. The host always comes first, also where other tools put the bucket; so an endpoint in the environment never
 * changes what a location means.
 */
import { HostarkError } from '@hostark/protocol';

export interface S3Location {
  /** False only for `s3:http://`. */
  readonly tls: boolean;
  /** Host name or address with an optional `:port`. */
  readonly host: string;
  readonly bucket: string;
  /** Folder inside the bucket, without slashes at its ends; '' is the bucket itself. */
  readonly prefix: string;
}

/** Returns true if `location` is meant for S3. */
export function isS3Location(location: string): boolean {
  return location.startsWith('s3:');
}

/** Parses a location. Throws 'usage' when it is not one; never repeats what may be a secret. */
export function parseS3Location(location: string): S3Location {
  const rest = location.replace(/^s3:(\/\/)?/, '');
  const scheme = /^(https?):\/\//.exec(rest);
  const [host = '', bucket = '', ...path] = rest.slice(scheme?.[0].length ?? 0).split('/');
  if (host.includes('@')) {
    throw malformed(
      'credentials do not belong into a location',
      'use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
    );
  }
  if (/[?#]/.test(rest)) throw malformed('a location has no query and no fragment', EXAMPLE);
  if (!/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/.test(host)) {
    throw malformed(`expected a host first, got ${JSON.stringify(host)}`, EXAMPLE);
  }
  if (bucket === '') throw malformed(`expected a bucket after the host ${host}`, EXAMPLE);
  return { tls: scheme?.[1] !== 'http', host, bucket, prefix: cleanPath(path) };
}

/** Returns the location in its full form. */
export function printS3Location(location: S3Location): string {
  const path = location.prefix === '' ? location.bucket : `${location.bucket}/${location.prefix}`;
  return `s3:${location.tls ? 'https' : 'http'}://${location.host}/${path}`;
}

/** The parts of one of Amazon's own S3 host names. */
export interface AmazonHost {
  /** null for the global name `s3.amazonaws.com`. */
  readonly region: string | null;
  /** 'amazonaws.com' or that of another partition. */
  readonly domain: string;
}

/** Returns what an Amazon host name says, or null for any other endpoint. */
export function amazonHost(host: string): AmazonHost | null {
  const match =
    /^s3(?:-fips)?(?:\.dualstack)?(?:[.-]([a-z]{2}(?:-[a-z]+)+-\d+))?\.(amazonaws\.com(?:\.cn)?)(?::443)?$/.exec(
      host.toLowerCase(),
    );
  return match === null ? null : { region: match[1] ?? null, domain: match[2] ?? 'amazonaws.com' };
}

const EXAMPLE =
  'write s3:https://HOST/BUCKET/PREFIX, for example s3:s3.eu-central-1.amazonaws.com/my-backups/hosts/web-1';

function malformed(problem: string, hint: string): HostarkError {
  return new HostarkError('usage', `not an S3 location: ${problem}`, { hint });
}

/** As restic's path.Clean: no empty parts, no '.', '..' goes up but not out. */
function cleanPath(parts: readonly string[]): string {
  const clean: string[] = [];
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    if (part === '..') clean.pop();
    else clean.push(part);
  }
  return clean.join('/');
}
