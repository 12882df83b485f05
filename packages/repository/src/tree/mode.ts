/** Go's os.FileMode bits, which nodes store, and st_mode bits, which systems speak. Both are unsigned 32-bit numbers. */
import type { NodeType } from './node.ts';

/** Bits of Go's os.FileMode above the nine permission bits (Go `io/fs`, ModeDir and others). */
export const GO_MODE = {
  dir: 0x80000000,
  symlink: 0x08000000,
  device: 0x04000000,
  fifo: 0x02000000,
  socket: 0x01000000,
  setuid: 0x00800000,
  setgid: 0x00400000,
  charDevice: 0x00200000,
  sticky: 0x00100000,
  irregular: 0x00080000,
} as const;

/** The format bits of st_mode (POSIX sys/stat.h, S_IFMT and others). */
const S_IFMT = 0o170000;
const S_IFSOCK = 0o140000;
const S_IFLNK = 0o120000;
const S_IFREG = 0o100000;
const S_IFBLK = 0o060000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;
const S_IFIFO = 0o010000;

const TYPE_OF_FORMAT: ReadonlyMap<number, NodeType> = new Map<number, NodeType>([
  [S_IFREG, 'file'],
  [S_IFDIR, 'dir'],
  [S_IFLNK, 'symlink'],
  [S_IFBLK, 'dev'],
  [S_IFCHR, 'chardev'],
  [S_IFIFO, 'fifo'],
  [S_IFSOCK, 'socket'],
]);

const TYPE_BITS: Readonly<Record<NodeType, { readonly go: number; readonly posix: number }>> = {
  file: { go: 0, posix: S_IFREG },
  dir: { go: GO_MODE.dir, posix: S_IFDIR },
  symlink: { go: GO_MODE.symlink, posix: S_IFLNK },
  dev: { go: GO_MODE.device, posix: S_IFBLK },
  chardev: { go: GO_MODE.device + GO_MODE.charDevice, posix: S_IFCHR },
  fifo: { go: GO_MODE.fifo, posix: S_IFIFO },
  socket: { go: GO_MODE.socket, posix: S_IFSOCK },
  irregular: { go: GO_MODE.irregular, posix: 0 },
};

/** Returns the node type that st_mode says. */
export function nodeTypeOf(statMode: number): NodeType {
  return TYPE_OF_FORMAT.get(statMode & S_IFMT) ?? 'irregular';
}

/** Returns the Go FileMode of an st_mode. */
export function goMode(statMode: number): number {
  let mode = (statMode & 0o777) | TYPE_BITS[nodeTypeOf(statMode)].go;
  if (statMode & 0o4000) mode |= GO_MODE.setuid;
  if (statMode & 0o2000) mode |= GO_MODE.setgid;
  if (statMode & 0o1000) mode |= GO_MODE.sticky;
  return mode >>> 0;
}

/** Returns the twelve permission bits (setuid, setgid and sticky included) of a Go FileMode: what chmod takes. */
export function permissionsOf(mode: number): number {
  let bits = mode & 0o777;
  if (mode & GO_MODE.setuid) bits |= 0o4000;
  if (mode & GO_MODE.setgid) bits |= 0o2000;
  if (mode & GO_MODE.sticky) bits |= 0o1000;
  return bits;
}

/** Returns the st_mode of a node: format bits of its type, permission bits of its mode. */
export function statModeOf(type: NodeType, mode: number): number {
  return (TYPE_BITS[type].posix | permissionsOf(mode)) >>> 0;
}
