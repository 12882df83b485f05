/** Reads the demo's JSON lines and fails unless its summary says that everything came back and nothing was left. */
import { readFileSync } from 'node:fs';

const lines = readFileSync(process.argv[2], 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const summary = lines.find((line) => line.type === 'summary');
if (summary === undefined) throw new Error('the demo printed no summary');
for (const step of summary.steps)
  console.log(
    `${step.name.padEnd(10)} ${step.seconds.toFixed(1).padStart(6)} s  ${step.bytes} bytes  ${step.requests} requests`,
  );
console.log(
  `files ${summary.files}, bytes ${summary.bytes}, verified ${summary.verified}, mismatches ${summary.mismatches}, leftovers ${summary.leftovers}`,
);
const good =
  summary.mismatches === 0 && summary.leftovers === 0 && summary.verified === summary.files && summary.files > 0;
if (!good) process.exit(1);
