/** POSIX ACLs: from the kernel's binary attribute to the text that tar archives carry (acl(5), "long text form"). */

/** Tags of entries and how they are written; those with an id get it in decimal, since names are another machine's. */
const TAGS: ReadonlyMap<number, { readonly word: string; readonly hasId: boolean }> = new Map([
  [0x01, { word: 'user', hasId: false }],
  [0x02, { word: 'user', hasId: true }],
  [0x04, { word: 'group', hasId: false }],
  [0x08, { word: 'group', hasId: true }],
  [0x10, { word: 'mask', hasId: false }],
  [0x20, { word: 'other', hasId: false }],
]);

const VERSION = 2;

/** Returns one line per entry, or null if the attribute is not an ACL of the only known version. */
export function aclText(value: Uint8Array): string | null {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length < 4 || (value.length - 4) % 8 !== 0 || view.getUint32(0, true) !== VERSION) return null;
  let text = '';
  for (let at = 4; at < value.length; at += 8) {
    const tag = TAGS.get(view.getUint16(at, true));
    if (tag === undefined) return null;
    const permissions = view.getUint16(at + 2, true);
    const rwx = `${permissions & 4 ? 'r' : '-'}${permissions & 2 ? 'w' : '-'}${permissions & 1 ? 'x' : '-'}`;
    text += `${tag.word}:${tag.hasId ? view.getUint32(at + 4, true) : ''}:${rwx}\n`;
  }
  return text;
}
