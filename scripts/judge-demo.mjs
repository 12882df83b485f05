/**
 * Reads a demo's JSON lines and fails unless its summary says that everything came back and nothing was left. With
 * `--ways A,B` (the regions demo) each of these ways back must have brought everything on its own, within three minutes.
 */
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

const wanted = process.argv[3] === '--ways' ? process.argv[4].split(',') : [];
for (const name of wanted) {
  const way = (summary.ways ?? []).find((one) => one.way === name);
  if (way === undefined || way.items === 0 || way.mismatches !== 0)
    throw new Error(`the way back from ${name} brought ${JSON.stringify(way)}`);
  console.log(`${name}: ${way.items} items, ${way.bytes} bytes, no difference`);
}
if (wanted.length > 0 && summary.seconds > 180)
  throw new Error(`it took ${Math.round(summary.seconds)} s, more than 180`);
