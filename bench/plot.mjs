/**
 * Draws lines over logarithmic axes as SVG, readable on light and dark pages. A program has its colour, a step its dash and
 * mark; names stand at the ends of the lines.
 */

const WIDTH = 740;
const HEIGHT = 440;
const BOX = { left: 72, right: 570, top: 48, bottom: 380 };
const DASHES = ['', '7 4', '2 4', '10 3 2 3'];
const LABEL_PITCH = 15;

/**
 * `lines`: { name, program, style, points: [[x, y], ...] } with positive values; `style` counts the steps from 0. Units are told in
 * the labels.
 */
export function linePlot({ title, xLabel, yLabel, lines }) {
  const points = lines.flatMap((line) => line.points);
  const x = logScale(
    points.map(([at]) => at),
    BOX.left,
    BOX.right,
  );
  const y = logScale(
    points.map(([, value]) => value),
    BOX.bottom,
    BOX.top,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">`,
    STYLE,
    text(BOX.left, 24, title, 'title'),
    ...x.ticks.map(({ at, label }) =>
      tick(`M${at} ${BOX.top}V${BOX.bottom}`, text(at, BOX.bottom + 18, label, 'middle')),
    ),
    ...y.ticks.map(({ at, label }) =>
      tick(`M${BOX.left} ${at}H${BOX.right}`, text(BOX.left - 8, at + 4, label, 'end')),
    ),
    text((BOX.left + BOX.right) / 2, BOX.bottom + 42, xLabel, 'middle'),
    `<text class="middle" transform="translate(18 ${(BOX.top + BOX.bottom) / 2}) rotate(-90)">${escaped(yLabel)}</text>`,
    ...lines.map((line) => drawLine(line, x, y)),
    ...endLabels(lines, y),
    '</svg>',
    '',
  ].join('\n');
}

const STYLE = `<style>
  svg { color: #1f2328; font: 12px system-ui, sans-serif; background: none }
  text { fill: currentColor } .title { font-size: 15px; font-weight: 600 }
  .middle { text-anchor: middle } .end { text-anchor: end }
  .grid { stroke: currentColor; opacity: .18 } .line { fill: none; stroke-width: 2 }
  .hostark { stroke: #0969da; color: #0969da } .restic { stroke: #bc4c00; color: #bc4c00 }
  .dot { stroke: none; fill: currentColor } .name { stroke: none }
  @media (prefers-color-scheme: dark) {
    svg { color: #e6edf3 } .hostark { stroke: #58a6ff; color: #58a6ff } .restic { stroke: #f0883e; color: #f0883e }
  }
</style>`;

/** Whole decades, with steps at 2 and 5 where there are few. */
function logScale(values, from, to) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const start = decadeStep(low, Math.floor);
  const end = decadeStep(high, Math.ceil);
  const span = Math.max(Math.log10(end / start), 1e-9);
  const place = (value) => round(from + ((to - from) * Math.log10(value / start)) / span);
  const steps = span > 3 ? [1] : [1, 2, 5];
  const ticks = [];
  for (let decade = Math.floor(Math.log10(start)); decade <= Math.ceil(Math.log10(end)); decade++)
    for (const step of steps) {
      const value = step * 10 ** decade;
      if (value >= start * 0.999 && value <= end * 1.001) ticks.push({ at: place(value), label: short(value) });
    }
  return { place, ticks };
}

/** The nearest of 1, 2, 5 times a power of ten below or above. */
function decadeStep(value, towards) {
  const decade = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 2, 5, 10].map((step) => step * decade);
  return towards === Math.floor
    ? steps.filter((step) => step <= value * 1.001).at(-1)
    : steps.find((step) => step >= value * 0.999);
}

function drawLine({ program, style, points }, x, y) {
  const places = points.map(([at, value]) => [x.place(at), y.place(value)]);
  const path = places.map(([left, top], i) => `${i === 0 ? 'M' : 'L'}${left} ${top}`).join('');
  const dash = DASHES[style] === '' ? '' : ` stroke-dasharray="${DASHES[style]}"`;
  const dots = places.map(([left, top]) => `<circle class="dot" cx="${left}" cy="${top}" r="3"/>`).join('');
  return `<g class="${program}"><path class="line" d="${path}"${dash}/>${dots}</g>`;
}

/** Names at the right, pushed apart where lines end together. */
function endLabels(lines, y) {
  const labels = lines
    .map(({ name, program, points }) => ({ name, program, top: y.place(points.at(-1)[1]) + 4 }))
    .sort((a, b) => a.top - b.top);
  for (let i = 1; i < labels.length; i++) labels[i].top = Math.max(labels[i].top, labels[i - 1].top + LABEL_PITCH);
  const over = Math.max(0, (labels.at(-1)?.top ?? 0) - BOX.bottom);
  return labels.map(
    ({ name, program, top }) =>
      `<g class="${program}"><text class="name" style="fill:currentColor" x="${BOX.right + 10}" y="${round(top - over)}">${escaped(name)}</text></g>`,
  );
}

const tick = (path, label) => `<path class="grid" d="${path}"/>${label}`;
const text = (x, y, words, style) => `<text x="${x}" y="${y}" class="${style}">${escaped(words)}</text>`;
const round = (value) => Math.round(value * 10) / 10;
const escaped = (words) => words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function short(value) {
  if (value >= 1e6) return `${round(value / 1e6)} M`;
  if (value >= 1e3) return `${round(value / 1e3)} k`;
  return `${Number(value.toPrecision(2))}`;
}
