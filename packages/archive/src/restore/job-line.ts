/**
 * Jobs of one thread, one after another, in the order in which they came; while one is done, the bytes of the next are read. Those of
 * large blobs go beside them, many at a time.
 */
import { nodePlatform, PAGE_BYTES, type Platform, posix } from '@hostark/kernels';
import { BlobTable } from '@hostark/repository';
import { DirectFile, Pages } from '../disk/direct-file.ts';
import { BlobsAbreast, type FileSegment } from './blobs-abreast.ts';
import { ARENA_BYTES, type CrewSetup, jobRunner, type RestoreJob, type RestoreOutcome } from './job.ts';
import { Slots } from './limited.ts';

/** One that is done and one that is read. */
const AT_ONCE = 2;

export class JobLine {
  readonly #do: (job: RestoreJob, bytes: Uint8Array) => RestoreOutcome;
  readonly #blobs: BlobTable;
  readonly #newAbreast: () => BlobsAbreast | null;
  /** Undefined until it is wanted: most restores have no use for it. */
  #abreast: BlobsAbreast | null | undefined;
  readonly #places = new Slots(AT_ONCE);
  readonly #free: Pages[] = Array.from({ length: AT_ONCE }, () => new Pages(ARENA_BYTES + 2 * PAGE_BYTES));
  #last: Promise<unknown> = Promise.resolve();

  constructor(setup: CrewSetup, platform: Platform = nodePlatform()) {
    const tools = { platform, system: posix(), actor: setup.actor };
    this.#blobs = BlobTable.attach(setup.blobs);
    this.#do = jobRunner(setup.key, tools, this.#blobs);
    this.#newAbreast = () => BlobsAbreast.create(tools, this.#blobs, setup.key);
  }

  /** Rejects for errors of ours, not of the repository: those are outcomes. */
  async run(job: RestoreJob): Promise<RestoreOutcome> {
    const abreast = this.#abreastFor(job);
    if (abreast !== null) return { kind: 'written', written: await abreast.run(job as RestoreJob & FileSegment) };
    return await this.#places.run(async () => {
      const pages = this.#free.pop()!;
      try {
        const reading = bytesOf(job, pages);
        const done = this.#last.then(async () => this.#do(job, await reading));
        this.#last = done.catch(() => {});
        return await done;
      } finally {
        this.#free.push(pages);
      }
    });
  }

  /** To be called once no further job comes. */
  close(): void {
    this.#abreast?.close();
  }

  #abreastFor(job: RestoreJob): BlobsAbreast | null {
    if (job.kind !== 'segment' || job.source.kind !== 'file' || !BlobsAbreast.suits(job, this.#blobs)) return null;
    if (this.#abreast === undefined) this.#abreast = this.#newAbreast();
    return this.#abreast;
  }
}

/** Resolves with what there is of a segment; fewer bytes where its pack is missing or too short: its blobs are damaged then. */
async function bytesOf(job: RestoreJob, pages: Pages): Promise<Uint8Array> {
  if (job.kind !== 'segment') return NOTHING;
  const { source } = job;
  if (source.kind === 'bytes') return source.bytes;
  try {
    const file = new DirectFile(source.path);
    try {
      return await file.read(source, pages.for(source));
    } finally {
      file.close();
    }
  } catch {
    return NOTHING;
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);
