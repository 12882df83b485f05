/** All buckets of the sandbox, by name. A bucket's folder is removed with it. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { Bucket } from './bucket.ts';
import type { BucketRecord } from './records.ts';

export class BucketCatalog {
  readonly #directory: string;
  readonly #durable: boolean;
  readonly #buckets = new Map<string, Bucket>();
  /** Names whose creation is under way. */
  readonly #making = new Set<string>();

  private constructor(directory: string, durable: boolean) {
    this.#directory = directory;
    this.#durable = durable;
  }

  static async open(directory: string, durable: boolean): Promise<BucketCatalog> {
    const catalog = new BucketCatalog(directory, durable);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const bucket = await Bucket.open(`${directory}/${name}`, durable);
      if (bucket === null) rmSync(`${directory}/${name}`, { recursive: true });
      else catalog.#buckets.set(name, bucket);
    }
    return catalog;
  }

  get(name: string): Bucket | null {
    return this.#buckets.get(name) ?? null;
  }

  /** Sorted by name. */
  all(): readonly Bucket[] {
    return [...this.#buckets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bucket]) => bucket);
  }

  /** False when the name is in use. */
  async create(record: BucketRecord): Promise<boolean> {
    if (this.#buckets.has(record.name) || this.#making.has(record.name)) return false;
    this.#making.add(record.name);
    try {
      this.#buckets.set(record.name, await Bucket.create(`${this.#directory}/${record.name}`, record, this.#durable));
    } finally {
      this.#making.delete(record.name);
    }
    return true;
  }

  async remove(name: string): Promise<void> {
    const bucket = this.#buckets.get(name);
    this.#buckets.delete(name);
    await bucket?.close();
    rmSync(`${this.#directory}/${name}`, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#buckets.values()].map((bucket) => bucket.close()));
  }
}
