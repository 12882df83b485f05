/** Which key logs in to a new host: one that we make, or the user's own, imported into EC2 or found there. */
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import { type AskOptions, callOptions } from './run.ts';

export interface OwnKey {
  /** Path of the private half on this machine; it stays there. */
  readonly privateKeyFile: string;
  /** Its public half, an OpenSSH line. */
  readonly publicKey: string;
}

/** `made` on this machine for this host alone; `imported` from the user's; `found`: EC2 has the user's already. */
export type LoginKeyPlan =
  | { readonly kind: 'made'; readonly keyName: string }
  | {
      readonly kind: 'imported' | 'found';
      readonly keyName: string;
      readonly file: string;
      readonly publicKey: string;
    };

/** Reads only. Throws 'usage' for a kind of key that EC2 does not know. */
export async function planLoginKey(
  clients: AwsClients,
  host: string,
  own: OwnKey | undefined,
  options: AskOptions,
): Promise<LoginKeyPlan> {
  const keyName = `hostark-${host}`;
  if (own === undefined) return { kind: 'made', keyName };
  const [type, base64] = own.publicKey.split(' ');
  if (type !== 'ssh-ed25519' && type !== 'ssh-rsa') {
    throw new HostarkError('usage', `key ${own.privateKeyFile}: expected an RSA or Ed25519 key, found ${type}`, {
      hint: 'EC2 takes no other; ssh-keygen -t ed25519 makes one',
    });
  }
  const { DescribeKeyPairsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const { KeyPairs = [] } = await ec2.send(
    new DescribeKeyPairsCommand({ IncludePublicKey: true }),
    callOptions(options),
  );
  const same = KeyPairs.find(
    (pair) => pair.PublicKey?.split(/\s+/)[1] === base64 && pair.KeyName !== undefined && pair.KeyName !== keyName,
  );
  const of = { file: own.privateKeyFile, publicKey: own.publicKey };
  return same === undefined ? { kind: 'imported', keyName, ...of } : { kind: 'found', keyName: same.KeyName!, ...of };
}
