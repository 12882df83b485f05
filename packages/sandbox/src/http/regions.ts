/** Regions that can be lost: nothing in them answers any more, until they come back. */

export interface RegionSwitch {
  /**
   * Cuts a region off: requests signed for it are reset (IAM excepted, which is global), and its instances lose power.
   * Resolves when they have. Not remembered over a restart of the sandbox.
   */
  lose(region: string): Promise<void>;
  /** Brings it back: what ran there boots again with its files. */
  restore(region: string): Promise<void>;
  /** Names of the regions that are lost now. */
  lost(): readonly string[];
}

/** What reacts to the loss of a region and to its return. */
export interface RegionListener {
  regionLost?(region: string): Promise<void>;
  regionRestored?(region: string): Promise<void>;
}

export class Regions implements RegionSwitch {
  readonly #lost = new Set<string>();
  readonly #listeners: () => readonly RegionListener[];

  constructor(listeners: () => readonly RegionListener[]) {
    this.#listeners = listeners;
  }

  async lose(region: string): Promise<void> {
    this.#lost.add(region);
    await Promise.all(this.#listeners().map((one) => one.regionLost?.(region)));
  }

  async restore(region: string): Promise<void> {
    if (!this.#lost.delete(region)) return;
    await Promise.all(this.#listeners().map((one) => one.regionRestored?.(region)));
  }

  lost(): readonly string[] {
    return [...this.#lost].sort();
  }

  /** Whether a request reaches nobody. */
  unreachable(service: string, region: string): boolean {
    return service !== 'iam' && this.#lost.has(region);
  }
}
