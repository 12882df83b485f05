/**
 * Segments of packs that every thread reads by itself, shared out so that two threads seldom write to one file at a time: a
 * file system lets in one writer of a file, and the other spins. Threads take the first half, in order, the calling thread
 * the second; who is done helps with the other's.
 */
import { type Lane, runLanes } from './limited.ts';

/** Runs `there` for every item, `lanes` at a time, or `here`, `hereLanes` at a time. Errors as runLanes(). */
export async function inHalves<T>(
  items: readonly T[],
  lanes: number,
  hereLanes: number,
  there: (item: T) => Promise<void>,
  here: (item: T) => Promise<void>,
): Promise<void> {
  const middle = items.length >> 1;
  let [first, second] = [0, middle];
  const takeFirst = (): T | undefined => (first < middle ? items[first++] : undefined);
  const takeSecond = (): T | undefined => items[second++];
  const thread: Lane<T> = { take: () => takeFirst() ?? takeSecond(), work: there };
  const caller: Lane<T> = { take: () => takeSecond() ?? takeFirst(), work: here };
  const several = (count: number, lane: Lane<T>): Lane<T>[] => Array.from({ length: count }, () => lane);
  // Threads come first: they have their jobs before the caller is busy with its own.
  await runLanes([...several(lanes, thread), ...several(hereLanes, caller)]);
}
