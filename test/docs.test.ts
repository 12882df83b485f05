import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_EXIT_CODES } from '@hostark/protocol';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { buildProgram } from '../packages/cli/src/program.ts';

const root = join(import.meta.dirname, '..');
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

test('every error code is explained in docs/errors.md with its exit code, and no other', () => {
  const rows = [...text('docs/errors.md').matchAll(/^\| ([a-z-]+) \| (\d+) \|/gm)].map((row) => [
    row[1],
    Number(row[2]),
  ]);
  expect(Object.fromEntries(rows)).toEqual(ERROR_EXIT_CODES);
});

test('every runtime dependency has its line in docs/dependencies.md', () => {
  const page = text('docs/dependencies.md');
  const names = readdirSync(join(root, 'packages')).flatMap((name) => {
    const manifest = JSON.parse(text(`packages/${name}/package.json`)) as { dependencies?: Record<string, string> };
    return Object.keys(manifest.dependencies ?? {}).filter((dependency) => !dependency.startsWith('@hostark/'));
  });
  const missing = names.filter((name) => !page.includes(name) && !page.includes(name.replace('@aws-sdk/client', '')));
  expect(missing.filter((name) => !page.includes(name.replace('@aws-sdk/', '')))).toEqual([]);
});

test('docs/commands.md lists every command with what it does, and no other', () => {
  const leaves = (command: Command, words: string): string[] =>
    command.commands.length === 0
      ? [`| \`${words}\` | ${command.description()} |`]
      : command.commands.flatMap((child) => leaves(child, `${words} ${child.name()}`));
  const rows = [...text('docs/commands.md').matchAll(/^\| `hostark .*\|$/gm)].map(([row]) => row);
  expect(rows).toEqual(
    leaves(
      buildProgram(() => Promise.resolve()),
      'hostark',
    ),
  );
});

test('links between the documents lead somewhere', () => {
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(root, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const broken = pages.flatMap((page) =>
    [...text(page).matchAll(/\]\(([^)#:]+)\)/g)]
      .map((link) => join(page, '..', link[1]!))
      .filter((target) => {
        try {
          text(target);
          return false;
        } catch {
          return true;
        }
      })
      .map((target) => `${page} -> ${target}`),
  );
  expect(broken).toEqual([]);
});

test('the lock file names no registry', () => {
  expect(text('package-lock.json')).not.toMatch(/https?:\/\/[^"]*\.tgz/);
});
