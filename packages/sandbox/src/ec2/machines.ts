/**
 * What of instances runs: their machines, metadata and SSH servers, started and ended by what the records say. States and
 * turns are the lifecycle's; here nothing waits for anything but the machine itself.
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
import { elasticOf, publicIpOf } from './addresses.ts';
import { prepareRoot } from './first-boot.ts';
import { hostnameOf } from './fleet.ts';
import type { Attachment, InstanceRecord, RegionRecord } from './model.ts';
import { Storage } from './storage.ts';

export interface MachinesOptions {
  readonly context: ServiceContext;
  readonly profiles: ProfileStore;
  /** The region's records as they are now. */
  readonly records: (region: string) => RegionRecord;
  /** A machine ended that nobody asked to end. */
  readonly onExit: (region: string, instance: InstanceRecord) => void;
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

export class Machines {
  readonly storage: Storage;
  /** Where the sandbox's AWS services answer; known once the server listens. */
  endpoint = '';
  readonly #context: ServiceContext;
  readonly #options: MachinesOptions;
  readonly #running = new Map<string, Running>();
  #mode: Promise<MachineMode> | null = null;

  constructor(options: MachinesOptions) {
    this.#options = options;
    this.#context = options.context;
    const { directory, durable } = options.context;
    this.storage = new Storage({ directory, durable, mode: () => this.#detectedMode() });
  }

  /** The machine of an instance that runs, else null. */
  of(id: string): Machine | null {
    return this.#running.get(id)?.machine ?? null;
  }

  /** Ids of the instances that run. */
  ids(): string[] {
    return [...this.#running.keys()];
  }

  /** Opens and closes the SSH server's elastic address as the records say now. */
  async followElastic(region: string, instance: InstanceRecord): Promise<void> {
    const running = this.#running.get(instance.id);
    if (running === undefined) return;
    await running.elastic?.close();
    const address = elasticOf(this.#options.records(region), instance.id);
    running.elastic = address === null ? null : await startForward(address.publicIp, running.ssh.port);
  }

  /** Whether fsfreeze holds the volume now. */
  frozen(instance: InstanceRecord, attachment: Attachment): boolean {
    const { mountPath } = this.volumeOf(instance, attachment);
    const record = mountPath.replaceAll('%', '%25').replaceAll('/', '%2F');
    return this.#running.has(instance.id) && existsSync(join(this.#frozenDirectory(instance.id), record));
  }

  /** What the machine writes to its console. */
  consoleFile(id: string): string {
    return join(this.#directory(id), 'console.log');
  }

  /** Removes what the machine left besides its volumes. */
  async remove(id: string): Promise<void> {
    await removeTree(this.#directory(id));
  }

  /** Boots the machine and its servers, and writes into the record where they listen. */
  async boot(region: string, instance: InstanceRecord): Promise<void> {
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
        ...{ instance, region, accountId, identities, profiles: this.#options.profiles, now },
        publicIp: () => publicIpOf(this.#options.records(region), instance),
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
    await this.followElastic(region, instance);
    void machine.exited.then(() => {
      if (this.of(instance.id) === machine) this.#options.onExit(region, instance);
    });
  }

  /** The whole environment that a machine starts with: loopback stands for 169.254.169.254 and amazonaws.com. */
  #environment(region: string, metadataPort: number): Record<string, string> {
    return {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${metadataPort}`,
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
    };
  }

  /** The root volume first. */
  #volumes(instance: InstanceRecord): MachineVolume[] {
    const volumes = instance.attachments.map((attachment) => this.volumeOf(instance, attachment));
    volumes.sort((a, b) => (a.mountPath < b.mountPath ? -1 : 1));
    if (volumes[0]?.mountPath !== '/')
      throw new Error(`the instance has no volume attached at root (${instance.rootDevice})`);
    return volumes;
  }

  /** How an attached volume is put into its machine. */
  volumeOf(instance: InstanceRecord, { volumeId, device }: Attachment): MachineVolume {
    this.storage.makeEmpty(volumeId); // where an earlier version of the sandbox left that to the first boot
    const mountPath = device === instance.rootDevice ? '/' : `/mnt/${device.replace(/^.*\//, '')}`;
    return { directory: this.storage.volume(volumeId), mountPath, disk: mountPath !== '/' };
  }

  /** Ends the machine and its servers, if it runs. */
  async end(id: string): Promise<void> {
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
}
