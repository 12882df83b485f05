/** The paths of a backup: arguments and --files-from files. */
import { parseFilesFrom, parseFilesFromRaw, parseFilesFromVerbatim } from '@hostark/archive';
import { HostarkError } from '@hostark/protocol';
import type { CommandContext } from '../context.ts';
import type { Output } from '../terminal/output.ts';
import { expandGlob } from './glob.ts';
import { readNamed } from './patterns.ts';

export interface TargetFlags {
  readonly filesFrom?: string[];
  readonly filesFromVerbatim?: string[];
  readonly filesFromRaw?: string[];
}

/** Returns what to save, as bytes where a list holds bytes. Throws 'usage' when nothing is named. */
export async function readTargets(
  flags: TargetFlags,
  args: readonly string[],
  { io, out }: CommandContext,
): Promise<(string | Uint8Array)[]> {
  const read = async (path: string): Promise<Uint8Array> => {
    if (path !== '-') return readNamed(path, 'list of files');
    const chunks: Uint8Array[] = [];
    for await (const chunk of io.stdin) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks);
  };
  const targets: (string | Uint8Array)[] = [...args];
  for (const path of flags.filesFrom ?? []) targets.push(...(await expandAll(parseFilesFrom(await read(path)), out)));
  for (const path of flags.filesFromVerbatim ?? []) targets.push(...parseFilesFromVerbatim(await read(path)));
  for (const path of flags.filesFromRaw ?? []) targets.push(...parseFilesFromRaw(await read(path)));
  if (targets.length === 0) {
    throw new HostarkError('usage', 'expected paths to back up, none are named', {
      hint: 'hostark backup PATH..., or --files-from FILE',
    });
  }
  return targets;
}

/** Expands wildcards; a pattern without a match is a warning, as in restic. */
async function expandAll(patterns: readonly string[], out: Output): Promise<string[]> {
  const expanded: string[] = [];
  for (const pattern of patterns) {
    const found = await expandGlob(pattern);
    if (found.length === 0) out.warn(`warning: ${pattern} matches nothing`);
    expanded.push(...found);
  }
  return expanded;
}
