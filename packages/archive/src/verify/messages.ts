/** What the threads of a check are told and what they answer. Nothing large is copied: tables are shared, packs handed over. */
import type { SealingKey } from '@hostark/kernels';
import type { PackVerdict, SharedBlobTable, SharedPackOrder } from '@hostark/repository';

/** What a thread must know once. Holds the master key: it is passed to threads of this process and nowhere else. */
export interface VerifySetup {
  readonly key: SealingKey;
  readonly blobs: SharedBlobTable;
  readonly order: SharedPackOrder;
}

/** Packs in a folder, of which every thread takes the next one as soon as it is free. */
export interface PackList {
  /** The root of the repository. */
  readonly directory: string;
  /** Numbers of the packs in the table, in the order in which they are taken (Uint32Array). */
  readonly packs: SharedArrayBuffer;
  /** One Int32: how many were taken; much more stops the threads, see PackQueue. */
  readonly taken: SharedArrayBuffer;
  /** Threads that take from it. */
  readonly readers: number;
}

export type VerifyJob =
  | { readonly kind: 'local'; readonly list: PackList }
  /** A pack that was loaded already, handed over. */
  | { readonly kind: 'bytes'; readonly file: number; readonly pack: number; readonly bytes: Uint8Array };

/** `file` is the pack's place in the list. A verdict of null says that the thread could not read the pack. */
export type VerifyAnswer =
  | { readonly kind: 'verdict'; readonly file: number; readonly verdict: PackVerdict | null }
  /** An error of ours, not the repository's: those are verdicts. */
  | { readonly kind: 'failed'; readonly error: Error };
