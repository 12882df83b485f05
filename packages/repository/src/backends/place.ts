/** What a location that a user writes names: a folder, or a place in S3. */
import { HostarkError } from '@hostark/protocol';
import { isS3Location, parseS3Location, printS3Location } from './s3/location.ts';

/** Which kind of place a location names. */
export type Place =
  | { readonly kind: 'local'; readonly path: string; readonly printed: string }
  | { readonly kind: 's3'; readonly location: string; readonly printed: string };

/** Other restic backends; refused by name, so that nobody gets a folder called `sftp:host`. */
const FOREIGN = new Set(['sftp', 'rest', 'b2', 'azure', 'gs', 'swift', 'rclone']);

/** Says what a location names, without touching it. Throws 'usage' for what we cannot use. */
export function parseLocation(location: string): Place {
  if (location === '') throw unusable('no location given', 'give a folder or s3:https://HOST/BUCKET/PREFIX with -r');
  if (isS3Location(location)) return { kind: 's3', location, printed: printS3Location(parseS3Location(location)) };
  if (location.startsWith('local:')) return localPlace(location.slice('local:'.length));
  const scheme = /^([a-z][a-z0-9]*):/.exec(location)?.[1];
  if (scheme === undefined) return localPlace(location);
  const hint = FOREIGN.has(scheme)
    ? `hostark keeps repositories in folders and in S3; ${scheme} can be used with restic itself`
    : 'for a folder with a colon in its name, write local:PATH';
  throw unusable(`${scheme}: is not a kind of place`, hint);
}

function localPlace(path: string): Place {
  if (path === '') throw unusable('no folder given', 'give the path of a folder');
  return { kind: 'local', path, printed: path };
}

function unusable(problem: string, hint: string): HostarkError {
  return new HostarkError('usage', `cannot use this location: ${problem}`, { hint });
}
