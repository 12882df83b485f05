/**
 * Signature check: key known, token right and alive, clock within 15 minutes, signature equal. The order of the checks
 * is S3's, since clients tell the user what to repair by the first error.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Authorization } from './authorization.ts';
import { canonicalRequest, type SignedParts, scopeText, sign, signingKey, stringToSign } from './canonical.ts';
import { AuthFault } from './fault.ts';
import type { Credential } from './identities.ts';

/** S3 API reference, RequestTimeTooSkewed. */
const MAX_SKEW_MS = 15 * 60_000;

export interface Verified {
  readonly credential: Credential;
  /** Signs the chunks of a streamed body. */
  readonly key: Uint8Array;
}

/** `parts` lacks what the authorization says itself. Throws AuthFault. */
export function verify(
  authorization: Authorization,
  parts: Omit<SignedParts, 'signedHeaders' | 'encodePathTwice'>,
  lookUp: (accessKeyId: string) => Credential | null,
  now: number,
): Verified {
  const { accessKeyId, scope, amzDate } = authorization;
  const credential = lookUp(accessKeyId);
  if (credential === null)
    throw new AuthFault('unknown-key', 'The AWS Access Key Id you provided does not exist in our records.', {
      AWSAccessKeyId: accessKeyId,
    });
  checkToken(credential, authorization, now);
  checkTime(authorization, now);
  if (!amzDate.startsWith(scope.date))
    throw new AuthFault('malformed', `Credential scope date ${scope.date} is not that of the request, ${amzDate}.`);
  checkHeadersSigned(authorization, parts.headers, scope.service);
  const canonical = canonicalRequest({
    ...parts,
    signedHeaders: authorization.signedHeaders,
    encodePathTwice: scope.service !== 's3',
  });
  const text = stringToSign(amzDate, scope, canonical);
  const key = signingKey(credential.secretAccessKey, scope);
  if (!sameHex(sign(key, text), authorization.signature))
    throw new AuthFault(
      'mismatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
      {
        AWSAccessKeyId: accessKeyId,
        StringToSign: text,
        SignatureProvided: authorization.signature,
        CanonicalRequest: canonical,
      },
    );
  return { credential, key };
}

function checkToken(credential: Credential, { sessionToken }: Authorization, now: number): void {
  if (credential.sessionToken === null) {
    if (sessionToken !== null)
      throw new AuthFault('bad-token', 'The provided token is malformed or otherwise invalid.');
    return;
  }
  if (sessionToken === null)
    throw new AuthFault('unknown-key', 'The AWS Access Key Id you provided does not exist in our records.', {
      AWSAccessKeyId: credential.accessKeyId,
    });
  if (sessionToken !== credential.sessionToken)
    throw new AuthFault('bad-token', 'The provided token is malformed or otherwise invalid.');
  if (credential.expiresAt <= now) throw new AuthFault('expired-token', 'The provided token has expired.');
}

function checkTime({ signedAt, expiresSeconds }: Authorization, now: number): void {
  if (expiresSeconds !== null) {
    if (signedAt > now + MAX_SKEW_MS) throw new AuthFault('expired-url', 'Request is not valid yet');
    const end = signedAt + expiresSeconds * 1000;
    if (now > end)
      throw new AuthFault('expired-url', 'Request has expired', {
        'X-Amz-Expires': String(expiresSeconds),
        Expires: new Date(end).toISOString(),
        ServerTime: new Date(now).toISOString(),
      });
    return;
  }
  if (Math.abs(signedAt - now) > MAX_SKEW_MS)
    throw new AuthFault('skewed', 'The difference between the request time and the current time is too large.', {
      RequestTime: new Date(signedAt).toISOString(),
      ServerTime: new Date(now).toISOString(),
      MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
    });
}

/** S3 acts on x-amz-* headers, so an unsigned one could have been added on the way. */
function checkHeadersSigned(
  { signedHeaders, by }: Authorization,
  headers: ReadonlyMap<string, readonly string[]>,
  service: string,
): void {
  if (service !== 's3') return;
  const loose = [...headers.keys()].filter(
    (name) =>
      name.startsWith('x-amz-') &&
      !signedHeaders.includes(name) &&
      !(by === 'query' && name === 'x-amz-content-sha256'),
  );
  if (loose.length > 0)
    throw new AuthFault('unsigned-headers', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: loose.join(', '),
    });
}

function sameHex(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'));
}

/** Chain of signatures over the chunks of a streamed body (S3 API reference, "Signature calculations ... chunked upload"). */
export interface ChunkSigner {
  /** Signature that the next chunk must carry, given its SHA-256 in hex; advances the chain. */
  chunk(sha256: string): string;
  /** The same for the trailing headers. */
  trailer(sha256: string): string;
}

const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export function chunkSigner(authorization: Authorization, key: Uint8Array): ChunkSigner {
  let previous = authorization.signature;
  const head = `${authorization.amzDate}\n${scopeText(authorization.scope)}`;
  return {
    chunk: (sha256) => {
      previous = sign(key, `AWS4-HMAC-SHA256-PAYLOAD\n${head}\n${previous}\n${EMPTY_SHA256}\n${sha256}`);
      return previous;
    },
    trailer: (sha256) => {
      previous = sign(key, `AWS4-HMAC-SHA256-TRAILER\n${head}\n${previous}\n${sha256}`);
      return previous;
    },
  };
}
