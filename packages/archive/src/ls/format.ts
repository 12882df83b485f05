/** How listed nodes are printed: restic's JSON lines, field for field, and its long text lines. */
import { formatInstant, goText, localInstant, type TreeNode, type ZoneOffset } from '@hostark/repository';
import { modeText } from './mode-text.ts';

/** Returns restic's `ls --json` line of a node, without the newline. Numbers are exact whatever their size. */
export function nodeJson(path: Uint8Array, node: TreeNode): string {
  const fields = [
    `"name":${goJson(goText(node.name))}`,
    `"type":${goJson(node.type)}`,
    `"path":${goJson(goText(path))}`,
    `"uid":${node.uid}`,
    `"gid":${node.gid}`,
  ];
  if (node.type === 'file') fields.push(`"size":${node.size}`);
  if (node.mode !== 0) fields.push(`"mode":${node.mode}`);
  fields.push(`"permissions":${goJson(modeText(node.mode))}`);
  for (const time of ['mtime', 'atime', 'ctime'] as const) fields.push(`"${time}":"${formatInstant(node[time])}"`);
  if (node.inode !== 0n) fields.push(`"inode":${node.inode}`);
  fields.push('"message_type":"node"', '"struct_type":"node"');
  return `{${fields.join(',')}}`;
}

/** Returns text as a JSON string as Go writes it: encoding/json also escapes what HTML might take for its own, and what stands for bytes that are not UTF-8. */
export function goJson(text: string): string {
  const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(text).replace(/[<>&\u2028\u2029\ufffd]/g, escaped);
}

export interface LongOptions {
  /** Minutes east of UTC at an instant; times are printed in that zone. */
  readonly zone: ZoneOffset;
  /** Prints a size. Default: bytes, at least six columns wide. */
  readonly size?: ((bytes: bigint) => string) | undefined;
  /** Makes a path printable. Default: UTF-8 text, as restic prints it. */
  readonly printable?: ((path: Uint8Array) => string) | undefined;
}

/** Returns restic's `ls -l` line: mode, uid, gid, size, time to the second, path and link target. */
export function nodeLong(path: Uint8Array, node: TreeNode, options: LongOptions): string {
  const text = options.printable ?? ((bytes: Uint8Array) => Buffer.from(bytes).toString('utf8'));
  const size = options.size?.(node.size) ?? String(node.size).padStart(6);
  const owner = `${String(node.uid).padStart(5)} ${String(node.gid).padStart(5)}`;
  const target = node.type === 'symlink' ? ` -> ${text(node.linkTarget ?? new Uint8Array())}` : '';
  return `${modeText(node.mode)} ${owner} ${size} ${localSecond(node.mtime.ns, options.zone)} ${text(path)}${target}`;
}

/** `2006-01-02 15:04:05` in the zone. */
function localSecond(ns: bigint, zone: ZoneOffset): string {
  return formatInstant(localInstant(ns, zone)).slice(0, 19).replace('T', ' ');
}
