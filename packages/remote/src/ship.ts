/**
 * Puts the agent on a host, once per version. Needs sh, cat, mkdir, mv, rm, ls, gzip and tar there, nothing else.
 * The agent appears under its hash in one rename, after its bytes were verified and its runtime was started once.
 */
import { createReadStream } from 'node:fs';
import { HostarkError } from '@hostark/protocol';
import type { AgentArchive } from './agent-archive.ts';
import { lastLines } from './errors.ts';
import type { ExecResult, Session } from './session.ts';
import { quote } from './shell.ts';

export interface ShippedAgent {
  /** Absolute directory on the host that holds bin/node and main.cjs. */
  readonly path: string;
  /** False when it was there already. */
  readonly sent: boolean;
  readonly bytesSent: number;
}

export interface ShipOptions {
  /** Default `$HOME/.cache/hostark/agent` of the login user. Absolute. */
  readonly directory?: string;
  readonly onProgress?: (bytesSent: number, bytesTotal: number) => void;
  readonly signal?: AbortSignal;
}

/** Versions kept on a host: the one in use and the one before it. */
const KEEP_VERSIONS = 2;

/** Throws 'agent-failed' when the host cannot take or start it, 'disk-full', 'host-unreachable', 'interrupted'. */
export async function shipAgent(
  session: Session,
  archive: AgentArchive,
  options: ShipOptions = {},
): Promise<ShippedAgent> {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const settings = `directory=${options.directory === undefined ? '"$HOME/.cache/hostark/agent"' : quote(options.directory)}; hash=${archive.sha256}`;
  const probe = await session.exec(`${settings}\n${PROBE}`, signal);
  const answer = lastLine((await succeeded(session, probe)).stdout);
  const path = answer.slice(5);
  if (answer.startsWith('have ')) return { path, sent: false, bytesSent: 0 };
  const sent = await session.exec(`${settings}; keep=${KEEP_VERSIONS}\n${RECEIVE}`, {
    ...signal,
    stdin: archiveBytes(archive, options.onProgress),
  });
  await succeeded(session, sent);
  return { path, sent: true, bytesSent: archive.bytes };
}

/** A login script may greet before a command speaks. */
export function lastLine(stdout: string): string {
  return stdout.trimEnd().split('\n').at(-1)!.trim();
}

/** Prints `have PATH` or `need PATH`. A torn or foreign runtime does not start and is sent again. */
const PROBE = `
agent="$directory/$hash"
if [ -f "$agent/ok" ] && "$agent/bin/node" --version >/dev/null 2>&1; then
  touch "$agent" 2>/dev/null
  echo "have $agent"
else
  echo "need $agent"
fi`;

/** Reads the archive from stdin. Exit 7: damaged on the way; 8: the runtime does not start on this host. */
const RECEIVE = `
set -eu
umask 077
mkdir -p "$directory"
work="$directory/.new-$hash-$$"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work"
cat >"$work/archive"
if command -v sha256sum >/dev/null 2>&1; then
  found=$(sha256sum <"$work/archive")
  found=\${found%% *}
  [ "$found" = "$hash" ] || { echo "expected SHA-256 $hash, found $found" >&2; exit 7; }
fi
mkdir "$work/agent"
gzip -dc <"$work/archive" | (cd "$work/agent" && tar -xf -)
rm "$work/archive"
"$work/agent/bin/node" --version >/dev/null || exit 8
: >"$work/agent/ok"
rm -rf "$directory/$hash"
mv "$work/agent" "$directory/$hash"
ls -1t "$directory" | while read -r version; do
  case $version in "$hash") continue;; esac
  [ "$keep" -gt 1 ] && { keep=$((keep - 1)); continue; }
  rm -rf "$directory/$version"
done`;

async function* archiveBytes(archive: AgentArchive, onProgress: ShipOptions['onProgress']): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of createReadStream(archive.file, { highWaterMark: 262_144 })) {
    yield chunk as Uint8Array;
    sent += (chunk as Uint8Array).length;
    onProgress?.(sent, archive.bytes);
  }
}

async function succeeded(session: Session, result: ExecResult): Promise<ExecResult> {
  if (result.code === 0) return result;
  const said = lastLines(result.stderr, 3);
  const context = { host: session.description, stderr: said };
  if (/No space left|Disk quota exceeded/i.test(result.stderr)) {
    throw new HostarkError('disk-full', `${session.description}: no room for the agent: ${said}`, {
      hint: "free about 200 MB below the login user's home, or name another directory",
      context,
    });
  }
  if (result.code === 8) {
    throw new HostarkError(
      'agent-failed',
      `${session.description}: the agent's runtime does not start there: ${said}`,
      {
        hint: 'the host may have another processor or C library than this machine; give a node binary that runs there',
        context,
      },
    );
  }
  const how = result.code === null ? `signal ${result.signal}` : `exit code ${result.code}`;
  throw new HostarkError('agent-failed', `${session.description}: the agent could not be installed: ${how}: ${said}`, {
    hint: 'the host needs sh, cat, mkdir, mv, rm, ls, gzip and tar, and a writable home',
    context,
    retry: 'later',
  });
}
