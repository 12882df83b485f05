/** Files of one chunk that are still what lstat saw: the short ways for them. All others are for the engine's long way. */
import type { FileList } from '@hostark/kernels';
import type { ResultBuilder } from './result-builder.ts';

export interface SmallFiles {
  /**
   * Stores files of a list from number `from` on, records what became of them, and resolves with how many there were: none if that
   * file is for the long way. `read` is told of bytes that were read.
   */
  next(list: FileList, from: number, result: ResultBuilder, read: (bytes: number) => void): Promise<number>;
}
