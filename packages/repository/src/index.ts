/** The restic repository format: what a repository holds, and how to read, write and check it. */
export * from './backend.ts';
export { type Compression, compressionLevel, type StoredForm, storedForm } from './blobs/compress.ts';
export { BLOB_KINDS, type BlobKind, type BlobPlace, plainLength } from './blobs/kind.ts';
export { type BlobSource, loadBlob } from './blobs/load.ts';
export { publishPack } from './blobs/publish.ts';
export { BlobTable, type SharedBlobTable } from './blobs/table.ts';
export {
  type CheckOptions,
  type CheckPhase,
  type CheckProgress,
  type CheckReport,
  checkRepository,
} from './check/check.ts';
export { type BlobRef, FINDING_SEVERITY, type Finding, type FindingKind } from './check/finding.ts';
export type { PackBytes } from './check/hashed-pack.ts';
export { PackCheck, type PackCheckTools } from './check/pack-check.ts';
export { PackOrder, type SharedPackOrder } from './check/pack-order.ts';
export {
  type PackVerifier,
  type PackVerifierSetup,
  type PackVerifiers,
  packVerification,
  type TellVerdict,
  verifyHere,
} from './check/pack-verifier.ts';
export type { IndexedFile } from './check/packs.ts';
export { MOST_ABREAST, type PackOutcome, PacksAbreast } from './check/packs-abreast.ts';
export { type DataSubset, parseSubset } from './check/subset.ts';
export type { PackVerdict, ReadPack } from './check/verdict.ts';
export { FORMAT_VERSIONS, type FormatVersion, type RepositoryConfig } from './config.ts';
export { compareBytes, sameBytes, textOf, utf8 } from './encoding/bytes.ts';
export { formatInstant, parseInstant } from './encoding/instant-text.ts';
export { goQuote, goUnquote, isPrint } from './encoding/quote.ts';
export { goText, isUtf8 } from './encoding/runes.ts';
export {
  epochSeconds,
  type Instant,
  localInstant,
  systemZone,
  utcZone,
  ZERO_INSTANT,
  type ZoneOffset,
} from './encoding/time.ts';
export {
  type BlobId,
  blobId,
  blobIdFrom,
  ID_BYTES,
  type IdOf,
  type IndexId,
  idBytes,
  isHexId,
  type KeyId,
  type LockId,
  type NamedType,
  objectId,
  type PackId,
  packId,
  packIdFrom,
  type SnapshotId,
  snapshotId,
  toHex,
  writeIdBytes,
} from './ids.ts';
export { type IndexVisitor, readIndex } from './index/decode.ts';
export { encodeIndex, type IndexedPack } from './index/encode.ts';
export type { IndexProgress } from './index/load.ts';
export {
  type IndexSink,
  IndexWriter,
  type IndexWriterOptions,
  MAX_INDEX_AGE_MS,
  MAX_INDEX_BLOBS,
} from './index/writer.ts';
export { type InitOptions, initRepository } from './init.ts';
export { addKey, type KeyRing, type ListedKey, listKeys, type NewKeyOptions, removeKey } from './keys/add-key.ts';
export type { KeyFile, ScryptCost } from './keys/key-file.ts';
export type { KeyMemory, KnownKey } from './keys/known-key.ts';
export { MAX_KEYS } from './keys/open-key.ts';
export { KEY_COST, type Password } from './keys/password.ts';
export { type OpenOptions, openRepository } from './open.ts';
export { decodeHeader, entryBytes, PACK_OVERHEAD, type PackEntry, readHeader } from './pack/header.ts';
export { openBlob } from './pack/open-blob.ts';
export { headerOfPack, loadPackHeader } from './pack/read-header.ts';
export {
  MAX_GAP_BYTES,
  MAX_REQUEST_BYTES,
  type PackRange,
  type PackRequest,
  planPackReads,
  readPackRanges,
} from './pack/read-plan.ts';
export { type FinishedPack, PackWriter } from './pack/writer.ts';
export { Repository, type UnpackedType } from './repository.ts';
export { Scratch } from './scratch.ts';
export { matchesFilter, newest, type ParentQuery, type SnapshotFilter, selectParent } from './snapshot/select.ts';
export {
  decodeSnapshot,
  encodeSnapshot,
  type Snapshot,
  type SnapshotSummary,
  type StoredSnapshot,
} from './snapshot/snapshot.ts';
export { type ResolvedSnapshot, SnapshotStore } from './snapshot/store.ts';
export * from './storage.ts';
export { CURSOR, type CursorStep, NodeCursor } from './tree/cursor.ts';
export { decodeTree, iterateTree, readTree } from './tree/decode.ts';
export { encodeTree, TreeWriter } from './tree/encode.ts';
export { findSubtree } from './tree/find.ts';
export { loadTree, parseTree } from './tree/load.ts';
export { GO_MODE, goMode, nodeTypeOf, permissionsOf, statModeOf } from './tree/mode.ts';
export { isNodeType, NODE_TYPES, type NodeType, type TreeNode, type TreeXattr, treeNode } from './tree/node.ts';
export { extraText, nameOfText, nameText, ownerText } from './tree/parts.ts';
export { TreeReader } from './tree/reader.ts';
export { sameAttributes, sameContent, sameNode } from './tree/same-node.ts';
export { type BlobUse, forEachUsedBlob } from './tree/used.ts';
export { forEachTree, joinPath, type TreeVisitor, type WalkAnswer, type WalkEntry, walkTree } from './tree/walk.ts';
