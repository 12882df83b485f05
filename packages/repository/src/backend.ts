/**
 * The storage contract of a repository: a flat store of immutable objects in six types.
 * Layout and naming are the backend's business; contents are not. Format: restic design document, "Repository Layout".
 * Implementations pass the conformance suite in test/conformance.ts; wrappers (retry, limit, cache) implement the same face.
 */

/** The object types of a repository. `data` are packs. Order is the order of a full listing. */
export const FILE_TYPES = ['config', 'keys', 'locks', 'snapshots', 'index', 'data'] as const;

/** One of the six object types. */
export type FileType = (typeof FILE_TYPES)[number];

/** Names one object: `name` is 64 lowercase hex digits, or '' for the config, of which there is one. */
export interface Handle {
  readonly type: FileType;
  readonly name: string;
}

/** Bytes to store, in one piece or in pieces stored one after another. Borrowed until save() settles: do not touch. */
export type Body = Uint8Array | readonly Uint8Array[];

/** Holds a transfer back. Whoever knows of it asks for leave for each piece of the body before that is sent or after it came. */
export interface Pace {
  /** Bytes of a piece, at most. */
  readonly pieceBytes: number;
  /** Resolves when so many bytes more may pass; rejects when the transfer was aborted. */
  take(bytes: number): Promise<void>;
}

export interface SaveOptions {
  /** Asks that an existing config is an error; the other types are create-only anyway. */
  readonly createOnly?: boolean;
  /** The known digest of the whole body, 32 bytes. */
  readonly sha256?: Uint8Array;
  /** The pack holds trees: a cache keeps a copy. */
  readonly metadata?: boolean;
  /** A backend is free not to heed it. */
  readonly pace?: Pace;
  readonly signal?: AbortSignal;
}

export interface LoadOptions {
  /** The pack holds trees: a cache fetches it whole and keeps it. */
  readonly metadata?: boolean;
  /**
   * Memory that may be used for the answer, at its beginning, if it is large enough; a backend is free not to. What is
   * returned then lies in it. For callers that use memory again: fresh pages cost as much as hashing.
   */
  readonly into?: Uint8Array;
  /** A backend is free not to heed it. */
  readonly pace?: Pace;
  readonly signal?: AbortSignal;
}

/** Part of an object, in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * A place where objects live. All methods may run at the same time, from one thread.
 * Errors are HostarkError: 'object-missing', 'object-truncated', 'backend-denied', 'disk-full', 'backend-unavailable'
 * (with `retry: 'later'` when the same call may succeed). An aborted signal rejects with the signal's reason, and
 * nothing is stored after that.
 */
export interface Backend {
  /** Where this is, for people: never holds a secret. */
  readonly location: string;
  /** How many requests at the same time make sense here. */
  readonly connections: number;
  /**
   * Stores an object; durable when resolved (survives power loss), all or nothing.
   * Objects named by their content are create-only: "already there with that name" is success and changes nothing.
   * `createOnly` asks the same of the config, where an existing object is the error 'repository-exists'.
   * `sha256` is the known digest of the whole body (32 bytes), so that nobody hashes twice.
   */
  save(handle: Handle, body: Body, options?: SaveOptions): Promise<void>;
  /**
   * Returns the object, or exactly `range.length` bytes of it from `range.offset`; the caller owns the result.
   * Fewer bytes than asked for is the error 'object-truncated'; no such object is 'object-missing'.
   */
  load(handle: Handle, range?: ByteRange, options?: LoadOptions): Promise<Uint8Array>;
  /** Returns the size in bytes. Missing is 'object-missing'. */
  size(handle: Handle): Promise<number>;
  /** Yields every object of a type, in any order, each once. Names that are not 64 lowercase hex digits are left out. */
  list(type: FileType): AsyncIterable<{ name: string; size: number }>;
  /** Deletes an object. One that is not there is success. */
  remove(handle: Handle): Promise<void>;
  /** Returns whether the object is there. Denied or unreachable is an error, not false. */
  exists(handle: Handle): Promise<boolean>;
  /** Ends connections. Called once, when nothing is in flight. */
  close(): Promise<void>;
  readonly traits?: BackendTraits;
}

/** What more is known of a place: shortcuts that some callers may take. */
export interface BackendTraits {
  /** A path that holds the default layout. */
  readonly localDirectory?: string;
  /**
   * Returns whether every list shows all saves that had ended when it began, whoever made them, on whatever machine: then
   * of two who write their locks and then look, the second sees the first. Absent: nobody knows.
   */
  readonly isCoherent?: () => boolean;
  /** Drops answers that were asked for before anybody wanted them: whatever is asked from now on is answered anew. */
  readonly forgetEarlyAnswers?: () => void;
  /**
   * Returns how objects are stored whose bytes come before their name, by who has not the memory to hold them until then;
   * null where only save() will do.
   */
  readonly spools?: () => (() => Spool) | null;
}

/** Returns what may be known of a place by who must see all that goes there: what it promises, and no way past. */
export function withoutShortcuts({ localDirectory, spools, ...rest }: BackendTraits = {}): BackendTraits {
  return rest;
}

/** One object in the making. Errors are those of Backend; after one there is only discard(). One call at a time. */
export interface Spool {
  /** Adds bytes, which are borrowed until it settles. Whole pages in memory that begins at a page may go without a copy. */
  append(bytes: Uint8Array): Promise<void>;
  /** Stores what was added as save() does: durable when resolved, all or nothing. */
  publish(handle: Handle, signal?: AbortSignal): Promise<void>;
  /** Removes what was added and not published. Never throws; harmless after publish(). */
  discard(): Promise<void>;
}
