/**
 * Whether every list of a bucket shows all that was saved before it was asked for, judged by who answers.
 *
 * A lock needs that (see locks/lock.ts): each party saves its lock, learns that it is stored, and then lists. Where lists are
 * strongly consistent, whoever stored later sees the other's lock, so that at least one of two gives way, and a wait between
 * the two steps adds nothing. It stays right beside others who do wait, as stock restic does: the proof asks of each party only
 * that it lists after it has stored.
 *
 * S3 promises it for every bucket since December 2020 ("Amazon S3 data consistency model" in its user guide), MinIO for every
 * deployment ("strict consistency"), and both name themselves in each answer. Amazon's multi-region access points, which
 * replicate later, take signatures only that we do not make. Other stores name no rule that we know, and a cache in between
 * may tell what was: there the wait stays.
 */

/** The sandbox among them: its lists read what its saves wrote, in one process. */
const COHERENT_SERVERS: ReadonlySet<string> = new Set(['AmazonS3', 'MinIO', 'HostarkSandbox']);

/** Fields of those who pass answers on. */
const BETWEEN: readonly string[] = ['via', 'age', 'x-cache'];

/** What the answers of one endpoint have told so far. */
export class Coherence {
  #asked = false;
  #doubtful = false;

  /** Takes note of an answer; names are in lower case. */
  saw(headers: ReadonlyMap<string, string>): void {
    this.#asked = true;
    this.#doubtful ||= !COHERENT_SERVERS.has(headers.get('server') ?? '') || BETWEEN.some((name) => headers.has(name));
  }

  /** True when there were answers and all of them came from such a server itself: one stranger is enough for doubt. */
  get holds(): boolean {
    return this.#asked && !this.#doubtful;
  }
}
