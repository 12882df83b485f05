/**
 * Shows progress events: one line redrawn in place on a terminal, a plain line every 30 s elsewhere, JSON `status`
 * lines with --json. The estimate comes from the last 45 s, and is hidden until it means something (ux: no lying ETA).
 */
import type { ProgressEvent } from '@hostark/protocol';
import { formatBytes, formatCount, formatRemaining } from './format.ts';

const RATE_WINDOW_MS = 45_000;
const ESTIMATE_AFTER_MS = 15_000;
const ESTIMATE_AFTER_SHARE = 0.02;

/** Estimates the rest of a job from recent samples. `now` is any monotonic clock in milliseconds. */
export class RateEstimate {
  readonly #samples: { at: number; done: number }[] = [];
  #startedAt: number | null = null;

  add(now: number, done: number): void {
    this.#startedAt ??= now;
    this.#samples.push({ at: now, done });
    while (this.#samples.length > 2 && now - this.#samples[0]!.at > RATE_WINDOW_MS) this.#samples.shift();
  }

  /** Units per second over the window, or null before there are two samples apart in time. */
  perSecond(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at === first.at) return null;
    return ((last.done - first.done) * 1000) / (last.at - first.at);
  }

  /** Seconds left until `total`, or null while a number would be a guess. */
  secondsLeft(total: number | null): number | null {
    const last = this.#samples.at(-1);
    const rate = this.perSecond();
    if (total === null || last === undefined || rate === null || rate <= 0) return null;
    if (last.at - this.#startedAt! < ESTIMATE_AFTER_MS || last.done < total * ESTIMATE_AFTER_SHARE) return null;
    return Math.max(0, total - last.done) / rate;
  }
}

/** Composes the one line for a terminal `columns` wide. Pure. */
export function progressLine(event: ProgressEvent, rate: RateEstimate, columns: number): string {
  const parts: string[] = [];
  if (event.bytesTotal === null) {
    parts.push(`${event.phase}: ${formatCount(event.filesDone)} files, ${formatBytes(event.bytesDone)}, scanning`);
  } else {
    const share = event.bytesTotal === 0 ? 1 : event.bytesDone / event.bytesTotal;
    parts.push(`${event.phase}: ${Math.floor(share * 100)}%`);
    parts.push(`${formatBytes(event.bytesDone)} of ${formatBytes(event.bytesTotal)}`);
    if (event.filesTotal !== null) parts.push(`${formatCount(event.filesDone)}/${formatCount(event.filesTotal)} files`);
  }
  const perSecond = rate.perSecond();
  if (perSecond !== null && perSecond > 0) parts.push(`${formatBytes(perSecond)}/s`);
  const left = rate.secondsLeft(event.bytesTotal);
  if (left !== null) parts.push(`${formatRemaining(left)} left`);
  if (event.errors > 0) parts.push(`${event.errors} errors`);
  const line = parts.join('  ');
  const current = event.current[0];
  const room = columns - line.length - 3;
  const tail =
    current !== undefined && room > 12 ? `  ${current.length > room ? `…${current.slice(1 - room)}` : current}` : '';
  return (line + tail).slice(0, Math.max(20, columns - 1));
}
