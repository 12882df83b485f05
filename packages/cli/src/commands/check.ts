/** `hostark check`: verifies the repository and names what is damaged, with what that touches. */
import { beginVerifying, verifyOnThreads } from '@hostark/archive/verify';
import { HostarkError } from '@hostark/protocol';
import { checkRepository, type Finding, parseLocation, parseSubset } from '@hostark/repository';
import type { CommandContext } from '../context.ts';
import { withRepository } from '../repository/open.ts';
import { type GlobalFlags, repositoryLocation } from '../repository/settings.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import { optimizeReluctantly } from '../terminal/memory.ts';
import type { Output } from '../terminal/output.ts';
import type { CommandCode } from '../tree/command.ts';

interface CheckFlags {
  readonly readData?: boolean;
  readonly readDataSubset?: string;
  readonly withCache?: boolean;
}

export const check: CommandCode<CheckFlags> = async (context, flags) => {
  const { out } = context;
  if (flags.readData && flags.readDataSubset !== undefined) {
    throw new HostarkError('usage', 'expected one of --read-data and --read-data-subset, got both');
  }
  const readData = flags.readData
    ? ({ kind: 'all' } as const)
    : flags.readDataSubset === undefined
      ? undefined
      : parseSubset(flags.readDataSubset);
  // A check must see what is stored, not what a cache remembers.
  const usage = {
    lock: 'exclusive',
    mayGoUnlocked: true,
    beginsEarly: true,
    useCache: flags.withCache ?? false,
  } as const;
  const ahead = flags.readData ? beginVerifying(await folderOf(context, flags)) : null;
  const checked = withRepository(context, flags, usage, async ({ repository, signal, confirmed }) => {
    optimizeReluctantly();
    const report = await checkRepository(repository, {
      readData,
      signal,
      verifiers: verifyOnThreads(),
      progress: phaseLines(out),
    });
    await confirmed;
    for (const finding of report.findings) tell(out, finding);
    out.data({
      message_type: 'summary',
      num_errors: report.errors,
      broken_packs: report.brokenPacks.length === 0 ? null : report.brokenPacks,
      suggest_repair_index: report.suggestRepairIndex,
      suggest_prune: report.suggestPrune,
      snapshots: report.snapshots,
      packs: report.packs,
      packs_read: report.packsRead,
      bytes_read: report.bytesRead,
    });
    out.print(
      `checked ${plural(report.snapshots, 'snapshot')}, ${plural(report.trees, 'tree')}, ${plural(report.packs, 'pack')}, ${plural(report.blobs, 'blob')}`,
    );
    if (report.packsRead > 0)
      out.print(`read and verified ${plural(report.packsRead, 'pack')}, ${formatBytes(report.bytesRead)}`);
    if (report.suggestPrune) out.say('hint: `restic prune` would free space');
    if (report.suggestRepairIndex) out.say('hint: `restic repair index` would mend the index');
    if (report.errors > 0) {
      throw new HostarkError(
        'repository-damaged',
        `the repository has ${plural(report.errors, 'error')}, named above`,
        {
          hint: 'other snapshots can still be restored; damaged files are named and left out',
        },
      );
    }
    out.print('no errors were found');
    return 0;
  });
  return checked.finally(() => ahead?.close());
};

/** The folder that may be read at full speed, or null. */
async function folderOf({ io }: CommandContext, flags: GlobalFlags): Promise<string | null> {
  if (flags.limitDownload !== undefined) return null;
  const place = parseLocation(await repositoryLocation(flags, io));
  return place.kind === 'local' ? place.path : null;
}

function tell(out: Output, finding: Finding): void {
  if (out.json) {
    out.data({ message_type: finding.severity, ...finding });
    return;
  }
  const write = finding.severity === 'error' ? out.warn.bind(out) : out.say.bind(out);
  write(`${finding.severity}: ${finding.object} ${finding.id}: ${finding.message}`);
  for (const id of finding.snapshots) write(`  in snapshot ${id.slice(0, 8)}`);
  for (const path of finding.paths) write(`  ${path}`);
  if (finding.pathCount > finding.paths.length)
    write(`  and ${plural(finding.pathCount - finding.paths.length, 'more path')}`);
}

/** Turns the check's phases into progress events; items stand where bytes would. */
function phaseLines(out: Output): (phase: string, done: number, total: number | null) => void {
  return (phase, done, total) =>
    out.event({
      type: 'progress',
      phase: `check ${phase}`,
      filesDone: done,
      filesTotal: total,
      bytesDone: done,
      bytesTotal: total,
      errors: 0,
      current: [],
    });
}
