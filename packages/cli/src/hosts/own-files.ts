/**
 * What makes a host this host and no other: how it is logged into, what it proves itself with, its disks, its identity. A
 * recovery onto the root of a host leaves these as they are: those of the lost host would lock its operator out, or keep
 * it from its next boot.
 */

export const OWN_FILES: readonly string[] = [
  '/etc/fstab',
  '/etc/machine-id',
  '/etc/ssh/ssh_host_*',
  '/home/*/.ssh/authorized_keys',
  '/root/.ssh/authorized_keys',
];

/** What a recovery selects; the part of a request that is looked at here. */
export interface Selection {
  readonly target: string;
  readonly includes?: readonly string[];
  readonly excludes?: readonly string[];
}

/** Returns the request with these files left out, where it goes to the root of a host and does not name what it wants. */
export function sparingOwnFiles<Request extends Selection>(request: Request): Request {
  if (!sparesOwnFiles(request)) return request;
  return { ...request, excludes: [...(request.excludes ?? []), ...OWN_FILES] };
}

export function sparesOwnFiles({ target, includes = [] }: Selection): boolean {
  return target === '/' && includes.length === 0;
}
