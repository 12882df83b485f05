/** Connections to a few servers, kept for later requests; the one that rested least is used first. */
import type { Answer } from './answer.ts';
import { type HttpRequest, HttpSocket, type Origin, type Patience } from './socket.ts';

export interface HttpClientOptions extends Patience {
  /** Connections at the same time, to one origin; further requests wait. */
  readonly maxSockets: number;
}

/** What is kept of one origin. */
interface Pool {
  readonly idle: HttpSocket[];
  readonly all: Set<HttpSocket>;
  readonly waiting: (() => void)[];
  /** For a shorter handshake. */
  session: Buffer | undefined;
}

export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #pools = new Map<string, Pool>();
  #closed = false;

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /**
   * Sends a request and returns the whole answer, whatever its status. Rejects like HttpSocket.exchange(). With `anew` it
   * goes over a new connection: one that rested may have been closed at the other side, which only its use shows.
   */
  async request(origin: Origin, request: HttpRequest, anew: boolean): Promise<Answer> {
    if (this.#closed) throw new Error('the connections are closed');
    const pool = this.#pool(origin);
    const socket = await this.#take(pool, origin, request.signal, anew);
    try {
      const answer = await socket.exchange(request);
      if (!answer.persistent) socket.destroy();
      return answer;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      this.#giveBack(pool, socket);
    }
  }

  /** Closes every connection, for good; whoever still waits for an answer gets an error. */
  close(): void {
    this.#closed = true;
    for (const { all } of this.#pools.values()) for (const socket of all) socket.destroy();
  }

  #pool({ tls, hostname, port }: Origin): Pool {
    const name = `${tls} ${hostname} ${port}`;
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = { idle: [], all: new Set(), waiting: [], session: undefined };
      this.#pools.set(name, pool);
    }
    return pool;
  }

  async #take(pool: Pool, origin: Origin, signal: AbortSignal | undefined, anew: boolean): Promise<HttpSocket> {
    for (;;) {
      if (signal?.aborted) {
        // Woken for nothing: the next one may want what came free.
        pool.waiting.shift()?.();
        throw signal.reason;
      }
      if (anew) for (const socket of pool.idle.splice(0)) socket.destroy();
      const rested = pool.idle.pop();
      if (rested?.usable) return rested;
      if (rested !== undefined) continue;
      if (pool.all.size < this.#options.maxSockets) return this.#connect(pool, origin);
      await new Promise<void>((resolve) => pool.waiting.push(resolve));
    }
  }

  #connect(pool: Pool, origin: Origin): HttpSocket {
    const socket = new HttpSocket(origin, this.#options, pool.session, (session) => {
      pool.session = session;
    });
    pool.all.add(socket);
    socket.onClose(() => {
      pool.all.delete(socket);
      pool.waiting.shift()?.();
    });
    return socket;
  }

  #giveBack(pool: Pool, socket: HttpSocket): void {
    if (!socket.usable) return;
    socket.rest();
    pool.idle.push(socket);
    pool.waiting.shift()?.();
  }
}
