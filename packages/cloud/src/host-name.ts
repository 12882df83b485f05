/** Names of hosts and where they keep their repositories. Pure. */
import { HostarkError } from '@hostark/protocol';

/** Throws 'usage' unless the name fits everywhere it is used: tags, IAM and EC2 names, bucket prefixes, folders. */
export function checkHostName(name: string): void {
  if (/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return;
  throw new HostarkError(
    'usage',
    `host name ${JSON.stringify(name)}: expected 1 to 40 characters of a-z, 0-9 and hyphens, a letter or digit first and last`,
    { hint: 'for example web-1' },
  );
}

/** Returns the prefix with one '/' at its end. Throws 'usage' for one that S3 policies would read as a pattern. */
export function hostPrefix(host: string, prefix: string | undefined): string {
  const given = (prefix ?? `hosts/${host}`).replace(/^\/+|\/+$/g, '');
  if (given === '' || /[*?$"\\\s]|\/\//.test(given)) {
    throw new HostarkError(
      'usage',
      `prefix ${JSON.stringify(prefix)}: expected a path without spaces, *, ?, $ or quotes`,
      {
        hint: `leave it out for hosts/${host}/`,
      },
    );
  }
  return `${given}/`;
}
