/**
 * Brings the agent onto a host through Systems Manager and the bucket, once per version, and has it make the key of a
 * run. The host needs sh, tar, gzip, a SHA-256 program and one of curl, wget, python3; nothing of ours.
 */
import { HostarkError, type SsmInvocation, type SsmStore } from '@hostark/protocol';
import type { AgentArchive } from './agent-archive.ts';
import { lastLines } from './errors.ts';
import { isChannelKey } from './sealed-channel.ts';
import { quote } from './shell.ts';
import { runScript, type SsmTarget } from './ssm-command.ts';

export interface SsmAgent {
  /** Absolute directory on the host that holds bin/node and main.cjs. */
  readonly path: string;
  /** The host's public half of the run's key. */
  readonly publicKey: string;
  /** Whether the host had to download it, and whether the bucket had to be given it. */
  readonly installed: boolean;
  readonly uploadedBytes: number;
}

export interface SsmAgentOptions {
  readonly store: SsmStore;
  /** Names the run that the key is for. */
  readonly run: string;
  /** The archive for what `uname -m` says; without a machine the one that is most likely right. */
  readonly archive: (machine: string | null) => Promise<AgentArchive>;
  readonly onStep?: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Long enough for a slow host to fetch 50 MB, short enough to be worth nothing to who reads the command later. */
const URL_SECONDS = 900;
const INSTALL_SECONDS = 900;
const KEEP_VERSIONS = 2;

/** Throws 'agent-failed' when the host lacks a program or cannot run the agent, 'disk-full', 'host-unreachable'. */
export async function bringAgent(target: SsmTarget, options: SsmAgentOptions): Promise<SsmAgent> {
  const { store, run, signal } = options;
  const ask = async (archive: AgentArchive, url: string): Promise<Answer> => {
    const script = agentScript({ hash: archive.sha256, run, url });
    const ended = await runScript(target, script, { runSeconds: INSTALL_SECONDS, comment: 'Hostark: agent', signal });
    return answerOf(target, ended);
  };
  let archive = await options.archive(null);
  let answer = await ask(archive, '');
  if (!answer.have) {
    const fitting = await options.archive(answer.machine);
    if (fitting.sha256 !== archive.sha256) {
      archive = fitting;
      answer = await ask(archive, '');
    }
  }
  if (answer.have) return { path: answer.path, publicKey: answer.key, installed: false, uploadedBytes: 0 };
  options.onStep?.(`sending the agent through bucket ${store.bucket}`);
  const { sent } = await store.keepAgent(archive.sha256, archive.file, signal);
  answer = await ask(archive, await store.agentUrl(archive.sha256, URL_SECONDS));
  if (!answer.have) throw failed(target, 'the agent is not there after it was installed', '');
  return { path: answer.path, publicKey: answer.key, installed: true, uploadedBytes: sent ? archive.bytes : 0 };
}

interface Answer {
  readonly machine: string;
  readonly have: boolean;
  readonly path: string;
  readonly key: string;
}

function answerOf(target: SsmTarget, ended: SsmInvocation): Answer {
  if (ended.status !== 'Success') throw scriptError(target, ended);
  const facts = new Map(
    ended.stdout
      .split('\n')
      .filter((line) => line.startsWith('hostark '))
      .map((line): [string, string] => {
        const [, name = '', ...value] = line.split(' ');
        return [name, value.join(' ')];
      }),
  );
  const [machine = '', path = '', key = ''] = ['machine', 'path', 'key'].map((name) => facts.get(name));
  const have = facts.has('path');
  if (machine === '' || (have && !isChannelKey(key)))
    throw failed(target, `the host's answer makes no sense: ${lastLines(ended.stdout, 3)}`, ended.stderr);
  return { machine, have, path, key };
}

/** Exit codes of the script below. */
function scriptError(target: SsmTarget, { responseCode, stderr }: SsmInvocation): HostarkError {
  const said = lastLines(stderr.replace(/failed to run commands: .*$/, ''), 3);
  if (/No space left|Disk quota exceeded/i.test(stderr)) {
    return new HostarkError('disk-full', `ssm ${target.instanceId}: no room for the agent: ${said}`, {
      hint: "free about 200 MB below root's home",
      context: { host: target.instanceId },
    });
  }
  if (responseCode === 7) {
    return failed(target, `the agent in the bucket is not the one that was put there: ${said}`, '', {
      hint: 'find out who may write below agents/ there, remove the object of that name, then run the command again',
    });
  }
  if (responseCode === 8) {
    return failed(target, `the agent's runtime does not start there: ${said}`, '', {
      hint: 'the host may have another processor or C library than this machine; see hostark agent prepare --help',
    });
  }
  if (responseCode === 9)
    return failed(target, said, '', { hint: 'install one of them on the host, or use --via ssh' });
  return failed(target, `the agent could not be installed: exit code ${responseCode}`, said);
}

function failed(target: SsmTarget, what: string, said: string, more: { readonly hint?: string } = {}): HostarkError {
  return new HostarkError(
    'agent-failed',
    `ssm ${target.instanceId}: ${what}${said === '' ? '' : `: ${lastLines(said, 3)}`}`,
    {
      hint: more.hint ?? 'the host needs sh, tar, gzip and a writable home for root',
      context: { host: target.instanceId },
      retry: 'later',
    },
  );
}

/**
 * Tells what is there; downloads when told from where; makes a key. An SSM agent gives its commands no HOME. The URL
 * reaches the download on stdin, since others on the host can read argv. Exit 7: damaged on the way; 8: the runtime does
 * not start; 9: a program is missing.
 */
function agentScript(values: { readonly hash: string; readonly run: string; readonly url: string }): string {
  return `hash=${values.hash}; run=${quote(values.run)}; url=${quote(values.url)}; keep=${KEEP_VERSIONS}\n${AGENT_SCRIPT}`;
}

const AGENT_SCRIPT = `set -eu
umask 077
directory="\${HOME:-/root}/.cache/hostark/agent"
agent="$directory/$hash"
echo "hostark machine $(uname -m)"
has() { command -v "$1" >/dev/null 2>&1; }
works() { [ -f "$agent/ok" ] && "$agent/bin/node" --version >/dev/null 2>&1; }
missing() { echo "the host has $1" >&2; exit 9; }
fetch() {
  if has curl; then printf 'url = "%s"\\n' "$url" | curl -fsS --retry 3 -o "$1" -K -
  elif has wget; then printf '%s\\n' "$url" | wget -q -O "$1" -i -
  elif has python3; then printf '%s\\n' "$url" | python3 -c 'import sys, urllib.request
urllib.request.urlretrieve(sys.stdin.readline().strip(), sys.argv[1])' "$1"
  else missing 'none of curl, wget and python3, one of which must fetch the agent'
  fi
}
sha256() {
  if has sha256sum; then sha256sum <"$1"
  elif has shasum; then shasum -a 256 <"$1"
  elif has openssl; then openssl dgst -sha256 -r <"$1"
  else missing 'none of sha256sum, shasum and openssl, one of which must verify the agent'
  fi
}
if ! works; then
  [ -n "$url" ] || exit 0
  has tar || missing 'no tar'
  has gzip || missing 'no gzip'
  mkdir -p "$directory"
  work="$directory/.new-$hash-$$"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  mkdir "$work"
  fetch "$work/archive"
  found=$(sha256 "$work/archive")
  found=\${found%% *}
  [ "$found" = "$hash" ] || { echo "expected SHA-256 $hash, found $found" >&2; exit 7; }
  mkdir "$work/agent"
  gzip -dc <"$work/archive" | (cd "$work/agent" && tar -xf -)
  rm "$work/archive"
  "$work/agent/bin/node" --version >/dev/null || exit 8
  : >"$work/agent/ok"
  rm -rf "$agent"
  mv "$work/agent" "$agent"
  ls -1t "$directory" | while read -r version; do
    case $version in "$hash") continue;; esac
    [ "$keep" -gt 1 ] && { keep=$((keep - 1)); continue; }
    rm -rf "$directory/$version"
  done
fi
touch "$agent" 2>/dev/null || :
echo "hostark path $agent"
echo "hostark key $("$agent/bin/node" "$agent/main.cjs" agent key "$run")"`;
