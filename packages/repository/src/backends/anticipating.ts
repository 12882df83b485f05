/**
 * Asks for what opening a repository will want, before it does: the config, and the key if it is known; else the list of keys,
 * then the key, if there is just one; and the list of locks; and, while a key is derived, for the lists that the command will read.
 *
 * The first look at the locks is so older by what deriving a key takes. It only spares a lock that would be refused anyway:
 * what decides is the look after the lock was written, and that is asked for when it is due. Lists of what the lock protects
 * are early reading, too: once a lock is certain, what was answered before is forgotten here, and who has used it already looks
 * whether the index is still the same. Who takes no lock reads what was there a moment ago.
 */
import type {
  Backend,
  BackendTraits,
  Body,
  ByteRange,
  FileType,
  Handle,
  LoadOptions,
  SaveOptions,
} from '../backend.ts';
import { type Clock, systemClock } from './clock.ts';
import { printHandle } from './layout.ts';
import { type Listing, listWhole } from './listing.ts';

export interface AnticipatingOptions {
  /** Whether a lock will be taken. */
  readonly locks: boolean;
  /** The name of the key that will open it, if that is known: then no list of keys is needed. */
  readonly key?: string | undefined;
  /** What will be listed, in this order: each is asked for when the one before has answered, since order matters to readers. */
  readonly lists?: readonly FileType[];
  readonly clock?: Clock;
}

/** Something asked for, and when. */
interface Asked<T> {
  readonly answer: Promise<T>;
  readonly atMs: number;
}

/** Answers that nobody wanted for so long (a password is being typed) are asked for again. */
const FRESH_MS = 5_000;

/**
 * Begins at once. Each answer is given out once, a failure too; wrap it in retries. Saves and removals make it forget what
 * they change.
 */
export function anticipating(inner: Backend, options: AnticipatingOptions): Backend {
  return new Anticipating(inner, options);
}

class Anticipating implements Backend {
  readonly #inner: Backend;
  readonly #clock: Clock;
  readonly #objects = new Map<string, Asked<Uint8Array>>();
  readonly #lists = new Map<FileType, Asked<Listing>>();
  readonly traits: BackendTraits;

  constructor(inner: Backend, { locks, key, lists = [], clock = systemClock }: AnticipatingOptions) {
    this.#inner = inner;
    this.#clock = clock;
    this.traits = { ...inner.traits, forgetEarlyAnswers: () => this.#forgetAll() };
    this.#askObject({ type: 'config', name: '' });
    if (key === undefined) this.#askForKey(locks);
    else {
      this.#askObject({ type: 'keys', name: key });
      if (locks) this.#askList('locks');
    }
    this.#askInOrder(lists);
  }

  get location(): string {
    return this.#inner.location;
  }

  get connections(): number {
    return this.#inner.connections;
  }

  save(handle: Handle, body: Body, options?: SaveOptions): Promise<void> {
    this.#forget(handle);
    return this.#inner.save(handle, body, options);
  }

  load(handle: Handle, range?: ByteRange, options?: LoadOptions): Promise<Uint8Array> {
    // A signal ends one request, and this one is not its caller's.
    const plain = range === undefined && options?.signal === undefined;
    const answer = plain ? this.#take(this.#objects, printHandle(handle)) : null;
    return answer ?? this.#inner.load(handle, range, options);
  }

  size(handle: Handle): Promise<number> {
    return this.#inner.size(handle);
  }

  async *list(type: FileType): AsyncGenerator<{ name: string; size: number }> {
    const answer = this.#take(this.#lists, type);
    if (answer === null) yield* this.#inner.list(type);
    else yield* await answer;
  }

  remove(handle: Handle): Promise<void> {
    this.#forget(handle);
    return this.#inner.remove(handle);
  }

  exists(handle: Handle): Promise<boolean> {
    return this.#inner.exists(handle);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** The only one there is, and the locks after it: by then there are connections to use again. */
  #askForKey(locks: boolean): void {
    this.#askList('keys').then(
      ([key, ...others]) => {
        if (key !== undefined && others.length === 0) this.#askObject({ type: 'keys', name: key.name });
        if (locks) this.#askList('locks');
      },
      () => {}, // told to whoever asks
    );
  }

  /** Whoever wants one whose turn has not come waits for it: asked twice, it would be paid twice. */
  #askInOrder(types: readonly FileType[]): void {
    let before: Promise<unknown> = Promise.resolve();
    for (const type of types) {
      const ask = (): Promise<Listing> => listWhole(this.#inner, type);
      before = this.#note(this.#lists, type, before.then(ask, ask));
    }
  }

  #askObject(handle: Handle): void {
    this.#note(this.#objects, printHandle(handle), this.#inner.load(handle));
  }

  #askList(type: FileType): Promise<Listing> {
    return this.#note(this.#lists, type, listWhole(this.#inner, type));
  }

  #note<K, T>(among: Map<K, Asked<T>>, key: K, answer: Promise<T>): Promise<T> {
    answer.catch(() => {}); // told to whoever asks
    among.set(key, { answer, atMs: this.#clock.now() });
    return answer;
  }

  #take<K, T>(among: Map<K, Asked<T>>, key: K): Promise<T> | null {
    const asked = among.get(key);
    among.delete(key);
    return asked === undefined || this.#clock.now() - asked.atMs > FRESH_MS ? null : asked.answer;
  }

  #forgetAll(): void {
    this.#objects.clear();
    this.#lists.clear();
  }

  #forget(handle: Handle): void {
    this.#objects.delete(printHandle(handle));
    this.#lists.delete(handle.type);
  }
}
