/**
 * The life of instances: boots, stops, ends and restarts their machines with metadata and SSH servers, and keeps
 * the records true. Changes of one instance happen one after the other.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceContext } from '../http/service.ts';
import type { ProfileStore } from '../iam/profiles.ts';
import { metadataContent } from '../imds/content.ts';
import { type MetadataServer, startMetadataServer } from '../imds/server.ts';
import { boot, detectMode, isLoginUser } from '../instance/boot.ts';
import type { Machine, MachineMode, MachineVolume } from '../instance/machine.ts';
import { removeTree } from '../instance/remove.ts';
import { type Forward, startForward } from '../ssh/forward.ts';
import { type SshServer, startSshServer } from '../ssh/server.ts';
import { offerFleet } from '../ssm/fleet.ts';
import { elasticOf, publicIpOf } from './addresses.ts';
import { prepareRoot } from './first-boot.ts';
import { fleet, hostnameOf } from './fleet.ts';
import type { Attachment, Ec2Store, InstanceRecord, RegionRecord } from './model.ts';
import { Storage } from './storage.ts';

export interface LifecycleOptions {
  readonly context: ServiceContext;
  readonly store: Ec2Store;
  readonly profiles: ProfileStore;
}

interface Running {
  readonly machine: Machine;
  readonly metadata: MetadataServer;
  readonly ssh: SshServer;
  /** The SSH server's second address, when the instance has an elastic one. */
  elastic: Forward | null;
}

/** A launch with this tag and value 'folder' gets a folder machine even where namespaces work. */
export const MODE_TAG = 'sandbox:mode';

/** A volume whose files are open is asked for again after this time, until it can be taken away. */
const DETACH_AGAIN_MS = 500;

export class Lifecycle {
  readonly storage: Storage;
  readonly #context: ServiceContext;
  readonly #store: Ec2Store;
  readonly #profiles: ProfileStore;
  readonly #running = new Map<string, Running>();
  readonly #turns = new Map<string, Promise<void>>();
  #mode: Promise<MachineMode> | null = null;
  #endpoint = '';
  #closing = false;

  constructor(options: LifecycleOptions) {
    this.#context = options.context;
    this.#store = options.store;
    this.#profiles = options.profiles;
    const { directory, durable } = options.context;
    this.storage = new Storage({ directory, durable, mode: () => this.#detectedMode() });
    offerFleet(
      this.#context.identities,
      fleet(this.#store, (id) => this.#running.get(id)?.machine ?? null),
    );
  }

  /** Brings back what the last run of the sandbox left, now that its endpoint is known. */
  async start(endpoint: string): Promise<void> {
    this.#endpoint = endpoint;
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
    await Promise.all([...this.#running.keys()].map((id) => this.#end(id)));
  }

  /** Process id of the machine's first process, or null when it does not run. */
  pid(id: string): number | null {
    return this.#running.get(id)?.machine.pid ?? null;
  }

  /** Boots; the record goes from 'pending' to 'running', or to 'stopped' with a reason. */
  launch(region: string, instance: InstanceRecord): Promise<void> {
    return this.#inTurn(instance.id, async () => {
      if (this.#closing || instance.state !== 'pending') return;
      try {
        await this.#boot(region, instance);
        instance.state = 'running';
        instance.stateReason = null;
      } catch (error) {
        await this.#end(instance.id);
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
      await this.#end(instance.id);
      instance.state = 'stopped';
      this.#store.save();
    });
  }

  /** Ends the machine's processes and boots it again; the record stays 'running'. */
  reboot(region: string, instance: InstanceRecord): Promise<void> {
    return this.#inTurn(instance.id, async () => {
      if (instance.state !== 'running' || this.#closing) return;
      await this.#end(instance.id);
      await this.#boot(region, instance);
      this.#store.save();
    });
  }

  /** Ends the machine for good and removes its network interface and those volumes that go with it. */
  terminate(region: string, instance: InstanceRecord, reason = 'Client.UserInitiatedShutdown'): Promise<void> {
    instance.state = 'shutting-down';
    instance.stateReason ??= stateReason(reason);
    this.#store.save();
    return this.#inTurn(instance.id, async () => {
      await this.#end(instance.id);
      const records = this.#regionRecord(region);
      for (const attachment of instance.attachments) {
        if (!attachment.deleteOnTermination) continue;
        await this.storage.removeVolume(attachment.volumeId);
        delete records.volumes[attachment.volumeId];
      }
      instance.attachments.length = 0;
      releaseOthers(records, instance, this.#context.now());
      delete records.interfaces[instance.interfaceId];
      await removeTree(this.#directory(instance.id));
      instance.association = null;
      instance.state = 'terminated';
      instance.terminatedAt = this.#context.now();
      this.#store.save();
    });
  }

  /** Puts a volume into an instance: at once where it runs, else at its next boot. */
  attach(instance: InstanceRecord, attachment: Attachment): Promise<void> {
    return this.#inTurn(instance.id, async () => {
      const running = this.#running.get(instance.id);
      await running?.machine.attach(this.#volumeOf(instance, attachment));
      instance.attachments.push(attachment);
      this.#store.save();
    });
  }

  /** Takes a volume out; while files are open on it, the attachment is 'busy', and it is tried again and again. */
  detach(instance: InstanceRecord, attachment: Attachment, force: boolean): Promise<void> {
    return this.#inTurn(instance.id, async () => {
      const at = instance.attachments.indexOf(attachment);
      if (at < 0 || this.#closing) return; // the instance ended meanwhile, or all do
      const { machine } = this.#running.get(instance.id) ?? {};
      if (machine && !(await machine.detach(this.#volumeOf(instance, attachment).mountPath, force))) {
        attachment.busy = true;
        setTimeout(() => void this.detach(instance, attachment, false).catch(() => undefined), DETACH_AGAIN_MS).unref();
      } else instance.attachments.splice(at, 1);
      this.#store.save();
    });
  }

  /** Opens and closes the SSH server's elastic address as the records say now. */
  async listen(region: string, id: string): Promise<void> {
    const instance = this.#regionRecord(region).instances[id];
    if (instance !== undefined) await this.#inTurn(id, () => this.#followElastic(region, instance));
  }

  async #followElastic(region: string, instance: InstanceRecord): Promise<void> {
    const running = this.#running.get(instance.id);
    if (running === undefined) return;
    await running.elastic?.close();
    const address = elasticOf(this.#regionRecord(region), instance.id);
    running.elastic = address === null ? null : await startForward(address.publicIp, running.ssh.port);
  }

  /** The power of a region fails: machines end, records stay as they are. */
  async regionLost(region: string): Promise<void> {
    const instances = Object.values(this.#regionOrNone(region)?.instances ?? {});
    await Promise.all(instances.map((one) => this.#inTurn(one.id, () => this.#end(one.id))));
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
      const machine = this.#running.get(first.id)?.machine;
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
    const { mountPath } = this.#volumeOf(instance, attachment);
    const record = mountPath.replaceAll('%', '%25').replaceAll('/', '%2F');
    return this.#running.has(instance.id) && existsSync(join(this.#frozenDirectory(instance.id), record));
  }

  consoleFile(id: string): string {
    return join(this.#directory(id), 'console.log');
  }

  /** How this system isolates machines; found out once. */
  #detectedMode(): Promise<MachineMode> {
    this.#mode ??= detectMode(join(this.#context.directory, 'instances'));
    return this.#mode;
  }

  /** Records of the fsfreeze stand-in; seen inside at /run/sandbox/frozen. */
  #frozenDirectory(id: string): string {
    return join(this.#directory(id), 'frozen');
  }

  #directory(id: string): string {
    return join(this.#context.directory, 'instances', id);
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

  async #boot(region: string, instance: InstanceRecord): Promise<void> {
    const directory = this.#directory(instance.id);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const mode: MachineMode = instance.tags[MODE_TAG] === 'folder' ? 'folder' : await this.#detectedMode();
    const volumes = this.#volumes(instance);
    prepareRoot(instance, mode, volumes[0] as MachineVolume);
    const frozen = this.#frozenDirectory(instance.id);
    rmSync(frozen, { recursive: true, force: true }); // nothing stays frozen over a boot
    mkdirSync(frozen, { mode: 0o700 });
    volumes.push({ directory: frozen, mountPath: '/run/sandbox/frozen' });
    const { identities, accountId, now, serviceMayAssume } = this.#context;
    const metadata = await startMetadataServer({
      port: instance.metadataPort,
      tokensOptional: () => instance.metadata.tokens === 'optional',
      enabled: () => instance.metadata.endpoint === 'enabled',
      source: metadataContent({
        ...{ instance, region, accountId, identities, profiles: this.#profiles, now },
        publicIp: () => publicIpOf(this.#regionRecord(region), instance),
        mayAssume: (role) => serviceMayAssume(role, 'ec2.amazonaws.com'),
      }),
      now,
    });
    let machine: Machine;
    try {
      machine = await boot({
        id: instance.id,
        hostname: hostnameOf(instance),
        mode,
        volumes,
        environment: this.#environment(region, metadata.port),
        consoleFile: this.consoleFile(instance.id),
      });
    } catch (error) {
      await metadata.close();
      throw error;
    }
    let ssh: SshServer;
    try {
      ssh = await startSshServer({
        hostKey: instance.hostKey,
        port: instance.sshPort,
        authorizedKeys: () => instance.publicKeys,
        isUser: isLoginUser,
        spawn: (login) => machine.spawn(login),
      });
    } catch (error) {
      machine.kill();
      await metadata.close();
      throw error;
    }
    this.#running.set(instance.id, { machine, metadata, ssh, elastic: null });
    instance.metadataPort = metadata.port;
    instance.sshPort = ssh.port;
    instance.mode = mode;
    await this.#followElastic(region, instance);
    void machine.exited.then(() => this.#ended(region, instance, machine));
  }

  /** The whole environment that a machine starts with: loopback stands for 169.254.169.254 and amazonaws.com. */
  #environment(region: string, metadataPort: number): Record<string, string> {
    return {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${metadataPort}`,
      AWS_ENDPOINT_URL: this.#endpoint,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
    };
  }

  /** The root volume first. */
  #volumes(instance: InstanceRecord): MachineVolume[] {
    const volumes = instance.attachments.map((attachment) => this.#volumeOf(instance, attachment));
    volumes.sort((a, b) => (a.mountPath < b.mountPath ? -1 : 1));
    if (volumes[0]?.mountPath !== '/')
      throw new Error(`the instance has no volume attached at root (${instance.rootDevice})`);
    return volumes;
  }

  #volumeOf(instance: InstanceRecord, { volumeId, device }: Attachment): MachineVolume {
    this.storage.makeEmpty(volumeId); // where an earlier version of the sandbox left that to the first boot
    const mountPath = device === instance.rootDevice ? '/' : `/mnt/${device.replace(/^.*\//, '')}`;
    return { directory: this.storage.volume(volumeId), mountPath, disk: mountPath !== '/' };
  }

  async #end(id: string): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id); // first: the exit that follows is meant
    running.machine.kill();
    await Promise.all([
      running.machine.exited,
      running.ssh.close(),
      running.metadata.close(),
      running.elastic?.close(),
    ]);
  }

  /** The machine ended by itself or was killed from outside: as on AWS, a shutdown from within. */
  #ended(region: string, instance: InstanceRecord, machine: Machine): void {
    if (this.#running.get(instance.id)?.machine !== machine || this.#closing) return;
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
