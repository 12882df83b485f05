/** Asks before something is deleted. Without a terminal, `--yes` is the only way. */
import { createInterface } from 'node:readline/promises';
import { HostarkError } from '@hostark/protocol';
import type { CommandContext } from '../context.ts';

/** Resolves when the user typed `word`; throws 'usage' otherwise. `yes` skips the question. */
export async function confirm(
  { io, signal }: CommandContext,
  yes: boolean | undefined,
  action: string,
  word: string,
): Promise<void> {
  if (yes === true) return;
  if (io.stdin.isTTY !== true) {
    throw new HostarkError('usage', `${action}: expected --yes where there is no terminal to ask on`, {
      hint: 'see what would happen with --dry-run, then add --yes',
    });
  }
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  try {
    const answer = await lines.question(`${action}. Type ${word} to go on: `, { signal });
    if (answer.trim() !== word)
      throw new HostarkError('usage', `expected ${word}, got ${JSON.stringify(answer.trim())}; nothing was touched`);
  } finally {
    lines.close();
  }
}
