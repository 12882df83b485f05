/** What cloud operations tell while they run: one event per step, besides the progress that all operations share. */
import type { OperationEvent } from '@hostark/protocol';

/** One step on one resource. `done` follows `started` unless the step failed; `kept` means there was nothing to do. */
export interface StepEvent {
  readonly type: 'step';
  /** What is done, in words: 'create', 'tag', 'wait', 'delete' … */
  readonly step: string;
  readonly state: 'started' | 'done' | 'kept';
  /** The kind of resource: 'bucket', 'instance', 'security-group' … */
  readonly resource: string;
  /** The name or the id given by the cloud, as soon as it is known. */
  readonly id: string;
}

export type CloudEvent = StepEvent | OperationEvent;

/** Receives events; must return quickly and not throw. */
export type CloudEventSink = (event: CloudEvent) => void;
