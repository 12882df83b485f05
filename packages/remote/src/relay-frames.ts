/**
 * What operator and host say to each other in the parts of a run: frames, several in a part, each for one command of the
 * session. A frame is its kind (1 byte), the command's number (4 bytes), the length of what follows (4 bytes), that.
 */

import { HostarkError } from '@hostark/protocol';

const KINDS = [
  /** To the host: JSON of StartFrame. */
  'start',
  /** To the host: bytes for the command's stdin. */
  'stdin',
  /** To the host: stdin ends. */
  'stdin-end',
  /** To the host: end the command (TERM, then KILL). */
  'terminate',
  /** To the host: end every command, then yourself. */
  'close',
  /** To the operator. */
  'stdout',
  /** To the operator. */
  'stderr',
  /** To the operator: JSON of ExitFrame; the last frame of its command. */
  'exit',
  /** Either way: still here. */
  'alive',
] as const;
export type FrameKind = (typeof KINDS)[number];

export interface Frame {
  readonly kind: FrameKind;
  /** Number of the command in its session; 0 for what concerns the session. */
  readonly command: number;
  readonly data: Uint8Array;
}

export interface StartFrame {
  /** For `sh -c`. */
  readonly command: string;
}

export interface ExitFrame {
  readonly code: number | null;
  /** Without 'SIG'. */
  readonly signal: string | null;
}

const HEADER_BYTES = 9;
const NOTHING = new Uint8Array();

export function frame(kind: FrameKind, command: number, data: Uint8Array = NOTHING): Frame {
  return { kind, command, data };
}

export function jsonFrame(kind: FrameKind, command: number, value: StartFrame | ExitFrame): Frame {
  return frame(kind, command, Buffer.from(JSON.stringify(value)));
}

/** Bytes that a frame takes in a part. */
export function frameBytes({ data }: Frame): number {
  return HEADER_BYTES + data.length;
}

export function encodeFrames(frames: readonly Frame[]): Uint8Array {
  return Buffer.concat(
    frames.flatMap(({ kind, command, data }) => {
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt8(KINDS.indexOf(kind), 0);
      header.writeUInt32BE(command, 1);
      header.writeUInt32BE(data.length, 5);
      return [header, data];
    }),
  );
}

/** Throws 'agent-failed' for a torn part or a kind that this version does not know. `data` are views into `part`. */
export function decodeFrames(part: Uint8Array): Frame[] {
  const view = new DataView(part.buffer, part.byteOffset, part.length);
  const frames: Frame[] = [];
  for (let at = 0; at < part.length; ) {
    if (at + HEADER_BYTES > part.length) throw senseless('torn header');
    const kind = KINDS[view.getUint8(at)];
    const length = view.getUint32(at + 5);
    if (kind === undefined) throw senseless(`unknown kind ${view.getUint8(at)}`);
    if (at + HEADER_BYTES + length > part.length) throw senseless('torn data');
    frames.push({
      kind,
      command: view.getUint32(at + 1),
      data: part.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length),
    });
    at += HEADER_BYTES + length;
  }
  return frames;
}

/** How a command ended, as the host tells it. Throws 'agent-failed' for anything else: a host may be somebody's. */
export function parseExit(data: Uint8Array): ExitFrame {
  try {
    const { code, signal } = JSON.parse(Buffer.from(data).toString('utf8')) as Record<string, unknown>;
    const known = Number.isInteger(code) && (code as number) >= 0 && (code as number) <= 255;
    if ((known || code === null) && (signal === null || /^[A-Z0-9]{1,16}$/.test(String(signal))))
      return { code: code as number | null, signal: signal as string | null };
  } catch {
    // told below
  }
  throw senseless('no exit');
}

function senseless(found: string): HostarkError {
  return new HostarkError('agent-failed', `expected frames of a session, found ${found}`, {
    hint: 'the agent on the host and this program may be of different versions, or the host is no longer yours',
  });
}
