/**
 * The entry point of a worker thread: an Engine between two message ports. Bundled to dist/worker.cjs.
 * Reads source files; never touches the repository's storage.
 */
import type { MessagePort } from 'node:worker_threads';
import { serve } from '../threads/serve.ts';
import { Engine } from './engine.ts';
import type { EngineSetup, SlabPack } from './jobs.ts';
import type { Slab, SlabExchange } from './slabs.ts';
import type { FromWorker, ToWorker } from './thread-messages.ts';

/** Slabs that come and go by message. One is asked for at a time. */
class PortSlabs implements SlabExchange {
  readonly #port: MessagePort;
  #arrived: ((message: ToWorker & { kind: 'slab' }) => void) | null = null;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  async take(): Promise<Slab> {
    const arrival = new Promise<ToWorker & { kind: 'slab' }>((resolve) => {
      this.#arrived = resolve;
    });
    post(this.#port, { kind: 'want-slab' });
    const { index, memory } = await arrival;
    if (memory === null) throw new Error('no more packs are accepted');
    return { index, memory };
  }

  piece(slab: Slab, length: number): void {
    post(this.#port, { kind: 'piece', index: slab.index, length });
  }

  give(slab: Slab, pack: SlabPack): void {
    // The other side knows slabs by number: memory of another origin would not be what it saves.
    if (slab.lentFor !== undefined) throw new Error('a pack outgrew its slab in a worker');
    post(this.#port, { kind: 'pack', index: slab.index, pack });
  }

  receive(message: ToWorker & { kind: 'slab' }): void {
    this.#arrived?.(message);
    this.#arrived = null;
  }
}

function post(port: MessagePort, message: FromWorker): void {
  port.postMessage(message);
}

serve((setup: EngineSetup, port) => {
  const slabs = new PortSlabs(port);
  const engine = new Engine(setup, slabs);
  let last: Promise<void> = Promise.resolve();
  return (message: ToWorker) => {
    if (message.kind === 'slab') {
      slabs.receive(message);
      return;
    }
    last = last.then(async () => {
      try {
        post(port, { kind: 'done', result: await engine.run(message.job) });
      } catch (error) {
        post(port, { kind: 'failed', error });
      }
    });
  };
});
