/** Lines of the ledger: what they look like, and what a list of them adds up to. Pure. */
import type { LedgerEntry } from './ledger.ts';
import type { ProcessMark } from './liveness.ts';

export type LedgerRecord =
  | { readonly record: 'intent'; readonly entry: Omit<LedgerEntry, 'state' | 'resource'> }
  | { readonly record: 'created'; readonly id: string; readonly resource: string; readonly time: string }
  | { readonly record: 'deleted'; readonly id: string; readonly time: string }
  | { readonly record: 'continued'; readonly id: string; readonly run: string; readonly time: string }
  | { readonly record: 'run-started'; readonly run: string; readonly process: ProcessMark; readonly time: string }
  | { readonly record: 'run-ended'; readonly run: string; readonly time: string };

export interface LedgerState {
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  /** Runs that have started and not ended, with the process that started them. */
  readonly runs: ReadonlyMap<string, ProcessMark>;
}

/** The bytes of one record: a line break first, so that a torn line before it ends there. */
export function encodeRecord(record: LedgerRecord): string {
  return `\n${JSON.stringify(record)}\n`;
}

/** Adds up a ledger file. Lines that are no record (torn by a crash) are skipped: what they meant is found by its tags. */
export function readRecords(text: string): LedgerState {
  const entries = new Map<string, LedgerEntry>();
  const runs = new Map<string, ProcessMark>();
  for (const line of text.split('\n')) {
    const record = parse(line);
    if (record === null) continue;
    if (record.record === 'run-started') runs.set(record.run, record.process);
    else if (record.record === 'run-ended') runs.delete(record.run);
    else if (record.record === 'intent')
      entries.set(record.entry.id, { ...record.entry, state: 'intended', resource: null });
    else {
      const entry = entries.get(record.id);
      if (entry === undefined) continue;
      if (record.record === 'created')
        entries.set(record.id, { ...entry, state: 'created', resource: record.resource });
      else if (record.record === 'continued') entries.set(record.id, { ...entry, run: record.run });
      else entries.set(record.id, { ...entry, state: 'deleted' });
    }
  }
  return { entries, runs };
}

function parse(line: string): LedgerRecord | null {
  if (line === '') return null;
  try {
    const value = JSON.parse(line) as LedgerRecord | null;
    return typeof value === 'object' && value !== null && typeof value.record === 'string' ? value : null;
  } catch {
    return null;
  }
}
