/**
 * What a running operation tells: progress, errors of single items, and one result.
 * The same events are printed by `--json`, sent by the agent over SSH, and drawn by the display.
 */

/** Progress contract: `total` is null while it is not known (never a guess); `done` never exceeds `total`. */
export interface ProgressEvent {
  readonly type: 'progress';
  /** What is being done, e.g. 'scan', 'backup', 'restore', 'check', 'download'. */
  readonly phase: string;
  readonly filesDone: number;
  readonly filesTotal: number | null;
  readonly bytesDone: number;
  readonly bytesTotal: number | null;
  /** Errors of single items so far. */
  readonly errors: number;
  /** Printable paths being worked on. */
  readonly current: readonly string[];
}

/** One item could not be handled; the operation goes on. */
export interface ItemErrorEvent {
  readonly type: 'item-error';
  /** Printable path or object name. */
  readonly item: string;
  readonly during: string;
  readonly message: string;
}

/** One item was handled; sent only where the caller asked for verbose events. */
export interface ItemEvent {
  readonly type: 'item';
  readonly action: 'new' | 'changed' | 'unchanged' | 'restored' | 'updated' | 'deleted' | 'skipped';
  readonly item: string;
  readonly bytes: number;
}

/** Something a user should read once: not an error, not progress. */
export interface NoticeEvent {
  readonly type: 'notice';
  readonly level: 'info' | 'warning';
  readonly message: string;
}

/** A line that a command of the user printed (a hook, a dump); long ones are cut, and so is what never ends. */
export interface OutputEvent {
  readonly type: 'output';
  /** Which command: 'pre', 'post', 'dump'. */
  readonly source: string;
  readonly line: string;
}

export type OperationEvent = ProgressEvent | ItemErrorEvent | ItemEvent | NoticeEvent | OutputEvent;

/** Receives events; must return quickly and not throw. */
export type EventSink = (event: OperationEvent) => void;

/** Drops every event. */
export function silent(): void {}
