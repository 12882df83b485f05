/**
 * Plays a transcript: one line, one step, in a fresh folder with a fresh home.
 *
 *   # text                     a comment; the first is the title
 *   needs ordinary-user        skipped, by name, for root
 *   repo DIR [VERSION]         creates a repository whose key costs nothing to open, and names it in RESTIC_REPOSITORY
 *   env NAME=VALUE | env -NAME sets or unsets a variable for what follows
 *   stdin TEXT                 the next command reads this
 *   hostark ARG...             runs; must end with 0.  `! hostark` must not
 *   exit N                     the exit code of the last command
 *   stdout RE | stderr RE      the last output matches.  `! stdout` does not
 *   json KEY=VALUE...          every line of the last stdout is JSON, and one object (or array element) has these values
 *   jsonerr KEY=VALUE...       the same of stderr
 *   set NAME RE                a variable from the first group that matches the last stdout
 *   sh SCRIPT                  runs `sh -eu`; must end with 0.  `hostark` is on its PATH
 *   exists PATH... , cmp A B   files are there (`! exists`), are equal (`! cmp`)
 *   lock shared|exclusive      holds a lock of another live process on the repository, until `unlock`
 *   -- PATH --                 from here to the next such line: the content of a file, written before the first step
 *
 * Words are split as a shell splits them; $NAME is replaced in all of them.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { acquireLock } from '@hostark/repository';
import { describe, type Ended, hostark, jsonLines, MAIN, makeWorkspace, start } from '../../../test/support/hostark.ts';
import { makeRepository, openFolder, PASSWORD } from '../../../test/support/repository.ts';
import { splitWords } from '../src/repository/password.ts';

interface Step {
  readonly line: number;
  readonly text: string;
  readonly negated: boolean;
  readonly words: readonly string[];
}

export interface Transcript {
  readonly file: string;
  readonly title: string;
  readonly needs: string | null;
  readonly steps: readonly Step[];
  readonly files: ReadonlyMap<string, string>;
}

export function parseTranscript(text: string, file: string): Transcript {
  const [script, ...attached] = text.split(/^-- (.+) --\n/m);
  const files = new Map<string, string>();
  for (let i = 0; i < attached.length; i += 2) files.set(attached[i]!, attached[i + 1]!);
  const steps: Step[] = [];
  let title = '';
  let needs: string | null = null;
  for (const [index, raw] of script!.split('\n').entries()) {
    const line = raw.trim();
    if (line.startsWith('#')) title ||= line.slice(1).trim();
    if (line === '' || line.startsWith('#')) continue;
    const negated = line.startsWith('! ');
    const words = splitWords(negated ? line.slice(2) : line);
    if (words[0] === 'needs') needs = words[1]!;
    else steps.push({ line: index + 1, text: line, negated, words });
  }
  if (title === '') throw new Error(`${file}: expected a comment first, that says what it shows`);
  return { file, title, needs, steps, files };
}

export async function playTranscript(transcript: Transcript): Promise<void> {
  const workspace = makeWorkspace('transcript');
  const player = new Player(workspace.root, workspace.env);
  try {
    for (const [path, content] of transcript.files) {
      mkdirSync(dirname(workspace.path(path)), { recursive: true });
      writeFileSync(workspace.path(path), content);
    }
    for (const step of transcript.steps) {
      try {
        await player.play(step);
      } catch (error) {
        throw new Error(`${transcript.file}:${step.line}: ${step.text}\n${(error as Error).message}`, { cause: error });
      }
    }
  } finally {
    await player.unlock();
    workspace.remove();
  }
}

class Player {
  readonly #root: string;
  readonly #variables = new Map<string, string>();
  #env: Record<string, string>;
  #stdin = '';
  #last: Ended = { code: 0, signal: null, stdout: '', stderr: '' };
  #unlock: (() => Promise<void>) | null = null;

  constructor(root: string, env: Readonly<Record<string, string>>) {
    this.#root = root;
    mkdirSync(`${root}/bin`);
    writeFileSync(`${root}/bin/hostark`, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`, { mode: 0o755 });
    this.#env = { ...env, PATH: `${root}/bin:${process.env.PATH}` };
    this.#variables.set('WORK', root);
  }

  async play({ words, negated }: Step): Promise<void> {
    const [verb, ...args] = words.map((word) => this.#expand(word)) as [string, ...string[]];
    switch (verb) {
      case 'repo':
        await makeRepository(`${this.#root}/${args[0]}`, { version: args[1] === '1' ? 1 : 2 });
        this.#env = {
          ...this.#env,
          RESTIC_REPOSITORY: `${this.#root}/${args[0]}`,
          RESTIC_PASSWORD: PASSWORD,
          RESTIC_READ_CONCURRENCY: '0', // a handful of small files needs no threads
        };
        return;
      case 'env':
        for (const arg of args) this.#setVariable(arg);
        return;
      case 'stdin':
        this.#stdin = args[0]!;
        return;
      case 'hostark':
        this.#last = await hostark(args, this.#options());
        if ((this.#last.code === 0) === negated) this.#fail(`expected ${negated ? 'a failure' : 'exit code 0'}`);
        return;
      case 'sh':
        this.#last = await start('sh', ['-euc', args[0]!], this.#options()).ended;
        if (this.#last.code !== 0) this.#fail('expected exit code 0');
        return;
      case 'exit':
        if (this.#last.code !== Number(args[0])) this.#fail(`expected exit code ${args[0]}`);
        return;
      case 'stdout':
      case 'stderr':
        if (new RegExp(args[0]!, 'm').test(this.#last[verb]) === negated)
          this.#fail(`expected ${verb} ${negated ? 'not ' : ''}to match`);
        return;
      case 'json':
      case 'jsonerr':
        this.#json(jsonLines(verb === 'json' ? this.#last.stdout : this.#last.stderr), args, negated);
        return;
      case 'set': {
        const found = new RegExp(args[1]!, 'm').exec(this.#last.stdout)?.[1];
        if (found === undefined) this.#fail('expected a group that matches');
        this.#variables.set(args[0]!, found);
        return;
      }
      case 'exists':
        for (const path of args) if (existsSync(this.#path(path)) === negated) this.#fail(`found otherwise: ${path}`);
        return;
      case 'cmp':
        if (readFileSync(this.#path(args[0]!)).equals(readFileSync(this.#path(args[1]!))) === negated)
          this.#fail('found otherwise');
        return;
      case 'lock':
        await this.#lock(args[0] === 'exclusive');
        return;
      case 'unlock':
        await this.unlock();
        return;
      default:
        throw new Error(`no such step: ${verb}`);
    }
  }

  async unlock(): Promise<void> {
    await this.#unlock?.();
    this.#unlock = null;
  }

  async #lock(exclusive: boolean): Promise<void> {
    const repository = await openFolder(this.#env.RESTIC_REPOSITORY!);
    const identity = { host: 'another-host', user: 'somebody', pid: 4711, uid: 1, gid: 1 };
    const lock = await acquireLock(repository, { ...identity, exclusive });
    this.#unlock = async () => {
      await lock.release();
      await repository.backend.close();
    };
  }

  #options(): { cwd: string; env: Record<string, string>; stdin: string } {
    const stdin = this.#stdin;
    this.#stdin = '';
    return { cwd: this.#root, env: this.#env, stdin };
  }

  #setVariable(arg: string): void {
    const at = arg.indexOf('=');
    if (at > 0) this.#env = { ...this.#env, [arg.slice(0, at)]: arg.slice(at + 1) };
    else this.#env = Object.fromEntries(Object.entries(this.#env).filter(([name]) => `-${name}` !== arg));
  }

  #json(objects: readonly Record<string, unknown>[], wanted: readonly string[], negated: boolean): void {
    const pairs = wanted.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const);
    const has = (object: Record<string, unknown>): boolean =>
      pairs.every(([path, value]) => {
        const found = path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], object);
        return found !== undefined && (found === value || JSON.stringify(found) === value);
      });
    if (objects.some(has) === negated) this.#fail(`expected ${negated ? 'no' : 'an'} object with these values`);
  }

  #path(path: string): string {
    return path.startsWith('/') ? path : `${this.#root}/${path}`;
  }

  #expand(word: string): string {
    return word.replace(/\$([A-Z][A-Z0-9_]*)/g, (all, name: string) => this.#variables.get(name) ?? all);
  }

  #fail(message: string): never {
    throw new Error(`${message}; the last command ended with ${describe(this.#last)}`);
  }
}
