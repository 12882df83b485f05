/**
 * `npm run bench`: what Hostark costs, beside stock restic where that is on the PATH.
 *
 *   (nothing)    every case in alternation with restic: medians of wall and CPU seconds, peak memory, repository size, requests
 *                and dollars. --rounds N (7), --only CASE,..., --limit (the machine's own bound, see limit.mjs), --json,
 *                --markdown (the table of docs/performance.md)
 *   --scaling    growing numbers of files, bytes and blobs, with plots in docs/plots; --up-to files=100000,gib=10,blobs=1000000;
 *                --only files,gib,blobs; --fresh measures again, --seconds N stops early; --plots only draws
 *   --limits     bandwidth and CPU limits: asked and achieved; --only folder,bucket,cpu
 *   --probe      what a program of the host notices of a backup beside it
 *   --profile    where the time goes: ns per byte and µs per file, by stage
 *
 * --work DIR holds data and repositories (default: hostark-bench below the temporary folder).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string' },
    work: { type: 'string' },
    limit: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    scaling: { type: 'boolean', default: false },
    'up-to': { type: 'string' },
    plots: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    limits: { type: 'boolean', default: false },
    probe: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});

const work = flags.work ?? join(tmpdir(), 'hostark-bench');
const passwordFile = join(work, 'password');
mkdirSync(work, { recursive: true });
writeFileSync(passwordFile, 'bench\n', { mode: 0o600 });

const options = {
  ...flags,
  work,
  rounds: Number(flags.rounds),
  upTo: flags['up-to'],
  seconds: flags.seconds === undefined ? undefined : Number(flags.seconds),
  // Certificates that a machine adds for Node are read at each start, 40 ms for a usual list; no row here uses TLS.
  environment: { RESTIC_PASSWORD_FILE: passwordFile, NODE_EXTRA_CA_CERTS: '' },
};
if (flags.scaling || flags.plots) await (await import('./scaling.mjs')).scaling(options);
else if (flags.limits) await (await import('./held-limits.mjs')).heldLimits(options);
else if (flags.probe) await (await import('./probe.mjs')).probe(options);
else if (flags.profile) await (await import('./profile.mjs')).profile(options);
else await (await import('./compare.mjs')).compare(options);
