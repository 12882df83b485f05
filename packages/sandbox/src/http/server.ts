/**
 * The one HTTP server of the sandbox: routes by the service name in the credential scope, checks signatures, strikes
 * with the fault plan, counts and logs. What a service throws becomes that service's error document.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Authorization } from '../auth/authorization.ts';
import { AuthFault, authError } from '../auth/fault.ts';
import type { IdentityStore } from '../auth/identities.ts';
import { type Principal, principalName } from '../auth/principal.ts';
import type { StreamedBody } from './body.ts';
import type { FaultPlan, FaultRule } from './faults.ts';
import { accept, authorizationOf, type Incoming, likelyService, readIncoming } from './incoming.ts';
import type { Regions } from './regions.ts';
import { send } from './send.ts';
import type { SandboxRequest, SandboxResponse, Service } from './service.ts';
import { ServiceError } from './service-error.ts';

/** One line of the request log. */
export interface RequestLogEntry {
  /** Milliseconds since the epoch at arrival, by the sandbox's clock. */
  readonly time: number;
  readonly requestId: string;
  readonly service: string;
  /** `-` when the request was refused before the operation was known. */
  readonly operation: string;
  readonly method: string;
  /** 0 when the connection was reset on purpose. */
  readonly status: number;
  /** AWS error code, when it is an error. */
  readonly error?: string;
  /** ARN of the caller, or `anonymous`. */
  readonly principal: string;
  readonly resource?: string;
  /** Body bytes over the wire. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
}

export interface ServerOptions {
  readonly region: string;
  readonly identities: IdentityStore;
  readonly faults: FaultPlan;
  readonly regions: Regions;
  readonly now: () => number;
  readonly log: (entry: RequestLogEntry) => void;
}

/** Clients keep connections for later requests; closing them earlier than the clients do loses requests. */
const KEEP_ALIVE_MS = 75_000;
/** How long stop() waits for requests under way. */
const STOP_GRACE_MS = 2_000;

/** What is learnt about a request on its way, for the log. */
interface Trace {
  service: string;
  operation: string;
  principal: Principal;
  error?: string;
  resource?: string;
  body?: StreamedBody;
  bytesOut: number;
  status: number;
}

export class SandboxServer {
  readonly #options: ServerOptions;
  readonly #services = new Map<string, Service>();
  readonly #server: Server;
  readonly #counts = new Map<string, number>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer({ requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS });
    const onRequest = (req: IncomingMessage, res: ServerResponse, continues: boolean): void => {
      const work = this.#serve(req, res, continues)
        .catch(() => void res.destroy())
        .finally(() => this.#underWay.delete(work));
      this.#underWay.add(work);
    };
    this.#server.on('request', (req, res) => onRequest(req, res, false));
    // The body is asked for only when it is wanted, so a refused upload costs no transfer.
    this.#server.on('checkContinue', (req, res) => onRequest(req, res, true));
  }

  add(service: Service): void {
    this.#services.set(service.name, service);
  }

  /** Listens on 127.0.0.1; resolves with the port. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort());
  }

  /** Stops listening, waits shortly for requests under way, then closes every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_GRACE_MS);
    });
    await Promise.race([Promise.allSettled([...this.#underWay]), grace]);
    clearTimeout(timer);
    this.#server.closeAllConnections();
    await Promise.allSettled([...this.#underWay, closed]);
  }

  async #serve(req: IncomingMessage, res: ServerResponse, continues: boolean): Promise<void> {
    const time = this.#options.now();
    const began = process.hrtime.bigint();
    const requestId = randomBytes(8).toString('hex').toUpperCase();
    const incoming = readIncoming(req);
    const trace: Trace = {
      service: likelyService(incoming),
      operation: '-',
      principal: { kind: 'anonymous' },
      bytesOut: 0,
      status: 0,
    };
    let unread = continues;
    const onRead = (): void => {
      if (unread) res.writeContinue();
      unread = false;
    };
    try {
      await this.#answer({ req, res, incoming, trace, time, requestId, onRead, closes: () => unread });
    } finally {
      const key = `${trace.service}:${trace.operation}`;
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
      const { principal, body, ...seen } = trace;
      this.#options.log({
        time,
        requestId,
        method: incoming.method,
        ...seen,
        bytesIn: body?.wireBytes ?? 0,
        principal: principalName(principal),
        durationMs: Number(process.hrtime.bigint() - began) / 1e6,
      });
    }
  }

  async #answer(job: Job): Promise<void> {
    const { res, incoming, trace, requestId } = job;
    let strikes: readonly FaultRule[] = [];
    let answer: SandboxResponse;
    let service = this.#services.get(trace.service);
    try {
      const authorization = authorizationOf(incoming);
      if (authorization instanceof AuthFault) throw authorization;
      if (authorization !== null) trace.service = authorization.scope.service;
      service = this.#services.get(trace.service);
      if (service === undefined)
        throw new ServiceError(400, 'UnknownService', `The sandbox has no service named ${trace.service}.`);
      const region = authorization?.scope.region ?? this.#options.region;
      if (this.#options.regions.unreachable(trace.service, region)) return reset(res);
      const request = await this.#accept(job, authorization);
      trace.operation = await service.operation(request);
      strikes = this.#options.faults.strikes(trace.service, trace.operation);
      await delayed(strikes);
      const early = strikes.find((rule) => rule.when !== 'after');
      if (early?.kind === 'drop') return reset(res);
      if (early?.kind === 'error') throw faultError(early, trace.service);
      answer = await service.handle(request);
      const late = strikes.find((rule) => rule.when === 'after');
      if (late?.kind === 'drop') return reset(res);
      if (late?.kind === 'error') throw faultError(late, trace.service);
    } catch (cause) {
      const error = asServiceError(cause, trace.service);
      trace.error = error.code;
      const render = service ?? this.#services.get('s3');
      answer = render?.failure(error, { id: requestId, method: incoming.method, path: incoming.path }) ?? {
        status: error.status,
      };
    }
    if (answer.resource !== undefined) trace.resource = answer.resource;
    trace.status = answer.status;
    trace.bytesOut = await send(res, answer, {
      requestId,
      time: this.#options.now(),
      headOnly: incoming.method === 'HEAD',
      truncate: strikes.some((rule) => rule.kind === 'truncate'),
      close: job.closes(),
    });
  }

  async #accept(job: Job, authorization: Authorization | null): Promise<SandboxRequest> {
    const { req, incoming, trace, time, requestId } = job;
    const { identities } = this.#options;
    const { principal, body } = await accept(req, incoming, authorization, {
      identities,
      now: time,
      onRead: job.onRead,
    });
    trace.principal = principal;
    trace.body = body;
    return {
      id: requestId,
      service: trace.service,
      region: authorization?.scope.region ?? this.#options.region,
      method: incoming.method,
      path: incoming.path,
      query: incoming.query,
      headers: incoming.headers,
      host: incoming.headers.host ?? '',
      sourceIp: (req.socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
      body,
      principal,
      signedBy: signedBy(authorization),
      time,
    };
  }
}

interface Job {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly incoming: Incoming;
  readonly trace: Trace;
  readonly time: number;
  readonly requestId: string;
  readonly onRead: () => void;
  /** Whether the client still waits for leave to send its body, which it then never may. */
  readonly closes: () => boolean;
}

function signedBy(authorization: Authorization | null): SandboxRequest['signedBy'] {
  return authorization?.by ?? 'nobody';
}

function reset(res: ServerResponse): void {
  res.socket?.resetAndDestroy();
}

async function delayed(strikes: readonly FaultRule[]): Promise<void> {
  const ms = strikes.reduce((sum, rule) => sum + (rule.delayMs ?? 0), 0);
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}

function faultError(rule: FaultRule, service: string): ServiceError {
  const code = rule.code ?? (service === 's3' ? 'SlowDown' : 'RequestLimitExceeded');
  return new ServiceError(rule.status ?? 503, code, rule.message ?? 'Please reduce your request rate.');
}

function asServiceError(cause: unknown, service: string): ServiceError {
  if (cause instanceof ServiceError) return cause;
  if (cause instanceof AuthFault) return authError(cause, service);
  return new ServiceError(500, 'InternalError', `We encountered an internal error: ${String(cause)}`, { cause });
}
