/** Times the steps of the demo, counts the cloud's requests, and shows each step as it goes. */
import type { Sandbox } from '@hostark/sandbox';
import type { CommandContext } from '../context.ts';
import type { Cloud } from '../hosts/cloud.ts';
import { formatBytes, formatCount, formatSeconds } from '../terminal/format.ts';
import type { Output } from '../terminal/output.ts';
import type { ChosenData } from './data.ts';

/** What the steps share. */
export interface DemoState {
  readonly context: CommandContext;
  readonly cloud: Cloud;
  readonly sandbox: Sandbox;
  readonly directory: string;
  /** What goes onto the host. */
  readonly data: ChosenData;
}

/** Says one fact of a step. */
export type Say = (line: string) => void;

export interface StepResult {
  readonly name: string;
  readonly seconds: number;
  /** Bytes that the step moved: what that means is the step's own matter (stored, sent, restored). */
  readonly bytes: number;
  /** Requests that the cloud answered meanwhile, all services. */
  readonly requests: number;
}

const TITLES: Readonly<Record<string, string>> = {
  bucket: 'create and harden a bucket',
  host: 'launch a host that may write there, and give it data',
  backup: 'back it up, change it, back it up again',
  destroy: 'destroy the host and all that belongs to it',
  recover: 'download, check, and bring everything back',
};

export class Stage {
  readonly results: StepResult[] = [];
  readonly #out: Output;
  readonly #sandbox: Sandbox;

  readonly #titles: Readonly<Record<string, string>>;

  constructor(out: Output, sandbox: Sandbox, titles: Readonly<Record<string, string>> = TITLES) {
    this.#out = out;
    this.#sandbox = sandbox;
    this.#titles = titles;
  }

  /** Runs one step; `work` returns how many bytes it moved besides its result. */
  async step<T extends { readonly bytesMoved: number }>(name: string, work: (say: Say) => Promise<T>): Promise<T> {
    const number = this.results.length + 1;
    const startedAt = performance.now();
    const before = this.#requests();
    this.#out.data({ type: 'step', schema: 1, name, state: 'started' });
    this.#out.print(`\n${number}. ${name}: ${this.#titles[name] ?? ''}`);
    const result = await work((line) => {
      this.#out.data({ type: 'fact', schema: 1, step: name, text: line });
      this.#out.print(`   ${line}`);
    });
    const outcome = {
      name,
      seconds: (performance.now() - startedAt) / 1000,
      bytes: result.bytesMoved,
      requests: this.#requests() - before,
    };
    this.results.push(outcome);
    this.#out.data({ type: 'step', schema: 1, state: 'done', ...outcome });
    this.#out.print(
      `   ${formatSeconds(outcome.seconds)}, ${formatBytes(outcome.bytes)}, ${formatCount(outcome.requests)} requests`,
    );
    return result;
  }

  #requests(): number {
    return Object.values(this.#sandbox.counts()).reduce((sum, count) => sum + count, 0);
  }
}
