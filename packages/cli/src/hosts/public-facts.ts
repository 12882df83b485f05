/** What may be printed of a host. */
import type { Host } from '@hostark/cloud';

/** Returns all but the place of its private key. */
export function publicFacts({ privateKeyFile: _place, ...facts }: Host): Omit<Host, 'privateKeyFile'> {
  return facts;
}
