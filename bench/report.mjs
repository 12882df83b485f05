/** The bench's rows for people, and as the table of docs/performance.md. */

export function printRow({ case: name, step, hostark, restic, limit, start }) {
  console.log(`${name} ${step}`);
  console.log(`  hostark  ${costs(hostark)}`);
  if (limit !== null) console.log(`  limit    ${limitText({ limit, start, hostark })}`);
  if (restic === undefined) return;
  console.log(`  restic   ${costs(restic)}`);
  const ratio = (what) => (hostark[what] / restic[what]).toFixed(2);
  const size = restic.repositoryBytes === null ? '' : `, repository ${ratio('repositoryBytes')}`;
  console.log(`  ratio    wall ${ratio('wall')}, CPU ${ratio('cpu')}, memory ${ratio('peakMiB')}${size}`);
}

/** Which share of the machine's own bound a row reaches, and which when Node and the key are added to it, which every run pays. */
function limitText({ limit, start, hostark }) {
  const share = (seconds) => Math.round((100 * seconds) / hostark.wall);
  return `${share(limit)} % of the limit (${limit.toFixed(2)} s), ${share(limit + start)} % with start and key (${start.toFixed(2)} s)`;
}

function costs({ wall, cpu, peakMiB, repositoryBytes, requests }) {
  const parts = [`${wall.toFixed(2)} s wall`, `${cpu.toFixed(2)} s CPU`, `${Math.round(peakMiB)} MiB`];
  if (repositoryBytes !== null) parts.push(`repository ${(repositoryBytes / 1e6).toFixed(1)} MB`);
  if (requests !== null) parts.push(`${requests.count} requests, $${requests.dollars.toFixed(6)}`);
  return parts.join(', ');
}

/** All rows as a Markdown table: Hostark / restic, and the ratio. */
export function markdownTable(rows) {
  const both = (row, what, digits) => `${row.hostark[what].toFixed(digits)} / ${row.restic[what].toFixed(digits)}`;
  const ratio = (row, what) => (row.hostark[what] / row.restic[what]).toFixed(2);
  const extra = ({ hostark, restic, limit, start }) => {
    const parts = [];
    if (hostark.requests !== null) parts.push(`${hostark.requests.count} / ${restic.requests.count} requests`);
    if (hostark.repositoryBytes !== null) parts.push(`size ${ratio({ hostark, restic }, 'repositoryBytes')}`);
    if (limit !== null) parts.push(limitText({ limit, start, hostark }));
    return parts.join(', ');
  };
  const lines = rows.map((row) =>
    [
      ...[row.case, row.step],
      ...[both(row, 'wall', 2), ratio(row, 'wall')],
      ...[both(row, 'cpu', 2), ratio(row, 'cpu')],
      ...[both(row, 'peakMiB', 0), ratio(row, 'peakMiB')],
      extra(row),
    ].join(' | '),
  );
  const heading = 'data | step | wall s | ratio | CPU s | ratio | peak MiB | ratio | also';
  return [heading, '---|---|---|---|---|---|---|---|---', ...lines].map((line) => `| ${line} |`).join('\n');
}

/** Requests of the rows in a bucket, and what they cost on S3, Hostark / restic; null where there are none. */
export function requestTable(rows) {
  const inBucket = rows.filter(({ hostark, restic }) => hostark.requests !== null && restic !== undefined);
  if (inBucket.length === 0) return null;
  const lines = inBucket.map(({ case: name, step, bytes, hostark, restic }) => {
    const both = (read) => `${read(hostark.requests)} / ${read(restic.requests)}`;
    const kinds = Object.entries(hostark.requests.counts).map(([kind, count]) => `${count} ${kind.replace('s3:', '')}`);
    return [
      ...[name, step, both(({ count }) => count)],
      both(({ dollars }) => dollars.toFixed(6)),
      both(({ dollars }) => ((1e9 * dollars) / bytes).toFixed(6)),
      kinds.join(', '),
    ].join(' | ');
  });
  const heading = 'data | step | requests | dollars | dollars a GB of data | Hostark asks for';
  return [heading, '---|---|---|---|---|---', ...lines].map((line) => `| ${line} |`).join('\n');
}
