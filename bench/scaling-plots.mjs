/** The plots of docs/plots from the rows of scaling.json: name to SVG. What was not measured is not drawn. */
import { linePlot } from './plot.mjs';

const FILES = 'files of some 100 bytes';
const GIB = 'GiB in one file, an eighth of it written, the rest holes';
const BLOBS = 'blobs';

const PLOTS = {
  'files-time': {
    title: 'Wall seconds, by number of files',
    x: FILES,
    y: 'seconds',
    lines: ['backup', 'unchanged', 'restore of 1 %', 'ls'],
    series: 'files',
    value: 'wall',
  },
  'files-memory': {
    title: 'Peak memory, by number of files',
    x: FILES,
    y: 'MiB',
    lines: ['backup', 'unchanged', 'ls'],
    series: 'files',
    value: 'peakMiB',
  },
  'bytes-time': {
    title: 'Wall seconds, by size of one file',
    x: GIB,
    y: 'seconds',
    lines: ['backup', 'restore'],
    series: 'gib',
    value: 'wall',
  },
  'bytes-memory': {
    title: 'Peak memory, by size of one file',
    x: GIB,
    y: 'MiB',
    lines: ['backup', 'restore'],
    series: 'gib',
    value: 'peakMiB',
  },
  'blobs-memory': {
    title: 'Peak memory of a small backup, by blobs in the repository',
    x: BLOBS,
    y: 'MiB',
    lines: ['small backup'],
    series: 'blobs',
    value: 'peakMiB',
  },
  'blobs-time': {
    title: 'Wall seconds of a small backup, by blobs in the repository',
    x: BLOBS,
    y: 'seconds',
    lines: ['small backup'],
    series: 'blobs',
    value: 'wall',
  },
};

/** What one file, one byte or one blob costs: the unit and its name. */
const UNITS = {
  files: { label: (size) => `${size.toLocaleString('en')} files`, unit: 'µs a file', scale: 1e6 },
  gib: { label: (size) => `${size} GiB`, unit: 'ns a byte', scale: 1e9 / 2 ** 30 },
  blobs: { label: (size) => `${size.toLocaleString('en')} blobs`, unit: 'µs a blob', scale: 1e6 },
};

/** The rows as a Markdown table: Hostark / restic. */
export function scalingTable(rows) {
  const lines = ['| size | step | wall s | for one | peak MiB |', '|---|---|---|---|---|'];
  const ordered = rows.filter(({ program }) => program === 'hostark').sort((a, b) => a.size - b.size);
  for (const series of Object.keys(UNITS))
    for (const { size, steps } of ordered.filter((row) => row.series === series)) {
      const other = rows.find((row) => row.series === series && row.size === size && row.program === 'restic')?.steps;
      const { label, unit, scale } = UNITS[series];
      for (const [step, { wall, peakMiB }] of Object.entries(steps).filter(([, costs]) => costs.wall !== undefined)) {
        const both = (own, others, digits) => [own, others].map((value) => value?.toFixed(digits) ?? '-').join(' / ');
        const one = both((wall / size) * scale, other && (other[step].wall / size) * scale, 2);
        const memory = both(peakMiB, other?.[step].peakMiB, 0);
        lines.push(`| ${label(size)} | ${step} | ${both(wall, other?.[step].wall, 2)} | ${one} ${unit} | ${memory} |`);
      }
    }
  return lines.join('\n');
}

/** What the table of blobs takes, as a Markdown table. */
export function blobTable(rows) {
  const lines = ['| blobs | bytes of memory each | insertion | look-up, found | unknown |', '|---|---|---|---|---|'];
  const measured = rows.filter(({ steps }) => steps.table !== undefined).sort((a, b) => a.size - b.size);
  for (const { size, steps } of measured) {
    const { bytesPerBlob, insertNs, hitNs, missNs } = steps.table;
    const times = [insertNs, hitNs, missNs].map((ns) => `${ns.toFixed(0)} ns`).join(' | ');
    lines.push(`| ${size.toLocaleString('en')} | ${bytesPerBlob.toFixed(0)} | ${times} |`);
  }
  return lines.join('\n');
}

const TABLE_LINES = [
  ['insertion', 'insertNs'],
  ['look-up, found', 'hitNs'],
  ['look-up, unknown', 'missNs'],
];

export function drawPlots(rows) {
  const plots = {};
  for (const [name, { title, x, y, lines: steps, series, value }] of Object.entries(PLOTS)) {
    const lines = steps.flatMap((step, style) =>
      ['hostark', 'restic'].map((program) => ({
        name: `${program}, ${step}`,
        program,
        style,
        points: pointsOf(rows, series, program, (found) => found[step]?.[value]),
      })),
    );
    draw(name, { title, xLabel: x, yLabel: y, lines });
  }
  const table = (field) => pointsOf(rows, 'blobs', 'hostark', (found) => found.table?.[field]);
  draw('table-time', {
    title: 'The table of blobs: time for one',
    xLabel: 'blobs in the table',
    yLabel: 'nanoseconds',
    lines: TABLE_LINES.map(([name, field], style) => ({ name, program: 'hostark', style, points: table(field) })),
  });
  draw('table-memory', {
    title: 'The table of blobs: memory for one',
    xLabel: 'blobs in the table',
    yLabel: 'bytes',
    lines: [{ name: 'hostark', program: 'hostark', style: 0, points: table('bytesPerBlob') }],
  });
  return plots;

  function draw(name, plot) {
    const lines = plot.lines.filter(({ points }) => points.length > 0);
    if (lines.length > 0) plots[name] = linePlot({ ...plot, lines });
  }
}

function pointsOf(rows, series, program, read) {
  return rows
    .filter((row) => row.series === series && row.program === program)
    .map(({ size, steps }) => [size, read(steps)])
    .filter(([, value]) => value !== undefined)
    .sort((a, b) => a[0] - b[0]);
}
