/** Where the requests for a bucket go: endpoint, host header, and whether the bucket is in the host or in the path. Pure. */
import { isIP } from 'node:net';
import { amazonHost, type S3Location } from './location.ts';

export interface Addressing {
  /** The region that requests are signed for. */
  readonly region: string;
  /** 'auto': dns for Amazon, path for others. */
  readonly lookup: 'auto' | 'dns' | 'path';
  /** Whether Amazon's endpoint of the region replaces the one in the location: the bucket turned out to live there. */
  readonly moved: boolean;
}

export interface Address {
  readonly tls: boolean;
  /** What to connect to, without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Host header: with the port where it is not the scheme's own. */
  readonly host: string;
  /** What comes before keys in paths: '' when the host names the bucket, else `/BUCKET`. */
  readonly root: string;
}

/** Returns where requests for the location's bucket go. */
export function addressOf(location: S3Location, addressing: Addressing): Address {
  const url = new URL(endpointOf(location, addressing));
  const tls = url.protocol === 'https:';
  const port = Number(url.port) || (tls ? 443 : 80);
  const { bucket } = location;
  if (!namesBucketInHost(location, addressing.lookup, url.hostname))
    return { tls, port, hostname: url.hostname.replace(/^\[|\]$/g, ''), host: url.host, root: `/${bucket}` };
  return { tls, port, hostname: `${bucket}.${url.hostname}`, host: `${bucket}.${url.host}`, root: '' };
}

function endpointOf({ tls, host }: S3Location, { region, moved }: Addressing): string {
  const amazon = amazonHost(host);
  // The global name signs for us-east-1 only, and a redirect means that the named region was wrong.
  if (amazon !== null && (amazon.region === null || moved)) return `https://s3.${region}.${amazon.domain}`;
  return `${tls ? 'https' : 'http'}://${host}`;
}

/** A name with dots does not fit Amazon's certificates, and one with other characters, or an address, is no host name. */
function namesBucketInHost({ tls, host, bucket }: S3Location, lookup: Addressing['lookup'], endpoint: string): boolean {
  const wanted = lookup === 'auto' ? amazonHost(host) !== null : lookup === 'dns';
  const fits = tls ? /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/ : /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
  return wanted && fits.test(bucket) && isIP(endpoint.replace(/^\[|\]$/g, '')) === 0;
}
