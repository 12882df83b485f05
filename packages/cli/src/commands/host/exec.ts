/** `hostark host exec HOST -- COMMAND...`: a command on a host; its streams and its end are passed through. */
import { constants } from 'node:os';
import { showHost } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { quote } from '@hostark/remote';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { openSession, type Via } from '../../hosts/session.ts';
import type { CommandCode } from '../../tree/command.ts';

export interface ExecFlags extends CloudFlags {
  readonly via: Via;
  readonly stdin?: boolean;
}

export const exec: CommandCode<ExecFlags> = async (context, flags, [name, ...words]) => {
  const { io, out, signal } = context;
  if (words.length === 0) {
    throw new HostarkError('usage', 'expected a command after the name of the host', {
      hint: `hostark host exec ${name} -- uname -a`,
    });
  }
  return withCloud(context, flags, async (cloud) => {
    const host = await showHost(cloud.clients, cloud.ledger, name!, { signal });
    const session = await openSession(cloud, host, flags.via);
    try {
      // One word is a line for the host's shell, as with ssh; several are its words.
      const command = words.length === 1 ? words[0]! : words.map(quote).join(' ');
      const ended = await session.exec(command, {
        ...(flags.stdin === true ? { stdin: io.stdin as AsyncIterable<Uint8Array> } : {}),
        onStdout: (chunk) =>
          passOn(out.json ? null : io.stdout, chunk, signal, (text) => out.data({ message_type: 'stdout', text })),
        onStderr: (chunk) =>
          passOn(out.json ? null : io.stderr, chunk, signal, (text) => out.data({ message_type: 'stderr', text })),
        signal,
      });
      out.data({ message_type: 'summary', host: host.name, code: ended.code, signal: ended.signal });
      return ended.code ?? 128 + signalNumber(ended.signal);
    } finally {
      await session.close();
    }
  });
};

/** Resolves when the stream takes more, or nobody waits for it any more: a pager that stands still holds no Ctrl-C up. */
export function passOn(
  to: NodeJS.WritableStream | null,
  chunk: Uint8Array,
  signal: AbortSignal,
  asData: (text: string) => void,
): void | Promise<void> {
  if (to === null) return asData(Buffer.from(chunk).toString('utf8'));
  if (to.write(chunk) || signal.aborted) return;
  return new Promise((resolve) => {
    const go = (): void => {
      to.off('drain', go).off('close', go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    to.on('drain', go).on('close', go); // closed: the reader left
    signal.addEventListener('abort', go);
  });
}

/** As shells count: 128 and the signal's number. */
function signalNumber(name: string | null): number {
  return constants.signals[`SIG${name}` as NodeJS.Signals] ?? 127;
}
