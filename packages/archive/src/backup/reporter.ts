/** Tells the caller how a backup goes: progress a few times a second, every failed item, items if asked for. */
import { type EventSink, silent } from '@hostark/protocol';
import { type Location, pathOf, printablePath } from '../walk/paths.ts';
import type { BackupItemError } from './options.ts';
import type { Change } from './summary.ts';

/** 5 progress events a second at most. */
const PROGRESS_INTERVAL_MS = 200;
/** Errors kept for the result; all are counted and sent as events. */
const KEPT_ERRORS = 100;

/** What progress is made of. */
export interface Progress {
  readonly files: number;
  readonly bytes: number;
}

export class Reporter {
  readonly #sink: EventSink;
  readonly #verbose: boolean;
  readonly #progress: () => Progress;
  readonly #kept: BackupItemError[] = [];
  #count = 0;
  #nextMs = 0;
  #current: Location | null = null;

  constructor(sink: EventSink | undefined, verbose: boolean, progress: () => Progress) {
    this.#sink = sink ?? silent;
    this.#verbose = verbose;
    this.#progress = progress;
  }

  /** Somebody wants to know of each item. */
  get verbose(): boolean {
    return this.#verbose;
  }

  get errorCount(): number {
    return this.#count;
  }

  get errors(): readonly BackupItemError[] {
    return this.#kept;
  }

  /** An item is missing from the snapshot, or not what the source has. */
  error(path: Uint8Array, during: string, message: string): void {
    const error = { item: printablePath(path), during, message };
    this.#count++;
    if (this.#kept.length < KEPT_ERRORS) this.#kept.push(error);
    this.#sink({ type: 'item-error', ...error });
  }

  notice(level: 'info' | 'warning', message: string): void {
    this.#sink({ type: 'notice', level, message });
  }

  /** `path` is asked for only if somebody wants to know. */
  item(path: () => Uint8Array, change: Change, bytes: bigint): void {
    if (this.#verbose) {
      this.#sink({ type: 'item', action: change, item: printablePath(path()), bytes: Number(bytes) });
    }
  }

  /** Remembers what is being worked on. */
  working(location: Location): void {
    this.#current = location;
  }

  /** Sends progress if it is time. Cheap enough for every directory and every result. */
  tick(now: number = performance.now()): void {
    if (now < this.#nextMs) return;
    this.#nextMs = now + PROGRESS_INTERVAL_MS;
    const { files, bytes } = this.#progress();
    this.#sink({
      type: 'progress',
      phase: 'backup',
      filesDone: files,
      filesTotal: null,
      bytesDone: bytes,
      bytesTotal: null,
      errors: this.#count,
      current: this.#current === null ? [] : [printablePath(pathOf(this.#current))],
    });
  }
}
