/**
 * Where the credentials of requests come from: fixed ones, a function, the environment, or the AWS SDK's provider chain
 * (profiles, SSO, processes, web identity, containers, instance metadata), which is loaded only when it is needed. Those
 * that expire are asked for again in time.
 */
import type { S3Credentials } from './sign.ts';

/** Credentials, perhaps for a while. */
export type Expiring = S3Credentials & { readonly expiration?: Date };

/** Asked again when what it gave expires. */
export type CredentialSource = () => Promise<Expiring>;

/** Old ones are given up this long before they end: the SDK's own margin. */
const MARGIN_MS = 300_000;

/** Gives credentials that are good now; many may ask at the same time. */
export class CredentialKeeper {
  readonly #source: CredentialSource;
  #current: Expiring | null = null;
  #asking: Promise<Expiring> | null = null;

  constructor(source: CredentialSource) {
    this.#source = source;
  }

  /** Rejects with what the source rejects with; the next call asks again. */
  get(): Promise<S3Credentials> {
    if (this.#current !== null && !isEnding(this.#current)) return Promise.resolve(this.#current);
    this.#asking ??= this.#source()
      .then((credentials) => {
        this.#current = credentials;
        return credentials;
      })
      .finally(() => {
        this.#asking = null;
      });
    return this.#asking;
  }
}

function isEnding({ expiration }: Expiring): boolean {
  return expiration !== undefined && expiration.getTime() - Date.now() < MARGIN_MS;
}

/** Returns the source for what a caller gave; without any it is the SDK's default chain, in its order. */
export function credentialSource(
  given: S3Credentials | CredentialSource | undefined,
  profile: string | undefined,
  region: string,
): CredentialSource {
  if (typeof given === 'function') return given;
  if (given !== undefined) return async () => given;
  return async () => fromEnvironment(profile) ?? (await fromChain(profile, region));
}

/** The chain's first link, without the chain: a named profile goes before the environment's keys. */
function fromEnvironment(profile: string | undefined): Expiring | null {
  const { AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CREDENTIAL_EXPIRATION } =
    process.env;
  if ((profile ?? AWS_PROFILE) || !AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) return null;
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
    ...(AWS_CREDENTIAL_EXPIRATION ? { expiration: new Date(AWS_CREDENTIAL_EXPIRATION) } : {}),
  };
}

async function fromChain(profile: string | undefined, region: string): Promise<Expiring> {
  const { providerChain } = await import('./provider-chain.ts');
  return providerChain(profile, region)();
}
