/**
 * The kernels: hot loops and native calls that the layers above need and Node alone does not give.
 * Bytes are `Uint8Array`s, possibly over a `SharedArrayBuffer`; nothing is kept or mutated unless a docstring says so.
 * Everything has a pure fallback with the same bytes. Errors are RangeError and TypeError for misuse,
 * and Errors with Node's errno strings in `code` (`ENOENT`, ...) for system calls.
 */

export { createScanner, type ScannerOptions, type ScannerVariant } from './chunker/create-scanner.ts';
export { isIrreducible, randomPolynomial } from './chunker/polynomial.ts';
export { type ChunkScanner, MAX_CHUNK, MIN_CHUNK, WINDOW } from './chunker/scanner.ts';
export { type BegunKey, beginToDerive, expectKey, type KeyMemoryUse } from './crypto/scrypt.ts';
export type { Opener, Sealer, SealingKey } from './crypto/sealer.ts';
export { IV_BYTES, MAC_BYTES, OPENER_STEP, SEAL_OVERHEAD, withinSeal } from './crypto/sealer.ts';
export { type FileList, pathStart } from './groups/file-calls.ts';
export { FileGroup } from './groups/file-group.ts';
export { BLOB_RECORD, IndexBlobs } from './index-blobs.ts';
export type { Memory } from './memory.ts';
export { nodePlatform } from './node-platform.ts';
export type { HashPart, LaterUpdate, Platform, Sha256 } from './platform.ts';
export { AHEAD_STEP, askAhead, askAheadOf } from './posix/ask-ahead.ts';
export { IDENTITY_WORDS, identitySize, sameIdentity, writeIdentity } from './posix/identity.ts';
export { posix } from './posix/index.ts';
export { makeFolders } from './posix/make-folders.ts';
export { nextData } from './posix/next-data.ts';
export {
  beginsAtPage,
  dropPages,
  LARGE_PAGE_BYTES,
  largePagesOfMemory,
  largePagesOfSharedMemory,
  PAGE_BYTES,
  pagesOfMemory,
  pagesOfSharedMemory,
  refusesDirect,
} from './posix/pages.ts';
export type {
  Directory,
  NewFile,
  NewFileList,
  NewFiles,
  Posix,
  Stat,
  StatBatch,
  Xattr,
  XattrBatch,
} from './posix/posix.ts';
export { type ReadsUnderWay, RingReads } from './posix/ring-reads.ts';
export { type WholeFiles, wholeFiles } from './posix/whole-files.ts';
export type { NameList, ScanHooks, ScanRules, ScanTrouble, TreeText } from './trees/contract.ts';
export { FileColumns, type FileLimits, type FileRows } from './trees/file-columns.ts';
export { FolderScan } from './trees/folder-scan.ts';
export { isFramed, TREE_HEAD, TREE_TAIL } from './trees/frame.ts';
export { ENTRY, SLICE } from './trees/layout.ts';
