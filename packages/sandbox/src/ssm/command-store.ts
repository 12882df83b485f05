/**
 * Commands that were sent and what became of them, instance by instance. Kept in memory: they end with the sandbox, as
 * do the machines they run on.
 */
import type { Input } from './call.ts';

/** Statuses that will not change any more come with an end time. */
export const INVOCATION_STATUSES = [
  'Pending',
  'InProgress',
  'Cancelling',
  'Success',
  'Failed',
  'TimedOut',
  'Cancelled',
] as const;
export type InvocationStatus = (typeof INVOCATION_STATUSES)[number];

const FINAL: ReadonlySet<InvocationStatus> = new Set(['Success', 'Failed', 'TimedOut', 'Cancelled']);

export interface Invocation {
  readonly instanceId: string;
  readonly hostname: string;
  status: InvocationStatus;
  /** 'DeliveryTimedOut', 'ExecutionTimedOut' or the status. */
  details: string;
  /** -1 until it has ended. */
  responseCode: number;
  startedAt: number | null;
  endedAt: number | null;
  stdout: string;
  stderr: string;
  /** Ends what runs on the instance; null when nothing does. */
  kill: (() => void) | null;
}

export interface CommandRecord {
  readonly id: string;
  readonly region: string;
  readonly comment: string;
  readonly script: string;
  readonly parameters: Readonly<Record<string, readonly string[]>>;
  readonly targets: readonly Input[];
  readonly instanceIds: readonly string[];
  readonly requestedAt: number;
  readonly deliverySeconds: number;
  readonly executionSeconds: number;
  readonly invocations: readonly Invocation[];
}

export class CommandStore {
  readonly #commands = new Map<string, CommandRecord>();

  add(command: CommandRecord): void {
    this.#commands.set(command.id, command);
  }

  get(region: string, id: string): CommandRecord | null {
    const found = this.#commands.get(id);
    return found?.region === region ? found : null;
  }

  /** Newest first, as AWS lists them. */
  of(region: string): readonly CommandRecord[] {
    return [...this.#commands.values()].filter((command) => command.region === region).reverse();
  }

  /** Ends what still runs and delivers nothing more. */
  stop(): void {
    for (const { invocations } of this.#commands.values())
      for (const invocation of invocations) {
        if (hasEnded(invocation)) continue;
        invocation.status = 'Cancelling';
        invocation.kill?.();
      }
  }
}

export function hasEnded(invocation: Invocation): boolean {
  return FINAL.has(invocation.status);
}

/** The status of a command is the one of its invocations that says most (AWS: "Command status"). */
export function statusOf(command: CommandRecord): InvocationStatus {
  const order: readonly InvocationStatus[] = [
    'Cancelling',
    'InProgress',
    'Pending',
    'Failed',
    'TimedOut',
    'Cancelled',
    'Success',
  ];
  return order.find((status) => command.invocations.some((one) => one.status === status)) ?? 'Success';
}
