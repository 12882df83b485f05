/** The environment and argument vector of a login, shared by both kinds of machine. */
import type { MachineCommand, Terminal } from './machine.ts';
import { LOGIN_USERS } from './machine.ts';
import { findProgram, PROGRAM_PATH } from './programs.ts';
import { LOGIN_SHELL } from './root.ts';
import { LOGIN } from './scripts.ts';

/** Environment of a login. `root` prefixes the machine's own paths ('' where the machine has its own root). */
export function loginEnvironment(
  command: MachineCommand,
  machine: Readonly<Record<string, string>>,
  root: string,
): Record<string, string> {
  const user = LOGIN_USERS[command.user];
  if (!user) throw new RangeError(`expected a login user, got ${JSON.stringify(command.user)}`);
  return {
    ...machine,
    ...command.environment,
    ...(command.terminal ? { TERM: command.terminal.term } : {}),
    HOME: `${root}${user.home}`,
    USER: command.user,
    LOGNAME: command.user,
    SHELL: LOGIN_SHELL,
    PATH: `${root}/opt/sandbox/bin:${PROGRAM_PATH}`,
    LANG: 'C.UTF-8',
  };
}

/** The login as an argument vector; with a terminal it runs below script(1), since Node has no pseudo-terminals. */
export function loginArguments(command: MachineCommand): string[] {
  const login = ['/bin/sh', '-c', LOGIN, '-sh', ...(command.command === null ? [] : [command.command])];
  const script = command.terminal === null ? null : findProgram('script');
  if (command.terminal === null || script === null) return login;
  const inside = `${sizeCommand(command.terminal)}; exec ${login.map(quoted).join(' ')}`;
  return [script, '-q', '-e', '-f', '-E', 'always', '-c', inside, '/dev/null'];
}

function sizeCommand(terminal: Terminal): string {
  return `stty rows ${Math.trunc(terminal.rows)} cols ${Math.trunc(terminal.columns)} 2>/dev/null`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
