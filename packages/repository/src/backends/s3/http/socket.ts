/**
 * One connection to an HTTP/1.1 server, with one request at a time. Node's own client costs 1.0 ns a byte of CPU, allocates
 * each piece twice, and never reads more than 64 KiB at once; this one reads into the caller's memory (0.25 ns a byte).
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Pace } from '../../../backend.ts';
import { bodyLength, pacedPieces } from '../../body.ts';
import { type Answer, AnswerReader, BrokenAnswer, type Room } from './answer.ts';

/** Where to connect, and how. */
export interface Origin {
  readonly tls: boolean;
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** PEM certificates that are trusted in place of Node's own list. */
  readonly authorities?: readonly string[];
}

export interface HttpRequest {
  readonly method: string;
  /** Path and query as they go over the wire. */
  readonly target: string;
  /** All but content-length. Values are latin1 without line ends. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Borrowed until the exchange has settled. Null: none, and no content-length. */
  readonly body: readonly Uint8Array[] | null;
  /** Default: memory is allocated for each body. */
  readonly room?: Room | undefined;
  /** Holds back the body that is sent, or, where none is, the one that is read. What fits into one piece passes at once. */
  readonly pace?: Pace | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Patience {
  /** For name, connection and TLS together, in milliseconds. */
  readonly connectMs: number;
  /** A socket on which nothing moves for this long is given up. */
  readonly silenceMs: number;
}

/** Takes heads, and what is read in pieces (listings, errors); bodies of known length pass it by. */
const SCRATCH_BYTES = 64 * 1024;
/** A head and a small body; of a large one only what came along is copied. */
const FIRST_READ_BYTES = 4 * 1024;
/** TLS keeps what it has encrypted until it is sent: larger pieces would double the memory of a pack. */
const TLS_PIECE_BYTES = 1024 * 1024;

interface Exchange {
  readonly reader: AnswerReader;
  /** Holds back what is read. */
  readonly pace: Pace | null;
  /** Set when the other side has our whole request, as far as this process knows. */
  sent: boolean;
  /** Why the socket was given up before the answer was complete. */
  failure: unknown;
  readonly settle: () => void;
}

/** A connection. After a failed exchange, or an answer that is not `persistent`, it is of no more use. */
export class HttpSocket {
  readonly #socket: Socket;
  readonly #tls: boolean;
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #exchange: Exchange | null = null;
  #problem: unknown = null;

  /** Connects. `session` is one that an earlier connection was given; onSession tells of a new one. */
  constructor(origin: Origin, patience: Patience, session?: Buffer, onSession?: (session: Buffer) => void) {
    this.#tls = origin.tls;
    this.#socket = origin.tls ? this.#openTls(origin, session, onSession) : this.#openPlain(origin);
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.setTimeout(patience.connectMs);
    socket.once(origin.tls ? 'secureConnect' : 'connect', () => socket.setTimeout(patience.silenceMs));
    socket.on('timeout', () => this.#giveUp(timeout()));
    socket.on('error', (error) => {
      this.#problem ??= error;
    });
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#closed());
  }

  /** False once the connection is gone; it may still be lost at any moment. */
  get usable(): boolean {
    return !this.#socket.destroyed && this.#socket.writable && this.#problem === null;
  }

  /** Lets the process end while nothing is asked; exchange() undoes that. */
  rest(): void {
    this.#socket.unref();
  }

  /** Tells once when the connection is gone. */
  onClose(tell: () => void): void {
    this.#socket.once('close', tell);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * Sends a request and reads the answer. Rejects with the signal's reason, what `room` threw, the connection's own error
   * or BrokenAnswer. When it has settled, nothing reads the body and nothing writes into the memory that `room` gave.
   */
  exchange(request: HttpRequest): Promise<Answer> {
    const { method, body, room = () => null, pace, signal } = request;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#exchange !== null) throw new Error('http: one request at a time');
    const head = headText(request);
    this.#socket.ref();
    return new Promise((resolve, reject) => {
      const reader = new AnswerReader(method, this.#scratch, room);
      const stop = (): void => this.#giveUp(signal?.reason);
      const exchange: Exchange = {
        reader,
        pace: body === null ? (pace ?? null) : null,
        sent: false,
        failure: null,
        settle: () => {
          signal?.removeEventListener('abort', stop);
          this.#exchange = null;
          if (reader.answer !== null && exchange.failure === null) resolve(reader.answer);
          else reject(exchange.failure);
        },
      };
      this.#exchange = exchange;
      signal?.addEventListener('abort', stop, { once: true });
      if (!this.usable) this.#giveUp(this.#problem ?? new BrokenAnswer('the connection is gone'));
      else
        this.#send(head, body ?? [], pace).then(
          () => {
            exchange.sent = true;
          },
          (error: unknown) => this.#giveUp(error),
        );
    });
  }

  #openPlain({ hostname, port }: Origin): Socket {
    return connectPlain({ host: hostname, port, onread: this.#reading() });
  }

  #openTls({ hostname, port, authorities }: Origin, session?: Buffer, onSession?: (session: Buffer) => void): Socket {
    // TLS sockets take what plain ones take; their type does not say so.
    const reading: object = { onread: this.#reading() };
    const socket = connectTls({
      host: hostname,
      port,
      ...reading,
      // A name is asked for; an address is not a name (RFC 6066 §3).
      ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
      ...(authorities === undefined ? {} : { ca: [...authorities] }),
      ...(session === undefined ? {} : { session }),
    });
    if (onSession !== undefined) socket.on('session', onSession);
    return socket;
  }

  /** Node asks after each read where the next one goes. */
  #reading(): { buffer: () => Uint8Array; callback: (count: number) => boolean } {
    return {
      buffer: () => {
        const exchange = this.#exchange;
        if (exchange === null) return this.#scratch.subarray(0, FIRST_READ_BYTES);
        return exchange.reader.next().subarray(0, exchange.pace?.pieceBytes);
      },
      callback: (count) => this.#took(count),
    };
  }

  /** Returns whether more may be read at once. */
  #took(count: number): boolean {
    const exchange = this.#exchange;
    if (this.#socket.destroyed) return true;
    if (exchange === null) {
      // Nobody asked: a server that must not be listened to.
      this.#socket.destroy();
      return true;
    }
    const { reader, pace } = exchange;
    const before = reader.bodyBytes;
    try {
      reader.took(count);
      if (pace !== null && reader.bodyBytes > before) return this.#hold(exchange, pace, reader.bodyBytes - before);
      if (reader.answer !== null) this.#answered(exchange, reader.answer);
    } catch (error) {
      this.#giveUp(error);
    }
    return true;
  }

  #hold(exchange: Exchange, pace: Pace, bytes: number): boolean {
    pace.take(bytes).then(
      () => {
        if (exchange !== this.#exchange) return;
        this.#socket.resume();
        if (exchange.reader.answer !== null) this.#answered(exchange, exchange.reader.answer);
      },
      (error: unknown) => this.#giveUp(error),
    );
    return false;
  }

  #ended(): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    try {
      exchange.reader.ended();
      if (exchange.reader.answer !== null) this.#answered(exchange, exchange.reader.answer);
    } catch (error) {
      this.#giveUp(this.#problem ?? error);
    }
  }

  #answered(exchange: Exchange, answer: Answer): void {
    // Answered before it was asked in full: the rest of the request would be taken for the next one. The body stays
    // borrowed until the socket is closed.
    if (answer.persistent && exchange.sent) exchange.settle();
    else this.#socket.destroy();
  }

  #giveUp(reason: unknown): void {
    if (this.#exchange !== null && this.#exchange.reader.answer === null) this.#exchange.failure ??= reason;
    this.#problem ??= reason;
    if (this.#socket.closed) this.#closed();
    else this.#socket.destroy();
  }

  #closed(): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    if (exchange.reader.answer === null)
      exchange.failure ??= this.#problem ?? new BrokenAnswer('the connection was closed');
    exchange.settle();
  }

  /** Resolves when everything is sent, or the socket is no more: it tells its own problems. Rejects when `pace` does. */
  #send(head: string, body: readonly Uint8Array[], pace: Pace | undefined): Promise<void> {
    if (pace !== undefined && bodyLength(body) > pace.pieceBytes) return this.#sendPaced(head, body, pace);
    const parts = [Buffer.from(head, 'latin1'), ...body.filter((part) => part.length > 0)];
    return this.#tls ? this.#sendSealed(parts) : this.#sendTogether(parts);
  }

  /** One system call where the socket has room. */
  async #sendTogether(parts: readonly Uint8Array[]): Promise<void> {
    this.#socket.cork();
    for (const part of parts.slice(0, -1)) this.#socket.write(part);
    const last = this.#write(parts.at(-1) as Uint8Array);
    this.#socket.uncork();
    await last;
  }

  async #sendSealed(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      for (let at = 0; at < part.length && !this.#socket.destroyed; at += TLS_PIECE_BYTES)
        await this.#write(part.subarray(at, at + TLS_PIECE_BYTES));
    }
  }

  async #sendPaced(head: string, body: readonly Uint8Array[], pace: Pace): Promise<void> {
    await this.#write(Buffer.from(head, 'latin1'));
    for await (const piece of pacedPieces(body, pace)) {
      if (this.#socket.destroyed) return;
      await this.#write(piece);
    }
  }

  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
  }
}

/** Throws TypeError for what would break out of its line. */
function headText({ method, target, headers, body }: HttpRequest): string {
  for (const text of [method, target, ...headers.flat()])
    if (/[^\t\x20-\x7e\x80-\xff]/.test(text))
      throw new TypeError('http: a request has characters that a header cannot have');
  const fields = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const length = body === null ? '' : `content-length: ${bodyLength(body)}\r\n`;
  return `${method} ${target} HTTP/1.1\r\n${fields}${length}\r\n`;
}

function timeout(): Error {
  return Object.assign(new Error('nothing came over the connection for too long'), { name: 'TimeoutError' });
}
