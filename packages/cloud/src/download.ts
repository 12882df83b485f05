/**
 * Downloads a repository from a bucket into restic's local layout. Every content-addressed object is verified against
 * its name; files appear whole or not at all; `config` is written last, so an interrupted download is no repository yet.
 */
import type { AwsClients } from './clients.ts';
import type { AskOptions } from './run.ts';

export interface DownloadSource {
  readonly bucket: string;
  /** The repository's prefix in the bucket, e.g. 'hosts/web/'. */
  readonly prefix?: string;
  readonly directory: string;
}

export interface DownloadReport {
  readonly objects: number;
  readonly bytes: number;
  /** Objects that were there already. */
  readonly kept: number;
  readonly keptBytes: number;
  /** Requests sent to S3, retries included. */
  readonly requests: number;
}

/** Resumes an earlier download of the same repository. Throws 'target-unusable' when the folder holds another one. */
export function downloadRepository(
  clients: AwsClients,
  source: DownloadSource,
  options: AskOptions & { readonly connections?: number } = {},
): Promise<DownloadReport> {
  throw new Error(`not implemented: ${clients.region} ${source.bucket} ${options.connections}`);
}
