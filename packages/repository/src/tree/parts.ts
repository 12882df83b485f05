/**
 * Parts of a node's text: what TreeWriter writes, for it and for those who put nodes together themselves.
 * Format: restic `internal/data/node.go`.
 */
import { ByteWriter } from '../encoding/byte-writer.ts';
import { base64Bytes, utf8 } from '../encoding/bytes.ts';
import { JsonReader } from '../encoding/json-read.ts';
import { writeJsonBytes, writeJsonName, writeJsonText } from '../encoding/json-write.ts';
import { goUnquote } from '../encoding/quote.ts';
import { isUtf8 } from '../encoding/runes.ts';
import type { TreeNode, TreeXattr } from './node.ts';

const UID = utf8(',"uid":');
const GID = utf8(',"gid":');
const USER = utf8(',"user":');
const GROUP = utf8(',"group":');
const LINK_TARGET = utf8(',"linktarget":');
const LINK_TARGET_RAW = utf8(',"linktarget_raw":"');
const XATTRS = utf8(',"extended_attributes":[{"name":');
const XATTR = utf8('},{"name":');
const XATTR_VALUE = utf8(',"value":"');

/** Appends `,"uid":` and what follows of an owner. `json` gives a name as a JSON string. */
export function writeOwner(
  out: ByteWriter,
  { uid, gid, user, group }: Pick<TreeNode, 'uid' | 'gid' | 'user' | 'group'>,
  json: (text: string) => Uint8Array,
): void {
  out.bytes(UID);
  out.decimal(uid);
  out.bytes(GID);
  out.decimal(gid);
  if (user !== '') {
    out.bytes(USER);
    out.bytes(json(user));
  }
  if (group !== '') {
    out.bytes(GROUP);
    out.bytes(json(group));
  }
}

/** Appends `,"linktarget":` and the target, not empty; its bytes too if they are no text. */
export function writeLink(out: ByteWriter, target: Uint8Array): void {
  out.bytes(LINK_TARGET);
  writeJsonBytes(out, target);
  if (isUtf8(target)) return;
  out.bytes(LINK_TARGET_RAW);
  out.bytes(base64Bytes(target));
  out.byte(0x22);
}

/** Appends `,"extended_attributes":` and the attributes, at least one. */
export function writeXattrs(out: ByteWriter, xattrs: readonly TreeXattr[]): void {
  let first = true;
  for (const { name, value } of xattrs) {
    out.bytes(first ? XATTRS : XATTR);
    first = false;
    writeJsonText(out, name);
    out.bytes(XATTR_VALUE);
    out.bytes(base64Bytes(value));
    out.byte(0x22);
  }
  out.byte(0x7d);
  out.byte(0x5d);
}

/** Returns text as a JSON string. */
export function jsonText(text: string): Uint8Array {
  return written((out) => writeJsonText(out, text));
}

/** Returns the fields of an owner as they stand in a node, with the comma before them. */
export function ownerText(owner: Pick<TreeNode, 'uid' | 'gid' | 'user' | 'group'>): Uint8Array {
  return written((out) => writeOwner(out, owner, jsonText));
}

/** Returns the fields of a link's target and of attributes as they stand in a node, each with the comma before it. */
export function extraText(linkTarget: Uint8Array | undefined, xattrs: readonly TreeXattr[]): Uint8Array {
  return written((out) => {
    if (linkTarget !== undefined && linkTarget.length > 0) writeLink(out, linkTarget);
    if (xattrs.length > 0) writeXattrs(out, xattrs);
  });
}

/** Returns a name as it stands in a node, quotes included. */
export function nameText(name: Uint8Array): Uint8Array {
  return written((out) => writeJsonName(out, name));
}

/** Returns the name that stands between the quotes of a node's name, or null if none does. */
export function nameOfText(text: Uint8Array): Uint8Array | null {
  const quoted = new Uint8Array(text.length + 2).fill(0x22);
  quoted.set(text, 1);
  const json = new JsonReader(quoted);
  try {
    json.string();
    const value = json.value();
    return json.plain ? value : goUnquote(value);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function written(write: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter(128);
  write(out);
  return out.take();
}
