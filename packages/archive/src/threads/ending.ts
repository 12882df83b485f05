/**
 * How a thread ends: when it is asked, between two messages, by itself. Worker.terminate() would cut it off at any
 * instruction, also while a native module is being loaded or a native call returns; Node-API cannot make values then, and
 * koffi ends the whole process (SIGABRT, "napi_throw").
 */
import type { Worker } from 'node:worker_threads';

/** No other message is a string. */
export const END = 'end';

/** Asks a thread that uses serve() to end, and waits until it has. Messages posted before are served first. */
export async function endThread(worker: Worker): Promise<void> {
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  // The id becomes -1 before 'exit' is emitted: who asks later would wait for ever.
  if (worker.threadId === -1) return;
  worker.postMessage(END);
  await ended;
}
