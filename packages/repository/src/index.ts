/** The restic repository format: what a repository holds, and how to read, write and check it. */
export * from './backend.ts';
export { compareBytes, textOf, utf8 } from './encoding/bytes.ts';
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
export * from './storage.ts';
export { decodeTree, readTree } from './tree/decode.ts';
export { encodeTree, TreeWriter } from './tree/encode.ts';
export { GO_MODE, goMode, nodeTypeOf, permissionsOf, statModeOf } from './tree/mode.ts';
export { isNodeType, NODE_TYPES, type NodeType, type TreeNode, type TreeXattr, treeNode } from './tree/node.ts';
