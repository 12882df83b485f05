/**
 * Tar headers: ustar (POSIX.1-1988) with PAX records (POSIX.1-2001) for what does not fit: long or non-ASCII names,
 * nanoseconds, large numbers, extended attributes (`SCHILY.xattr.`, as GNU tar and bsdtar read) and ACLs (`SCHILY.acl.`).
 */
import { permissionsOf, type TreeNode } from '@hostark/repository';
import { aclText } from './acl.ts';

export const TAR_BLOCK = 512;

/** Two blocks of zeros end an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * TAR_BLOCK);

const SECOND_NS = 1_000_000_000n;

/** Type flags of ustar. A node type that is not here (sockets) cannot be in a tar. */
const TYPE_FLAGS: Readonly<Partial<Record<TreeNode['type'], string>>> = {
  file: '0',
  symlink: '2',
  chardev: '3',
  dev: '4',
  dir: '5',
  fifo: '6',
};
const HARD_LINK = '1';

/** What the archive says of one entry. */
export interface TarEntry {
  /** Relative to the archive's root, no trailing slash. */
  readonly path: Uint8Array;
  readonly node: TreeNode;
  /** Bytes of content that follow. */
  readonly size: bigint;
  /** Path in the archive of an earlier name of the same file; then no content follows. */
  readonly hardLinkTo: Uint8Array | null;
}

/** Returns whether this node can be in a tar. */
export function isTarable(node: TreeNode): boolean {
  return TYPE_FLAGS[node.type] !== undefined;
}

/** Returns the zeros that fill the content of `size` bytes up to a whole block. */
export function tarPadding(size: bigint): Uint8Array {
  return new Uint8Array(Number((BigInt(TAR_BLOCK) - (size % BigInt(TAR_BLOCK))) % BigInt(TAR_BLOCK)));
}

/** Returns everything that comes before the content. */
export function tarHeader(entry: TarEntry): Uint8Array {
  const { node } = entry;
  const path = node.type === 'dir' ? Buffer.concat([entry.path, Buffer.from('/')]) : entry.path;
  const link = entry.hardLinkTo ?? (node.type === 'symlink' ? (node.linkTarget ?? new Uint8Array()) : new Uint8Array());
  const records = new Map<string, Uint8Array>();
  const header = ustar({
    name: field(records, 'path', path, 100),
    link: field(records, 'linkpath', link, 100),
    mode: BigInt(permissionsOf(node.mode)),
    uid: number(records, 'uid', BigInt(node.uid), 7),
    gid: number(records, 'gid', BigInt(node.gid), 7),
    size: entry.hardLinkTo === null ? number(records, 'size', entry.size, 11) : 0n,
    mtime: time(records, node.mtime.ns),
    flag: entry.hardLinkTo === null ? TYPE_FLAGS[node.type]! : HARD_LINK,
    user: field(records, 'uname', Buffer.from(node.user), 31),
    group: field(records, 'gname', Buffer.from(node.group), 31),
    device: node.device,
  });
  attributes(records, node);
  return records.size === 0 ? header : Buffer.concat([paxHeader(records), header]);
}

/** Puts a value that does not fit, or is not ASCII, into a record; returns what the old field holds then. */
function field(records: Map<string, Uint8Array>, key: string, value: Uint8Array, room: number): Uint8Array {
  const ascii = value.every((byte) => byte < 0x80);
  const text = ascii || isUtf8(value);
  // Bytes that are no text are best off in the old field, where every program takes them as they are.
  if (value.length <= room && (ascii || !text)) return value;
  // POSIX: records are UTF-8 unless this one says otherwise.
  if (!text) records.set('hdrcharset', Buffer.from('BINARY'));
  records.set(key, value);
  return value.subarray(0, room);
}

function number(records: Map<string, Uint8Array>, key: string, value: bigint, digits: number): bigint {
  if (value < 8n ** BigInt(digits)) return value;
  records.set(key, Buffer.from(String(value)));
  return 0n;
}

/** Whole seconds that fit go into the old field; everything else is a decimal record. */
function time(records: Map<string, Uint8Array>, ns: bigint): bigint {
  const floor = ns >= 0n || ns % SECOND_NS === 0n ? ns / SECOND_NS : ns / SECOND_NS - 1n;
  const fits = floor >= 0n && floor < 8n ** 11n;
  if (ns % SECOND_NS !== 0n || !fits) records.set('mtime', Buffer.from(decimalSeconds(ns)));
  return fits ? floor : 0n;
}

function decimalSeconds(ns: bigint): string {
  const sign = ns < 0n ? '-' : '';
  const size = ns < 0n ? -ns : ns;
  const fraction = String(size % SECOND_NS)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${sign}${size / SECOND_NS}${fraction === '' ? '' : `.${fraction}`}`;
}

function attributes(records: Map<string, Uint8Array>, node: TreeNode): void {
  for (const { name, value } of node.xattrs) {
    const acl = /^system\.posix_acl_(access|default)$/.exec(name);
    const text = acl === null ? null : aclText(value);
    if (acl !== null && text !== null) records.set(`SCHILY.acl.${acl[1]}`, Buffer.from(text));
    else records.set(`SCHILY.xattr.${name}`, value);
  }
}

interface Ustar {
  readonly name: Uint8Array;
  readonly link: Uint8Array;
  readonly mode: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly size: bigint;
  readonly mtime: bigint;
  readonly flag: string;
  readonly user: Uint8Array;
  readonly group: Uint8Array;
  readonly device: bigint;
}

/** Offsets are those of POSIX.1-1988, "ustar Interchange Format". */
function ustar(of: Ustar): Uint8Array {
  const block = Buffer.alloc(TAR_BLOCK);
  block.set(of.name, 0);
  octal(block, 100, 8, of.mode);
  octal(block, 108, 8, of.uid);
  octal(block, 116, 8, of.gid);
  octal(block, 124, 12, of.size);
  octal(block, 136, 12, of.mtime);
  block.fill(' ', 148, 156);
  block.write(of.flag, 156, 'latin1');
  block.set(of.link, 157);
  block.write('ustar\u000000', 257, 'latin1');
  block.set(of.user, 265);
  block.set(of.group, 297);
  // glibc's makedev: major and minor in two parts each
  octal(block, 329, 8, ((of.device >> 8n) & 0xfffn) | ((of.device >> 32n) & 0xfffff000n));
  octal(block, 337, 8, (of.device & 0xffn) | ((of.device >> 12n) & 0xffffff00n));
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, at: number, width: number, value: bigint): void {
  block.write(
    `${value
      .toString(8)
      .padStart(width - 1, '0')
      .slice(-(width - 1))}\0`,
    at,
    'latin1',
  );
}

function paxHeader(records: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const body = Buffer.concat([...records].map(([key, value]) => paxRecord(key, value)));
  const header = ustar({
    name: Buffer.from('PaxHeaders/entry'),
    link: new Uint8Array(),
    mode: 0o644n,
    uid: 0n,
    gid: 0n,
    size: BigInt(body.length),
    mtime: 0n,
    flag: 'x',
    user: new Uint8Array(),
    group: new Uint8Array(),
    device: 0n,
  });
  return Buffer.concat([header, body, tarPadding(BigInt(body.length))]);
}

/** `length key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let digits = String(rest.length).length;
  while (String(rest.length + digits).length > digits) digits++;
  return Buffer.concat([Buffer.from(String(rest.length + digits)), rest]);
}

function isUtf8(bytes: Uint8Array): boolean {
  return Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes);
}
