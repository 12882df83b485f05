/**
 * What a command says: results on stdout, messages and progress on stderr, JSON lines on stdout with --json.
 * With --json nothing but JSON reaches stdout. Lines for people hold no control characters, whoever sent them.
 */
import type { OperationEvent, ProgressEvent } from '@hostark/protocol';
import { isHostarkError } from '@hostark/protocol';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { progressLine, RateEstimate } from './progress.ts';

const PLAIN_LINE_EVERY_MS = 30_000;
const REDRAW_EVERY_MS = 100;

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: number;
}

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: number;
  readonly #io: Io;
  readonly #live: boolean;
  readonly #startedAt = performance.now();
  #rate = new RateEstimate();
  #phase = '';
  #drawnAt = -Infinity;
  #lineShown = false;

  constructor(io: Io, options: OutputOptions) {
    this.#io = io;
    this.json = options.json;
    this.quiet = options.quiet;
    this.verbose = options.verbose;
    this.#live = io.stderr.isTTY === true && io.env.TERM !== 'dumb' && !options.json && !options.quiet;
  }

  /** Writes a line of the result to stdout. Dropped with --json, where `data` speaks. */
  print(line: string): void {
    this.clearLine();
    if (!this.json) this.#io.stdout.write(`${printable(line)}\n`);
  }

  /** Writes one JSON line to stdout, only with --json. BigInts are written as numbers, exactly. */
  data(value: unknown): void {
    if (this.json) this.#io.stdout.write(`${stringifyExact(value)}\n`);
  }

  /** Writes a message for people to stderr; silent with --quiet or --json. */
  say(line: string): void {
    if (this.quiet || this.json) return;
    this.clearLine();
    this.#line(line);
  }

  /** Writes a warning to stderr, also with --quiet. */
  warn(line: string): void {
    this.clearLine();
    if (this.json) this.#io.stderr.write(`${stringifyExact({ message_type: 'error', error: { message: line } })}\n`);
    else this.#line(line);
  }

  /** Receives the events of an operation. */
  event(event: OperationEvent): void {
    switch (event.type) {
      case 'progress':
        this.#progress(event);
        return;
      case 'item-error':
        this.clearLine();
        if (this.json) {
          const line = {
            message_type: 'error',
            error: { message: event.message },
            during: event.during,
            item: event.item,
          };
          this.#io.stderr.write(`${stringifyExact(line)}\n`);
        } else this.#line(`error: ${event.item}: ${event.message}`);
        return;
      case 'item':
        if (this.verbose < 1) return;
        if (this.json)
          this.data({ message_type: 'verbose_status', action: event.action, item: event.item, size: event.bytes });
        else this.print(`${event.action.padEnd(9)} ${event.item}`);
        return;
      case 'notice':
        if (event.level === 'warning') this.warn(`warning: ${event.message}`);
        else this.say(event.message);
        return;
    }
  }

  /** Writes an error the way users meet it. Stack traces only with --verbose. */
  failure(error: unknown, exitCode: number): void {
    this.clearLine();
    const message = error instanceof Error ? error.message : String(error);
    const known = isHostarkError(error);
    if (this.json) {
      const line = {
        message_type: 'exit_error',
        code: exitCode,
        message,
        ...(known ? { error_code: error.code, hint: error.hint, context: error.context } : {}),
      };
      this.#io.stderr.write(`${stringifyExact(line)}\n`);
      return;
    }
    this.#line(`hostark: ${message}`);
    if (known && error.hint !== null) this.#line(`hint: ${error.hint}`);
    if (!known) this.#line('hint: this is a bug in Hostark; run again with -v and report what it prints');
    if (this.verbose > 0 && error instanceof Error) {
      for (let at: unknown = error; at instanceof Error; at = at.cause) this.#line(at.stack ?? at.message);
    }
  }

  /** Removes the live line, if one is shown. */
  clearLine(): void {
    if (this.#lineShown) this.#io.stderr.write('\r\x1b[K');
    this.#lineShown = false;
  }

  #line(text: string): void {
    this.#io.stderr.write(`${printable(text)}\n`);
  }

  #progress(event: ProgressEvent): void {
    const now = performance.now();
    if (event.phase !== this.#phase) {
      this.#phase = event.phase;
      this.#rate = new RateEstimate();
      this.#drawnAt = this.#live ? -Infinity : now;
    }
    this.#rate.add(now, event.bytesDone);
    if (now - this.#drawnAt < (this.#live || this.json ? REDRAW_EVERY_MS : PLAIN_LINE_EVERY_MS)) return;
    this.#drawnAt = now;
    if (this.json) {
      if (!this.quiet) this.data(this.#statusMessage(event, now));
    } else if (!this.quiet) {
      const columns = this.#live ? (this.#io.stderr.columns ?? 80) : 200;
      const line = progressLine({ ...event, current: event.current.map(printable) }, this.#rate, columns);
      this.#io.stderr.write(this.#live ? `\r\x1b[K${line}` : `${line}\n`);
      this.#lineShown = this.#live;
    }
  }

  /** The `status` object of restic's scripting interface (doc/075_scripting). */
  #statusMessage(event: ProgressEvent, now: number): Record<string, unknown> {
    const left = this.#rate.secondsLeft(event.bytesTotal);
    return {
      message_type: 'status',
      phase: event.phase,
      seconds_elapsed: Math.floor((now - this.#startedAt) / 1000),
      ...(left === null ? {} : { seconds_remaining: Math.ceil(left) }),
      percent_done: event.bytesTotal ? event.bytesDone / event.bytesTotal : 0,
      ...(event.filesTotal === null ? {} : { total_files: event.filesTotal }),
      files_done: event.filesDone,
      ...(event.bytesTotal === null ? {} : { total_bytes: event.bytesTotal }),
      bytes_done: event.bytesDone,
      error_count: event.errors,
      current_files: event.current,
    };
  }
}

/** JSON.stringify that writes bigints as exact integers. */
export function stringifyExact(value: unknown, space?: number): string {
  const marked = JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? `\u0000${v}\u0000` : v), space);
  return marked.replace(/"\\u0000(-?\d+)\\u0000"/g, '$1');
}
