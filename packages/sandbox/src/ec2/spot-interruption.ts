/** Interruptions of spot instances: announced in the instance's metadata, then carried out. */
import type { IdentityStore } from '../auth/identities.ts';
import type { Lifecycle } from './lifecycle.ts';
import { own } from './lookup.ts';
import type { Ec2Store, InstanceRecord, RegionRecord } from './model.ts';

/** From announcement to end, as on AWS. */
const NOTICE_MS = 120_000;

export interface Interruption {
  /** Milliseconds from the announcement to the end; default two minutes. */
  readonly noticeMs?: number;
}

/** Announces the end of a running spot instance. Throws RangeError when there is none of that id. */
export type Interrupt = (instanceId: string, interruption?: Interruption) => void;

export interface Interruptions {
  readonly interrupt: Interrupt;
  /** Arms what was announced before the last stop of the sandbox. */
  resume(): void;
  close(): void;
}

export function interruptions(store: Ec2Store, lifecycle: Lifecycle, now: () => number): Interruptions {
  const timers = new Set<NodeJS.Timeout>();
  const arm = (region: string, instance: InstanceRecord, at: number): void => {
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        carryOut(store, lifecycle, region, instance, now());
      },
      Math.max(0, at - now()),
    );
    timers.add(timer.unref());
  };
  return {
    interrupt: (instanceId, { noticeMs = NOTICE_MS } = {}) => {
      for (const [name, region] of store.regions()) {
        const instance = own(region.instances, instanceId);
        const request = requestOf(region, instance);
        if (instance === null || request === null || instance.state !== 'running') continue;
        const at = now() + noticeMs;
        instance.interruption = { action: request.interruption, at };
        Object.assign(request, { status: 'marked-for-termination', updatedAt: now() });
        store.save();
        return arm(name, instance, at);
      }
      throw new RangeError(`expected a running spot instance, got ${instanceId}`);
    },
    resume: () => {
      for (const [name, region] of store.regions())
        for (const instance of Object.values(region.instances))
          if (instance.interruption !== undefined) arm(name, instance, instance.interruption.at);
    },
    close: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

function requestOf(region: RegionRecord, instance: InstanceRecord | null) {
  return instance?.spotRequestId === undefined ? null : own(region.spotRequests, instance.spotRequestId);
}

function carryOut(store: Ec2Store, lifecycle: Lifecycle, name: string, instance: InstanceRecord, now: number): void {
  const region = store.regions().find(([other]) => other === name)?.[1];
  const request = region === undefined ? null : requestOf(region, instance);
  const action = instance.interruption?.action;
  if (request === null || action === undefined || instance.state !== 'running') return;
  if (action === 'terminate') {
    Object.assign(request, { state: 'closed', status: 'instance-terminated-no-capacity', updatedAt: now });
    void lifecycle.terminate(name, instance, 'Server.SpotInstanceTermination');
  } else {
    delete instance.interruption;
    Object.assign(request, { status: 'instance-stopped-no-capacity', updatedAt: now });
    void lifecycle.stop(instance, 'Server.SpotInstanceShutdown');
  }
}

const OFFERED = new WeakMap<IdentityStore, Interrupt>();

/** Called by EC2, once. */
export function offerInterrupt(identities: IdentityStore, interrupt: Interrupt): void {
  OFFERED.set(identities, interrupt);
}

/** The interruption of this sandbox's spot instances. */
export function interruptOf(identities: IdentityStore): Interrupt {
  return (id, interruption) => {
    const offered = OFFERED.get(identities);
    if (offered === undefined) throw new RangeError(`expected a running spot instance, got ${id}`);
    offered(id, interruption);
  };
}
