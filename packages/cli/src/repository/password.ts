/**
 * Finds the repository's password, in restic's order: --insecure-no-password, --password-file, --password-command,
 * RESTIC_PASSWORD, a question on the terminal. The password is returned and kept nowhere else.
 */
import { HostarkError } from '@hostark/protocol';
import type { Io } from '../terminal/io.ts';
import { askSecret } from '../terminal/secret.ts';
import { decodeText, environment, type GlobalFlags, readTextFile } from './settings.ts';

/** Variables that a password command must not see: it gets the environment without our secrets. */
const SECRET_VARIABLE = /^(RESTIC|HOSTARK)_(FROM_)?PASSWORD$/;

/** Returns the password. `confirm` asks twice on a terminal (for `init`). Throws 'usage' when there is no way to get one. */
export async function readPassword(flags: GlobalFlags, io: Io, options: { confirm?: boolean } = {}): Promise<string> {
  const file =
    flags.passwordFile ?? (flags.passwordCommand === undefined ? environment(io, 'PASSWORD_FILE') : undefined);
  const command =
    flags.passwordCommand ?? (flags.passwordFile === undefined ? environment(io, 'PASSWORD_COMMAND') : undefined);
  if (flags.insecureNoPassword) {
    if (file !== undefined || command !== undefined || environment(io, 'PASSWORD') !== undefined) {
      throw new HostarkError('usage', '--insecure-no-password: expected no other password, but one is given');
    }
    return '';
  }
  if (file !== undefined && command !== undefined) {
    throw new HostarkError(
      'usage',
      'expected one source for the password, got both a password file and a password command',
    );
  }
  if (file !== undefined)
    return refuseEmpty((await readTextFile(file, 'password file')).trim(), `the password file ${file}`);
  if (command !== undefined) return refuseEmpty((await runPasswordCommand(command, io)).trim(), 'the password command');
  const direct = environment(io, 'PASSWORD');
  if (direct !== undefined) return direct;
  if (io.stdin.isTTY !== true) {
    throw new HostarkError('usage', 'expected a password, none is given and there is no terminal to ask on', {
      hint: 'give --password-file FILE, or set RESTIC_PASSWORD_FILE or RESTIC_PASSWORD',
    });
  }
  const first = refuseEmpty(await askSecret(io, 'enter password for repository: '), 'the password typed');
  if (options.confirm && (await askSecret(io, 'enter password again: ')) !== first) {
    throw new HostarkError('usage', 'the passwords typed do not match');
  }
  return first;
}

function refuseEmpty(password: string, source: string): string {
  if (password !== '') return password;
  throw new HostarkError('usage', `expected a password, ${source} is empty`, {
    hint: 'an empty password needs --insecure-no-password',
  });
}

async function runPasswordCommand(command: string, io: Io): Promise<string> {
  const [program, ...args] = splitWords(command);
  if (program === undefined) throw new HostarkError('usage', 'expected a password command, got an empty one');
  const env = Object.fromEntries(Object.entries(io.env).filter(([name]) => !SECRET_VARIABLE.test(name)));
  // Loaded when it is needed: it brings Node's whole network side with it.
  const { spawn } = await import('node:child_process');
  const child = spawn(program, args, { stdio: ['inherit', 'pipe', 'inherit'], env });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new HostarkError('command-failed', `the password command ${program} did not start: ${cause.message}`, {
          cause,
        }),
      ),
    );
    child.once('close', (exit, by) => resolve([exit, by]));
  });
  if (code !== 0)
    throw new HostarkError(
      'command-failed',
      `the password command ${program} ended with ${code === null ? signal : `exit code ${code}`}, expected 0`,
    );
  return decodeText(Buffer.concat(chunks));
}

/** Splits a command line into words: single and double quotes, backslash escapes; no expansion. Throws 'usage' on an open quote. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (quote !== '') {
      if (c === quote) quote = '';
      else if (c === '\\' && quote === '"' && i + 1 < line.length) word += line[++i]!;
      else word += c;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= '';
    } else if (c === '\\' && i + 1 < line.length) word = (word ?? '') + line[++i]!;
    else if (/\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + c;
  }
  if (quote !== '') throw new HostarkError('usage', `expected a closing ${quote} in ${JSON.stringify(line)}`);
  if (word !== null) words.push(word);
  return words;
}
