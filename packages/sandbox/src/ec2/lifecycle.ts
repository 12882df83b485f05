/**
 * The life of instances: boots, stops, ends and restarts their machines with metadata and SSH servers, and keeps
 * the records true. Changes of one instance happen one after the other.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceContext } from '../http/service.ts';
import type { ProfileStore } from '../iam/profiles.ts';
import { metadataContent } from '../imds/content.ts';
import { type MetadataServer, startMetadataServer } from '../imds/server.ts';
import { boot, detectMode, isLoginUser } from '../instance/boot.ts';
import type { Machine, MachineMode, MachineVolume } from '../instance/machine.ts';
import { removeTree } from '../instance/remove.ts';
import { makeRoot } from '../instance/root.ts';
import { type SshServer, startSshServer } from '../ssh/server.ts';
import { offerFleet } from '../ssm/fleet.ts';
import { IMAGES } from './catalog.ts';
import { fleet, hostnameOf } from './fleet.ts';
import type { Ec2Store, InstanceRecord, RegionRecord } from './model.ts';
import { readUserData } from './user-data.ts';

export interface LifecycleOptions {
  readonly context: ServiceContext;
  readonly store: Ec2Store;
  readonly profiles: ProfileStore;
}

interface Running {
  readonly machine: Machine;
  readonly metadata: MetadataServer;
  readonly ssh: SshServer;
}

/** A launch with this tag and value 'folder' gets a folder machine even where namespaces work. */
export const MODE_TAG = 'sandbox:mode';

export class Lifecycle {
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
    offerFleet(
      this.#context.identities,
      fleet(this.#store, (id) => this.#running.get(id)?.machine ?? null),
    );
  }

  /** Brings back what the last run of the sandbox left, now that its endpoint is known. */
  async start(endpoint: string): Promise<void> {
    this.#endpoint = endpoint;
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
    await Promise.all(this.#turns.values());
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
        await removeTree(this.volumeDirectory(attachment.volumeId));
        delete records.volumes[attachment.volumeId];
      }
      instance.attachments.length = 0;
      delete records.interfaces[instance.interfaceId];
      await removeTree(this.#directory(instance.id));
      instance.association = null;
      instance.state = 'terminated';
      instance.terminatedAt = this.#context.now();
      this.#store.save();
    });
  }

  volumeDirectory(volumeId: string): string {
    return join(this.#context.directory, 'volumes', volumeId);
  }

  consoleFile(id: string): string {
    return join(this.#directory(id), 'console.log');
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
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(work);
    this.#turns.set(id, turn);
    return turn.finally(() => {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    });
  }

  async #boot(region: string, instance: InstanceRecord): Promise<void> {
    const directory = this.#directory(instance.id);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#mode ??= detectMode(directory);
    const mode: MachineMode = instance.tags[MODE_TAG] === 'folder' ? 'folder' : await this.#mode;
    const volumes = this.#volumes(instance);
    this.#prepareRoot(instance, mode, volumes[0] as MachineVolume);
    const { identities, accountId, now, serviceMayAssume } = this.#context;
    const metadata = await startMetadataServer({
      port: instance.metadataPort,
      tokensOptional: () => instance.metadata.tokens === 'optional',
      enabled: () => instance.metadata.endpoint === 'enabled',
      source: metadataContent({
        ...{ instance, region, accountId, identities, profiles: this.#profiles, now },
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
    this.#running.set(instance.id, { machine, metadata, ssh });
    instance.metadataPort = metadata.port;
    instance.sshPort = ssh.port;
    instance.mode = mode;
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

  #volumes(instance: InstanceRecord): MachineVolume[] {
    return instance.attachments.map(({ volumeId, device }) => {
      const directory = this.volumeDirectory(volumeId);
      mkdirSync(directory, { recursive: true });
      return { directory, mountPath: device === instance.rootDevice ? '/' : `/mnt/${device.replace(/^.*\//, '')}` };
    });
  }

  #prepareRoot(instance: InstanceRecord, mode: MachineMode, root: MachineVolume): void {
    if (existsSync(join(root.directory, 'etc/machine-id'))) return; // not the first boot
    const { script } = readUserData(instance.userData);
    makeRoot({
      directory: root.directory,
      mode,
      hostname: hostnameOf(instance),
      machineId: instance.id.slice(2).padStart(32, 'e'),
      osRelease: IMAGES.find((image) => image.id === instance.imageId)?.osRelease ?? [],
      hostKey: instance.hostPublicKey,
      authorizedKeys: instance.publicKeys,
      ...(script === null ? {} : { bootScript: script }),
    });
  }

  async #end(id: string): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id); // first: the exit that follows is meant
    running.machine.kill();
    await Promise.all([running.machine.exited, running.ssh.close(), running.metadata.close()]);
  }

  /** The machine ended by itself or was killed from outside: as on AWS, a shutdown from within. */
  #ended(region: string, instance: InstanceRecord, machine: Machine): void {
    if (this.#running.get(instance.id)?.machine !== machine || this.#closing) return;
    const reason = 'Client.InstanceInitiatedShutdown';
    if (instance.shutdownBehavior === 'terminate') void this.terminate(region, instance, reason);
    else void this.stop(instance, reason);
  }
}

function stateReason(code: string): { code: string; message: string } {
  const text: Record<string, string> = {
    'Client.UserInitiatedShutdown': 'User initiated shutdown',
    'Client.InstanceInitiatedShutdown': 'Instance initiated shutdown',
  };
  return { code, message: `${code}: ${text[code] ?? code}` };
}
