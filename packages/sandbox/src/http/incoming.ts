/** Reads what every service needs from a raw HTTP request: path, query, headers as sent, and who signed. */
import type { IncomingMessage } from 'node:http';
import { type Authorization, readAuthorization } from '../auth/authorization.ts';
import { sha256Hex } from '../auth/canonical.ts';
import { AuthFault } from '../auth/fault.ts';
import type { IdentityStore } from '../auth/identities.ts';
import type { Principal } from '../auth/principal.ts';
import { chunkSigner, type Verified, verify } from '../auth/verify.ts';
import { AwsChunkedDecoder } from './aws-chunked.ts';
import { StreamedBody } from './body.ts';
import { ServiceError } from './service-error.ts';

export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly query: URLSearchParams;
  readonly headerLists: ReadonlyMap<string, readonly string[]>;
  readonly headers: Readonly<Record<string, string>>;
}

export function readIncoming(req: IncomingMessage): Incoming {
  const url = req.url ?? '/';
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  const rawQuery = at < 0 ? '' : url.slice(at + 1);
  const headerLists = new Map<string, string[]>();
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    const name = (req.rawHeaders[i] as string).toLowerCase();
    const list = headerLists.get(name);
    if (list === undefined) headerLists.set(name, [req.rawHeaders[i + 1] as string]);
    else list.push(req.rawHeaders[i + 1] as string);
  }
  const headers: Record<string, string> = {};
  for (const [name, list] of headerLists) headers[name] = list.join(', ');
  return { method: req.method ?? 'GET', path, rawQuery, query: new URLSearchParams(rawQuery), headerLists, headers };
}

/** Null when unsigned; the fault when the authorization cannot be read. */
export function authorizationOf(incoming: Incoming): Authorization | AuthFault | null {
  try {
    return readAuthorization(incoming.headerLists, incoming.query);
  } catch (fault) {
    if (fault instanceof AuthFault) return fault;
    throw fault;
  }
}

/** Service that an unreadable or missing authorization was probably meant for, to word the refusal. */
export function likelyService(incoming: Incoming): string {
  const scope = /Credential=[^/]+\/\d*\/[^/]*\/([a-z0-9-]+)\//.exec(incoming.headers.authorization ?? '')?.[1];
  if (scope !== undefined) return scope;
  if (incoming.headers['x-amz-target'] !== undefined) return 'ssm';
  const form = incoming.method === 'POST' && incoming.path === '/' && incoming.rawQuery === '';
  return form && incoming.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ? 'sts' : 's3';
}

export interface Accepted {
  readonly principal: Principal;
  readonly body: StreamedBody;
}

const STREAMED = /^STREAMING-(AWS4-HMAC-SHA256-PAYLOAD|AWS4-HMAC-SHA256-PAYLOAD-TRAILER|UNSIGNED-PAYLOAD-TRAILER)$/;

/** Checks the signature and wraps the body. Throws AuthFault or ServiceError. */
export async function accept(
  req: IncomingMessage,
  incoming: Incoming,
  authorization: Authorization | null,
  options: { identities: IdentityStore; now: number; onRead: () => void },
): Promise<Accepted> {
  const { headers } = incoming;
  const wrap = (decoder: AwsChunkedDecoder | null, sha256: string | null): StreamedBody =>
    new StreamedBody({ source: req, headers, decoder, sha256, onRead: options.onRead });
  const announced = headers['x-amz-content-sha256'];
  const check = (payloadHash: string): Verified =>
    verify(
      authorization as Authorization,
      {
        method: incoming.method,
        path: incoming.path,
        query: incoming.rawQuery,
        headers: incoming.headerLists,
        payloadHash,
      },
      (id) => options.identities.credential(id),
      options.now,
    );

  if (authorization === null) {
    const streamed = announced === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
    return { principal: { kind: 'anonymous' }, body: wrap(streamed ? new AwsChunkedDecoder(null) : null, null) };
  }
  if (authorization.scope.service !== 's3') {
    const body = wrap(null, null);
    const payloadHash = sha256Hex(await body.bytes());
    if (announced !== undefined && announced !== payloadHash && announced !== 'UNSIGNED-PAYLOAD')
      throw new AuthFault('mismatch', 'The provided x-amz-content-sha256 header does not match what was computed.');
    return { principal: check(announced ?? payloadHash).credential.principal, body };
  }
  if (announced === undefined && authorization.by === 'header')
    throw new ServiceError(
      400,
      'MissingSecurityHeader',
      'Missing required header for this request: x-amz-content-sha256',
    );
  const payload = announced ?? 'UNSIGNED-PAYLOAD';
  if (payload === 'UNSIGNED-PAYLOAD') return { principal: check(payload).credential.principal, body: wrap(null, null) };
  if (STREAMED.test(payload)) {
    const verified = check(payload);
    const signer = payload.includes('UNSIGNED') ? null : chunkSigner(authorization, verified.key);
    return { principal: verified.credential.principal, body: wrap(new AwsChunkedDecoder(signer), null) };
  }
  if (!/^[0-9a-f]{64}$/.test(payload))
    throw new ServiceError(
      400,
      'InvalidArgument',
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD or a valid sha256 value.',
      { fields: { ArgumentName: 'x-amz-content-sha256', ArgumentValue: payload } },
    );
  return { principal: check(payload).credential.principal, body: wrap(null, payload) };
}
