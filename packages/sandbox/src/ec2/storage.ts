/** Where volumes and snapshots lie on this system: a folder each. Copies are made whole or not at all. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { copyTree } from '../instance/copy.ts';
import type { MachineMode } from '../instance/machine.ts';
import { removeTree } from '../instance/remove.ts';

export interface StorageOptions {
  /** Folder of the service. */
  readonly directory: string;
  /** Whether copies survive a power cut before they are reported. */
  readonly durable: boolean;
  /** How this system isolates machines, and so with whose rights their files are read. */
  mode(): Promise<MachineMode>;
}

export class Storage {
  readonly #options: StorageOptions;

  constructor(options: StorageOptions) {
    this.#options = options;
  }

  volume(id: string): string {
    return join(this.#options.directory, 'volumes', id);
  }

  snapshot(id: string): string {
    return join(this.#options.directory, 'snapshots', id);
  }

  /** A volume with nothing on it, as if its file system had just been made. */
  makeEmpty(id: string): void {
    mkdirSync(this.volume(id), { recursive: true });
  }

  async copy(source: string, target: string): Promise<void> {
    mkdirSync(join(target, '..'), { recursive: true, mode: 0o700 });
    await copyTree(source, target, await this.#options.mode(), this.#options.durable);
  }

  /** With what the mount of a disk keeps beside it. */
  async removeVolume(id: string): Promise<void> {
    await removeTree(this.volume(id));
    await removeTree(`${this.volume(id)}.overlay`);
  }

  removeSnapshot(id: string): Promise<void> {
    return removeTree(this.snapshot(id));
  }

  /** Removes what no record names: copies that the end of the sandbox broke off. */
  async sweep(volumes: ReadonlySet<string>, snapshots: ReadonlySet<string>): Promise<void> {
    for (const [folder, live] of [
      ['volumes', volumes],
      ['snapshots', snapshots],
    ] as const)
      for (const name of entries(join(this.#options.directory, folder)))
        if (!live.has(name)) await removeTree(join(this.#options.directory, folder, name));
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // nothing was made yet
  }
}
