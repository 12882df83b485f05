/**
 * The life of instances: boots, stops, ends and restarts their machines with metadata and SSH servers, and keeps
 * the records true. Changes of one instance happen one after the other.
 */
import type { ServiceContext } from '../http/service.ts';
import type { ProfileStore } from '../iam/profiles.ts';
import { offerFleet } from '../ssm/fleet.ts';
import { elasticOf } from './addresses.ts';
import { fleet } from './fleet.ts';
import { Machines } from './machines.ts';
import type { Attachment, Ec2Store, InstanceRecord, RegionRecord } from './model.ts';
import type { Storage } from './storage.ts';

export interface LifecycleOptions {
  readonly context: ServiceContext;
  readonly store: Ec2Store;
  readonly profiles: ProfileStore;
}

/** A volume whose files are open is asked for again after this time, until it can be taken away. */
const DETACH_AGAIN_MS = 500;

export class Lifecycle {
  readonly #context: ServiceContext;
  readonly #store: Ec2Store;
  readonly #machines: Machines;
  readonly #turns = new Map<string, Promise<void>>();
  #closing = false;

  constructor(options: LifecycleOptions) {
    this.#context = options.context;
    this.#store = options.store;
    this.#machines = new Machines({
      context: options.context,
      profiles: options.profiles,
      records: (region) => this.#regionRecord(region),
      onExit: (region, instance) => this.#ended(region, instance),
    });
    offerFleet(
      this.#context.identities,
      fleet(this.#store, (id) => this.#machines.of(id)),
    );
  }

  get storage(): Storage {
    return this.#machines.storage;
  }

  /** Brings back what the last run of the sandbox left, now that its endpoint is known. */
  async start(endpoint: string): Promise<void> {
    this.#machines.endpoint = endpoint;
    const regions = this.#store.regions().map(([, records]) => records);
    await this.storage.sweep(
      new Set(regions.flatMap(({ volumes }) => Object.keys(volumes))),
      new Set(regions.flatMap(({ snapshots }) => Object.keys(snapshots))),
    );
    const work: Promise<void>[] = [];
    for (const [region, { instances }] of this.#store.regions()) {
      for (const instance of Object.values(instances)) {
        if (instance.state === 'pending' || instance.state === 'running') {
          instance.state = 'pending';
          work.push(this.launch(region, instance));
        } else if (instance.state === 'shutting-down') work.push(this.terminate(region, instance));
        else if (instance.state === 'stopping') instance.state = 'stopped';
      }
    }
    await Promise.all(work);
  }

  /** Ends all machines and servers; records keep their states, so that the next start continues. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.allSettled(this.#turns.values());
    await Promise.all(this.#machines.ids().map((id) => this.#machines.end(id)));
  }

  /** Process id of the machine's first process, or null when it does not run. */
  pid(id: string): number | null {
    return this.#machines.of(id)?.pid ?? null;
  }

  /** Boots; the record goes from 'pending' to 'running', or to 'stopped' with a reason. */
  launch(region: string, instance: InstanceRecord): Promise<void> {
    return this.#inTurn(instance.id, async () => {
      if (this.#closing || instance.state !== 'pending') return;
      try {
        await this.#machines.boot(region, instance);
        instance.state = 'running';
        instance.stateReason = null;
      } catch (error) {
        await this.#machines.end(instance.id);
        instance.state = 'stopped';
        instance.stateReason = {
          code: 'Server.InternalError',
          message: `Server.InternalError: ${(error as Error).message}`,
        };
      }
      this.#store.save();
    });
  }

  /** Ends the machine and keeps its volumes. */
  stop(instance: InstanceRecord, reason: string): Promise<void> {
    instance.state = 'stopping';
    instance.stateReason = stateReason(reason);
    this.#store.save();
    return this.#inTurn(instance.id, async () => {
      await this.#machines.end(instance.id);
      instance.state = 'stopped';
      this.#store.save();
    });
  }

  /** Ends the machine's processes and boots it again; the record stays 'running'. */
  reboot(region: string, instance: InstanceRecord): Promise<void> {
    return this.#inTurn(instance.id, async () => {
      if (instance.state !== 'running' || this.#closing) return;
      await this.#machines.end(instance.id);
      await this.#machines.boot(region, instance);
      this.#store.save();
    });
  }

  /** Ends the machine for good and removes its network interface and those volumes that go with it. */
  terminate(region: string, instance: InstanceRecord, reason = 'Client.UserInitiatedShutdown'): Promise<void> {
    instance.state = 'shutting-down';
    instance.stateReason ??= stateReason(reason);
    this.#store.save();
    return this.#inTurn(instance.id, async () => {
      await this.#machines.end(instance.id);
      const records = this.#regionRecord(region);
      for (const attachment of instance.attachments) {
        if (!attachment.deleteOnTermination) continue;
        await this.storage.removeVolume(attachment.volumeId);
        delete records.volumes[attachment.volumeId];
      }
      instance.attachments.length = 0;
      releaseOthers(records, instance, this.#context.now());
      delete records.interfaces[instance.interfaceId];
      await this.#machines.remove(instance.id);
      instance.association = null;
      instance.state = 'terminated';
      instance.terminatedAt = this.#context.now();
      this.#store.save();
    });
  }

  /** Puts a volume into an instance: at once where it runs, else at its next boot. */
  attach(instance: InstanceRecord, attachment: Attachment): Promise<void> {
    return this.#inTurn(instance.id, async () => {
      await this.#machines.of(instance.id)?.attach(this.#machines.volumeOf(instance, attachment));
      instance.attachments.push(attachment);
      this.#store.save();
    });
  }

  /** Takes a volume out; while files are open on it, the attachment is 'busy', and it is tried again and again. */
  detach(instance: InstanceRecord, attachment: Attachment, force: boolean): Promise<void> {
    return this.#inTurn(instance.id, async () => {
      const at = instance.attachments.indexOf(attachment);
      if (at < 0 || this.#closing) return; // the instance ended meanwhile, or all do
      const machine = this.#machines.of(instance.id);
      if (machine && !(await machine.detach(this.#machines.volumeOf(instance, attachment).mountPath, force))) {
        attachment.busy = true;
        setTimeout(() => void this.detach(instance, attachment, false).catch(() => undefined), DETACH_AGAIN_MS).unref();
      } else instance.attachments.splice(at, 1);
      this.#store.save();
    });
  }

  /** Opens and closes the SSH server's elastic address as the records say now. */
  async listen(region: string, id: string): Promise<void> {
    const instance = this.#regionRecord(region).instances[id];
    if (instance !== undefined) await this.#inTurn(id, () => this.#machines.followElastic(region, instance));
  }

  /** The power of a region fails: machines end, records stay as they are. */
  async regionLost(region: string): Promise<void> {
    const instances = Object.values(this.#regionOrNone(region)?.instances ?? {});
    await Promise.all(instances.map((one) => this.#inTurn(one.id, () => this.#machines.end(one.id))));
  }

  /** It comes back: what was running boots again. */
  async regionRestored(region: string): Promise<void> {
    const instances = Object.values(this.#regionOrNone(region)?.instances ?? {});
    await Promise.all(
      instances
        .filter((one) => one.state === 'running')
        .map((one) => {
          one.state = 'pending';
          return this.launch(region, one);
        }),
    );
  }

  #regionOrNone(region: string): RegionRecord | undefined {
    return this.#store.regions().find(([name]) => name === region)?.[1];
  }

  /** Does something while no process of these instances runs, so that all their volumes are of one moment. */
  async atOneMoment<T>(instances: readonly InstanceRecord[], work: () => Promise<T>): Promise<T> {
    const [first, ...others] = instances;
    if (first === undefined) return work();
    let result: T | undefined;
    await this.#inTurn(first.id, async () => {
      const machine = this.#machines.of(first.id);
      await machine?.pause();
      try {
        result = await this.atOneMoment(others, work);
      } finally {
        await machine?.resume();
      }
    });
    return result as T;
  }

  /** Whether fsfreeze holds the volume now. */
  frozen(instance: InstanceRecord, attachment: Attachment): boolean {
    return this.#machines.frozen(instance, attachment);
  }

  consoleFile(id: string): string {
    return this.#machines.consoleFile(id);
  }

  #regionRecord(region: string): RegionRecord {
    return this.#store.region(region, () => {
      throw new RangeError(`no region ${region}`);
    });
  }

  #inTurn(id: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#turns.set(id, turn);
    return turn.finally(() => {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    });
  }

  /** The machine ended by itself or was killed from outside: as on AWS, a shutdown from within. */
  #ended(region: string, instance: InstanceRecord): void {
    if (this.#closing) return;
    const reason = 'Client.InstanceInitiatedShutdown';
    if (instance.shutdownBehavior === 'terminate') void this.terminate(region, instance, reason);
    else void this.stop(instance, reason);
  }
}

/** A terminated instance gives its elastic address back and closes its spot request. */
function releaseOthers(records: RegionRecord, instance: InstanceRecord, now: number): void {
  const address = elasticOf(records, instance.id);
  if (address !== null) address.association = null;
  const request = records.spotRequests[instance.spotRequestId ?? ''];
  if (request?.state === 'active')
    Object.assign(request, { state: 'closed', status: 'instance-terminated-by-user', updatedAt: now });
}

function stateReason(code: string): { code: string; message: string } {
  const text: Record<string, string> = {
    'Client.UserInitiatedShutdown': 'User initiated shutdown',
    'Client.InstanceInitiatedShutdown': 'Instance initiated shutdown',
    'Server.SpotInstanceTermination': 'Spot instance termination',
    'Server.SpotInstanceShutdown': 'Spot instance shutdown',
  };
  return { code, message: `${code}: ${text[code] ?? code}` };
}
