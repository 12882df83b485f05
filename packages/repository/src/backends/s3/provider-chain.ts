/** The AWS SDK's default chain of credential providers, in a file of its own: it is large and seldom needed. */
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import type { CredentialSource } from './credentials.ts';

/** The SDK writes to the console unless it is given something else. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Returns the chain for a profile, or for what the environment names. `region` is where roles are assumed. */
export function providerChain(profile: string | undefined, region: string): CredentialSource {
  return fromNodeProviderChain({
    logger: SILENT,
    clientConfig: { region },
    ...(profile === undefined ? {} : { profile }),
  });
}
