/** One row of the bench for people. */

export function printRow({ case: name, step, hostark, restic, limit }) {
  console.log(`${name} ${step}`);
  console.log(`  hostark  ${costs(hostark)}`);
  if (limit !== null)
    console.log(
      `  limit    ${limit.toFixed(2)} s wall; hostark reaches ${Math.round((100 * limit) / hostark.wall)} % of it`,
    );
  if (restic === undefined) return;
  console.log(`  restic   ${costs(restic)}`);
  const ratio = (what) => (hostark[what] / restic[what]).toFixed(2);
  const size = restic.repositoryBytes === null ? '' : `, repository ${ratio('repositoryBytes')}`;
  console.log(`  ratio    wall ${ratio('wall')}, CPU ${ratio('cpu')}, memory ${ratio('peakMiB')}${size}`);
}

function costs({ wall, cpu, peakMiB, repositoryBytes, requests }) {
  const parts = [`${wall.toFixed(2)} s wall`, `${cpu.toFixed(2)} s CPU`, `${Math.round(peakMiB)} MiB`];
  if (repositoryBytes !== null) parts.push(`repository ${(repositoryBytes / 1e6).toFixed(1)} MB`);
  if (requests !== null) parts.push(`${requests.count} requests, $${requests.dollars.toFixed(6)}`);
  return parts.join(', ');
}
