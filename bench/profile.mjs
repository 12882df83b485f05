/**
 * `npm run bench -- --profile`: where the CPU time of a first backup, an unchanged one, a restore and a check goes, by stage, in ns a
 * byte and µs a file. Needs perf(1). A sample belongs to the first stage whose pattern is found in its stack, innermost frame
 * first. --only CASE (small-files, random-1GiB, libraries).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CASES } from './cases.mjs';
import { PROGRAMS, run } from './programs.mjs';

const SAMPLES_PER_SECOND = 1000;

/** What a whole stack is asked for, before its innermost frames are: time below these belongs to them wherever it is spent. */
const OUTER = [
  ['garbage collection', /Scaveng|MarkCompact|MarkingVisitor|Sweeper|Heap::Collect|ConcurrentMark|GCTracer/],
  [
    'V8: parsing and compiling',
    /v8::internal::(?:compiler|Compiler|maglev|baseline|interpreter::Bytecode|parsing|Parser|PreParser|wasm::(?:Execute|Liftoff|Turboshaft|Compile))|OptimizingCompileDispatcher|Builtin_CompileLazy/,
  ],
];

/** What the frames are asked for, from the innermost on. */
const INNER = [
  ['SHA-256', /sha256/i],
  ['AES', /aes(?:ni|_|-)|ctr32/i],
  ['Poly1305', /poly1305/i],
  ['zstd', /ZSTD|HUF_|FSE_|HIST_|XXH|zstandard|zstd/],
  ['scrypt', /scrypt|PBKDF2|salsa/i],
  ['WebAssembly: trees; without AVX-512 chunk scan, scrypt', /wasm-function|^JS:\*?wasm|wasm/],
  // V8's own code has names there.
  ['machine code: chunk scan, scrypt, AES, many SHA-256', /^\[unknown\] \(\S*perf-\d+\.map\)/],
  ['file system: read', /ksys_read|ksys_pread|vfs_read|filemap_read|do_sys_pread/],
  ['file system: write', /ksys_write|ksys_pwrite|vfs_write|vfs_writev/],
  ['file system: sync', /fsync|vfs_fsync/],
  [
    'file system: open, stat, list, names, attributes',
    /do_sys_open|openat|statx|newlstat|newfstat|getdents|xattr|rename|unlink|mkdir|fchmod|chown|utimens|__x64_sys_close|task_work_run/,
  ],
  ['memory: page faults, mapping', /page_fault|do_mmap|munmap|madvise|do_anonymous/],
  ['memory: copies', /memcpy|memmove|memset|malloc|\bfree\b/],
  ['native calls: crossing', /koffi|napi_|v8impl/],
  ['kernel, other', /entry_SYSCALL|syscall|asm_sysvec|ret_from_fork/],
  ['JavaScript', /^(?:LazyCompile|JS|Function|Script|Eval):|^[~*^]|Builtin_|Builtins_|InterpreterEntry/],
];

export async function profile({ work, environment, only }) {
  if (spawnSync('perf', ['--version']).status !== 0) throw new Error('expected perf(1) on the PATH');
  const data = CASES[only ?? 'small-files'].data(work);
  const { files, bytes } = sizeOf(data);
  const place = join(work, 'profile');
  rmSync(place, { recursive: true, force: true });
  const words = ['-r', join(place, 'repository'), '--quiet', '--no-cache'];
  run('hostark', [...words, 'init'], environment);
  const steps = {
    backup: ['backup', data],
    unchanged: ['backup', data],
    restore: ['restore', 'latest', '--target', join(place, 'restored')],
    check: ['check', '--read-data'],
  };
  console.log(`${files} files, ${(bytes / 1e6).toFixed(0)} MB\n`);
  try {
    for (const [step, args] of Object.entries(steps))
      print(step, sampled([...words, ...args], place, environment), { files, bytes });
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Returns seconds of CPU time by stage. */
function sampled(args, place, environment) {
  const [node, main] = PROGRAMS.hostark;
  const record = join(place, 'perf.data');
  const command = [node, '--perf-basic-prof-only-functions', main, ...args];
  execFileSync(
    'perf',
    ['record', '-q', '-e', 'cpu-clock', '-F', `${SAMPLES_PER_SECOND}`, '-g', '-o', record, ...command],
    {
      stdio: ['ignore', 'ignore', 'ignore'],
      env: { ...process.env, ...environment },
    },
  );
  const script = spawnSync('perf', ['script', '-i', record, '-F', 'comm,ip,sym,dso'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  const stages = new Map();
  for (const text of script.stdout.split('\n\n').filter((text) => text.includes('\n'))) {
    const frames = text
      .split('\n')
      .slice(1)
      .map((line) => line.trim().replace(/^[0-9a-f]+ /, ''));
    const stage = stageOf(frames);
    stages.set(stage, (stages.get(stage) ?? 0) + 1 / SAMPLES_PER_SECOND);
  }
  return stages;
}

function stageOf(frames) {
  const outer = OUTER.find(([, pattern]) => frames.some((frame) => pattern.test(frame)));
  if (outer !== undefined) return outer[0];
  for (const frame of frames) {
    const inner = INNER.find(([, pattern]) => pattern.test(frame));
    if (inner !== undefined) return inner[0];
  }
  return 'Node and the rest';
}

function print(step, stages, { files, bytes }) {
  const all = [...stages.values()].reduce((sum, seconds) => sum + seconds, 0);
  const cells = (seconds) => [
    seconds.toFixed(2),
    `${((100 * seconds) / all).toFixed(0)} %`,
    ((1e9 * seconds) / bytes).toFixed(2),
    ((1e6 * seconds) / files).toFixed(1),
  ];
  console.log(`| ${step} | CPU s | share | ns a byte | µs a file |\n|---|---|---|---|---|`);
  for (const [stage, seconds] of [...stages].sort((a, b) => b[1] - a[1]))
    console.log(`| ${[stage, ...cells(seconds)].join(' | ')} |`);
  console.log(`| ${['all', ...cells(all)].join(' | ')} |\n`);
}

function sizeOf(directory) {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = entries.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  return { files: entries.length, bytes };
}
