/** The inner side of a thread: what it is told first, then its messages, until it is asked to end. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { END } from './ending.ts';

/**
 * Serves the thread that started this one; nothing where this is not a thread. `begin` gets the first message and returns what
 * is done with each of the others.
 */
export function serve<Setup, Message extends object>(
  begin: (setup: Setup, port: MessagePort) => (message: Message) => void,
): void {
  const port = parentPort;
  if (port === null) return;
  let take: ((message: Message) => void) | null = null;
  port.on('message', (message: Setup | Message | typeof END) => {
    if (message === END) port.close();
    else if (take === null) take = begin(message as Setup, port);
    else take(message as Message);
  });
}
