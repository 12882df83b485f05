/** Where things lie in the memory of the tree kernel, and the words it is told: what assembly/tree-*.ts expects. */

/** Entries of one run: a column holds one more. */
export const SLICE = 1000;

export const TEXTS = 1024;
/** Room for the text of an owner in its slot. */
export const OWNER_ROOM = 488;
export const DECODED = 28_672;
/** Bytes of a name that fit there, with a margin. */
export const DECODED_ROOM = 4080;

export const NAME_AT = 32_768;
export const EXTRA_AT: number = NAME_AT + 4096;
export const EXTRA_LENGTH: number = EXTRA_AT + 4096;
export const NODE_AT: number = EXTRA_LENGTH + 4096;
export const BEFORE_AT: number = NODE_AT + 4096;
export const BEFORE_LENGTH: number = BEFORE_AT + 4096;
export const IDS_END: number = BEFORE_LENGTH + 4096;
export const WISH: number = IDS_END + 4096;
export const STATUS: number = WISH + 1024;

/** A struct statx each, as far as it is used: the next row begins where what it says of interest has ended. */
export const ROWS = 65_536;
export const ROW_BYTES = 144;
/** From here on the caller lays out what a run needs. */
export const HEAP = 212_992;
/** Between ranges: the kernel reads and writes some bytes more than there are. */
export const MARGIN = 64;

/** Bytes of a node without its name, its extra fields and its content: 32 words, 12 numbers, an owner, three times. */
export const NODE_ROOM = 1400;
/** Bytes that one byte of a name can become. */
export const NAME_GROWTH = 16;

/** What a run is told of an entry. */
export const LEAVE_OUT = 1;
export const READ_AGAIN = 2;

/** What became of an entry. */
export const ENTRY = {
  leftOut: 0,
  /** Its node is complete. */
  written: 1,
  /** A file with the parent's content: its node is complete. */
  takenOver: 2,
  /** A file to be read: its node's content is `[]`. */
  toRead: 3,
  /** The same; its facts are the parent's, but there is no content to take over. */
  contentLost: 4,
  /** A file to be read, of one chunk at most, that the parent has not: 64 zeros stand for its id, unless it is empty. */
  newSmall: 5,
  /** A directory: its node has the parent's subtree, or 64 zeros. */
  directory: 6,
  /** The same; but for the subtree the node is the parent's. */
  sameDirectory: 7,
} as const;

export const FLAG_ATIME = 1;
export const FLAG_IGNORE_CTIME = 2;
export const FLAG_IGNORE_INODE = 4;

/** The offset of the local zone changes within the day. */
export const MIXED = 0x7fffffff;

/** The fixed words of a tree, in the order of assembly/tree-text.ts; none is longer than 16 bytes. */
const WORDS = [
  '{"name":"',
  '","type":"',
  '","mode":',
  ',"mtime":"',
  '","atime":"',
  '","ctime":"',
  '","uid":',
  ',"gid":',
  ',"user":"',
  ',"group":"',
  ',"inode":',
  ',"device_id":',
  ',"size":',
  ',"links":',
  ',"linktarget":"',
  ',"extended_attri',
  'butes":[',
  '","value":"',
  ',"device":',
  ',"content":null',
  ',"content":[',
  ',"subtree":"',
  'file',
  'dir',
  'symlink',
  'dev',
  'chardev',
  'fifo',
  'socket',
  'irregular',
];

/** Writes the words, 40 bytes each: text, mask, length. */
export function writeWords(memory: Uint8Array): void {
  WORDS.forEach((word, i) => {
    const at = TEXTS + i * 40;
    for (let c = 0; c < word.length; c++) {
      memory[at + c] = word.charCodeAt(c);
      memory[at + 16 + c] = 0xff;
    }
    memory[at + 32] = word.length;
  });
}
