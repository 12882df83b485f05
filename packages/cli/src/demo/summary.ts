/** The end of the demo: a table, the verdict, and how to go on without Hostark. */
import { quote } from '@hostark/remote';
import { formatBytes, formatCount, formatSeconds, plural } from '../terminal/format.ts';
import type { Output } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import type { Proof } from './recover-step.ts';
import type { StepResult } from './stage.ts';

export function printSummary(out: Output, steps: readonly StepResult[], proof: Proof): void {
  printSteps(out, steps, { ...counted(proof), repository: proof.repository });
  printVerdict(out, proof);
  out.print(`the downloaded repository: ${proof.repository}`);
  out.print('open it with stock restic:');
  out.print(`  restic -r ${word(proof.repository)} --password-file ${word(proof.passwordFile)} snapshots`);
}

/** The counts of a proof, as every demo tells them. */
export type Counts = Pick<Proof, 'files' | 'bytes' | 'verified' | 'mismatches' | 'leftovers'>;

function counted({ files, bytes, verified, mismatches, leftovers }: Counts): Counts {
  return { files, bytes, verified, mismatches, leftovers };
}

/** The table of the steps; with --json the one summary. */
export function printSteps(
  out: Output,
  steps: readonly StepResult[],
  facts: Counts & Readonly<Record<string, unknown>>,
): void {
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  out.data({
    type: 'summary',
    schema: 1,
    steps,
    seconds,
    ...facts,
  });
  const rows = [
    ...steps,
    { name: 'total', seconds, bytes: 0, requests: steps.reduce((sum, step) => sum + step.requests, 0) },
  ];
  out.print('');
  for (const line of table(
    ['STEP', 'TIME', 'BYTES', 'REQUESTS'],
    rows.map((row) => [
      row.name,
      formatSeconds(row.seconds),
      row.bytes === 0 ? '-' : formatBytes(row.bytes),
      formatCount(row.requests),
    ]),
  ))
    out.print(line);
  out.print('');
}

export function printVerdict(out: Output, proof: Counts): void {
  out.print(
    proof.mismatches === 0
      ? `${plural(proof.verified, 'file and folder', 'files and folders')}, ${formatBytes(proof.bytes)}: every byte and every attribute came back.`
      : `${plural(proof.mismatches, 'difference')} between what was saved and what came back.`,
  );
}

/** A word of a command that people copy: quoted only where a shell would read it otherwise. */
function word(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : quote(text);
}
