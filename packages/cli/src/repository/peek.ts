/**
 * What a command line most likely says of its repository, before the parser is even loaded. A guess that nothing depends on:
 * it decides which key is begun early (key-ahead.ts) and which bundle is loaded, and no more.
 */
import { parseArgs } from 'node:util';
import type { GlobalFlags } from './settings.ts';

/** The commands that open a repository which is there. */
export const OPENING_COMMANDS: readonly string[] = [
  'backup',
  'restore',
  'snapshots',
  'ls',
  'find',
  'diff',
  'dump',
  'check',
  'cat',
  'list',
  'unlock',
];

export interface Glance {
  /** One of OPENING_COMMANDS. */
  readonly command: string;
  /** Those that say where the repository is and how it opens. */
  readonly flags: GlobalFlags;
}

/** Returns null for what opens no repository. Never throws. */
export function glanceAt(argv: readonly string[]): Glance | null {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: false,
    options: {
      repo: { ...text, short: 'r' },
      'repository-file': text,
      'password-file': { ...text, short: 'p' },
      'password-command': text,
      'insecure-no-password': { type: 'boolean' },
      'key-hint': text,
      'cache-dir': text,
      'no-cache': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      // What takes a value before the command's name.
      'retry-lock': text,
      'limit-upload': text,
      'limit-download': text,
      compression: text,
      'pack-size': text,
      option: { ...text, short: 'o' },
    },
  });
  const [command] = positionals;
  if (values.help === true || command === undefined || !OPENING_COMMANDS.includes(command)) return null;
  return { command, flags: flagsAmong(values) };
}

function flagsAmong(values: Readonly<Record<string, unknown>>): GlobalFlags {
  return {
    ...given('repo', values.repo),
    ...given('repositoryFile', values['repository-file']),
    ...given('passwordFile', values['password-file']),
    ...given('passwordCommand', values['password-command']),
    ...given('keyHint', values['key-hint']),
    ...given('cacheDir', values['cache-dir']),
    insecureNoPassword: values['insecure-no-password'] === true,
    cache: values['no-cache'] !== true,
  };
}

/** An option without the value that it needs is nothing. */
function given<Name extends keyof GlobalFlags>(name: Name, value: unknown): Partial<Record<Name, string>> {
  return typeof value === 'string' ? ({ [name]: value } as Record<Name, string>) : {};
}
