/** Counts of a restore as it goes, its errors, and the events that tell of them. */
import type { EventSink, ItemErrorEvent, ItemEvent } from '@hostark/protocol';
import type { RestoreItemError, RestoreResult } from './options.ts';

/** So many errors are kept in the result; all are counted and sent as events. */
const KEPT_ERRORS = 100;
/** Progress is sent at most so often. */
const PROGRESS_EVERY_MS = 100;

/** What names the rows of a table of files. */
export interface ItemNames {
  item(row: number): string;
}

export class Tally {
  readonly #onEvent: EventSink;
  readonly #verbose: boolean;
  readonly #errors: RestoreItemError[] = [];
  readonly #started = performance.now();
  #held: ItemErrorEvent[] | null = [];
  #lastProgress = 0;
  #errorCount = 0;
  /** Whether the walk is over, so that the totals are final. */
  walked = false;
  filesTotal = 0;
  filesRestored = 0;
  filesSkipped = 0;
  filesDeleted = 0;
  filesVerified = 0;
  bytesTotal = 0;
  bytesRestored = 0;
  bytesSkipped = 0;

  constructor(onEvent: EventSink, verbose: boolean) {
    this.#onEvent = onEvent;
    this.#verbose = verbose;
  }

  get errorCount(): number {
    return this.#errorCount;
  }

  /** An item of any type was selected; `bytes` of content. */
  found(bytes: number): void {
    this.filesTotal++;
    this.bytesTotal += bytes;
  }

  /** An item is done. `updated`: something of it was there before. */
  restored(item: () => string, bytes: number, updated: boolean): void {
    this.filesRestored++;
    this.#item(updated ? 'updated' : 'restored', item, bytes);
  }

  /** The same of a file in a table. Sends no progress: there are many of these. */
  restoredRow(names: ItemNames, row: number, bytes: number, updated: boolean): void {
    this.filesRestored++;
    if (this.#verbose)
      this.#onEvent({ type: 'item', action: updated ? 'updated' : 'restored', item: names.item(row), bytes });
  }

  /** Content bytes were written. Sends no progress either. */
  wrote(bytes: number): void {
    this.bytesRestored += bytes;
  }

  /** An item was left as it is; `right`: because its content was right already. */
  skipped(item: () => string, bytes: number, right: boolean): void {
    this.filesSkipped++;
    this.bytesSkipped += bytes;
    this.#item(right ? 'unchanged' : 'skipped', item, bytes);
  }

  deleted(item: string): void {
    this.filesDeleted++;
    this.#item('deleted', () => item, 0);
  }

  failed(item: string, during: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#errorCount++;
    if (this.#errors.length < KEPT_ERRORS) this.#errors.push({ item, during, message });
    const event = { type: 'item-error', item, during, message } as const;
    if (this.#held === null) this.#onEvent(event);
    else this.#held.push(event);
  }

  /** From here on errors are told, first those that were met before: trees are read while it is not sure yet that anything may be written. */
  begin(): void {
    for (const event of this.#held ?? []) this.#onEvent(event);
    this.#held = null;
  }

  progress(now: number = performance.now()): void {
    if (now - this.#lastProgress < PROGRESS_EVERY_MS) return;
    this.#lastProgress = now;
    this.#onEvent({
      type: 'progress',
      phase: 'restore',
      filesDone: this.filesRestored + this.filesSkipped,
      filesTotal: this.walked ? this.filesTotal : null,
      bytesDone: this.bytesRestored + this.bytesSkipped,
      bytesTotal: this.walked ? this.bytesTotal : null,
      errors: this.#errorCount,
      current: [],
    });
  }

  /** Sends the last progress and returns the result. */
  finish(options: { readonly dryRun: boolean; readonly verify: boolean }): RestoreResult {
    this.walked = true;
    this.progress(Number.POSITIVE_INFINITY);
    return {
      filesTotal: this.filesTotal,
      filesRestored: this.filesRestored,
      filesSkipped: this.filesSkipped,
      filesDeleted: this.filesDeleted,
      bytesTotal: this.bytesTotal,
      bytesRestored: this.bytesRestored,
      bytesSkipped: this.bytesSkipped,
      filesVerified: options.verify ? this.filesVerified : null,
      errorCount: this.#errorCount,
      errors: this.#errors,
      dryRun: options.dryRun,
      durationMs: performance.now() - this.#started,
    };
  }

  #item(action: ItemEvent['action'], item: () => string, bytes: number): void {
    this.progress();
    if (this.#verbose) this.#onEvent({ type: 'item', action, item: item(), bytes });
  }
}
