/**
 * The job an agent is started with (one JSON line on stdin) and what it answers (one JSON object per line on stdout).
 * Secrets travel here, on stdin, and nowhere else.
 */
import { z } from 'zod';
import type { OperationEvent } from './events.ts';
import { type WireError, wireError } from './wire-error.ts';

/** Where the repository is and how to open it. `password` is a secret: never log a job. */
export interface RepositoryAccess {
  /** `s3:https://host/bucket/prefix`, or an absolute path. */
  location: string;
  password: string;
  region?: string | undefined;
}

/** How much of the network the agent may take, in bytes a second. Not set: no limit. */
export interface JobRates {
  uploadBps?: number | undefined;
  downloadBps?: number | undefined;
}

/** How much CPU time the agent may take: CPU seconds a second, or a share (0 to 1) of all processors of its machine. */
export type MaxCpu = { readonly cores: number } | { readonly share: number };

/** Which entries are left out; restic's exclude family. */
export interface JobSelection {
  excludes?: string[] | undefined;
  /** The same, ignoring case. */
  iexcludes?: string[] | undefined;
  /** In bytes. */
  excludeLargerThan?: number | undefined;
  excludeCaches?: boolean | undefined;
  /** `FILE` or `FILE:HEADER`. */
  excludeIfPresent?: string[] | undefined;
  oneFileSystem?: boolean | undefined;
}

/** Shell commands around a backup, run on the host by bash, else sh. They may hold a secret: they travel here only. */
export interface JobHooks {
  /** Runs first; the backup is not begun unless it ends with 0. */
  pre?: string | undefined;
  /** Runs last, whatever happened before; told by HOSTARK_STATUS, HOSTARK_SNAPSHOT, HOSTARK_ERROR. */
  post?: string | undefined;
  /** Of each, in seconds; then it is ended with all that it started. */
  timeoutSeconds: number;
}

/** What a command prints is saved as one file, instead of paths. */
export interface JobStream {
  command: string;
  filename: string;
}

/** Save paths of the host, or what a command there prints. */
export interface BackupJob extends JobSelection {
  schema: 1;
  kind: 'backup';
  repository: RepositoryAccess;
  /** Empty with `stream`. */
  targets: string[];
  stream?: JobStream | undefined;
  tags?: string[] | undefined;
  host: string;
  hooks?: JobHooks | undefined;
  /** Mount points whose file systems are frozen while their files are read. */
  freeze?: { mounts: string[]; timeoutSeconds: number } | undefined;
  rates?: JobRates | undefined;
  maxCpu?: MaxCpu | undefined;
  /** Threads that read and store; default: one a core. */
  workers?: number | undefined;
  /** Reads and counts; writes nothing into the repository and runs neither hooks nor freezes. */
  dryRun?: boolean | undefined;
  /** With `dryRun`: there is no repository yet, count as if it were empty. */
  noRepository?: boolean | undefined;
}

/** Write a snapshot (`id`, `latest`, `id:sub/folder`) below `target` on the host. */
export interface RestoreJob {
  schema: 1;
  kind: 'restore';
  repository: RepositoryAccess;
  snapshot: string;
  target: string;
  includes?: string[] | undefined;
  iincludes?: string[] | undefined;
  excludes?: string[] | undefined;
  iexcludes?: string[] | undefined;
  overwrite?: 'always' | 'if-changed' | 'if-newer' | 'never' | undefined;
  /** Remove what is below the target and selected, but not in the snapshot. */
  delete?: boolean | undefined;
  verify?: boolean | undefined;
  rates?: JobRates | undefined;
  maxCpu?: MaxCpu | undefined;
  dryRun?: boolean | undefined;
}

/** Record content hashes and metadata of everything below `root`. */
export interface ManifestJob {
  schema: 1;
  kind: 'manifest';
  root: string;
}

export type AgentJob = BackupJob | RestoreJob | ManifestJob;

const repositoryAccess = z.object({
  location: z.string().min(1),
  password: z.string(),
  region: z.string().optional(),
});

const rates = z.object({ uploadBps: z.number().positive().optional(), downloadBps: z.number().positive().optional() });
const maxCpu = z.union([z.object({ cores: z.number().positive() }), z.object({ share: z.number().positive().max(1) })]);
const patterns = z.array(z.string()).optional();
const seconds = z.number().positive();

const backupJob = z
  .object({
    schema: z.literal(1),
    kind: z.literal('backup'),
    repository: repositoryAccess,
    targets: z.array(z.string().min(1)),
    stream: z.object({ command: z.string().min(1), filename: z.string().min(1) }).optional(),
    excludes: patterns,
    iexcludes: patterns,
    excludeLargerThan: z.number().nonnegative().optional(),
    excludeCaches: z.boolean().optional(),
    excludeIfPresent: patterns,
    oneFileSystem: z.boolean().optional(),
    tags: z.array(z.string()).optional(),
    host: z.string().min(1),
    hooks: z
      .object({ pre: z.string().min(1).optional(), post: z.string().min(1).optional(), timeoutSeconds: seconds })
      .optional(),
    freeze: z.object({ mounts: z.array(z.string().startsWith('/')).min(1), timeoutSeconds: seconds }).optional(),
    rates: rates.optional(),
    maxCpu: maxCpu.optional(),
    workers: z.number().int().nonnegative().optional(),
    dryRun: z.boolean().optional(),
    noRepository: z.boolean().optional(),
  })
  .refine((job) => (job.stream === undefined) !== (job.targets.length === 0), 'expected either targets or a stream');

const agentJob: z.ZodType<AgentJob> = z.union([
  backupJob,
  z.object({
    schema: z.literal(1),
    kind: z.literal('restore'),
    repository: repositoryAccess,
    snapshot: z.string().min(1),
    target: z.string().min(1),
    includes: patterns,
    iincludes: patterns,
    excludes: patterns,
    iexcludes: patterns,
    overwrite: z.enum(['always', 'if-changed', 'if-newer', 'never']).optional(),
    delete: z.boolean().optional(),
    verify: z.boolean().optional(),
    rates: rates.optional(),
    maxCpu: maxCpu.optional(),
    dryRun: z.boolean().optional(),
  }),
  z.object({ schema: z.literal(1), kind: z.literal('manifest'), root: z.string().min(1) }),
]);

/** Parses the line that an agent was started with. Throws SyntaxError or ZodError on anything else. */
export function parseAgentJob(line: string): AgentJob {
  return agentJob.parse(JSON.parse(line));
}

/** What the agent writes, one per line. `hello` comes first, `result` or `failed` last. */
export type AgentMessage =
  | { readonly type: 'hello'; readonly version: string; readonly pid: number }
  | { readonly type: 'event'; readonly event: OperationEvent }
  | { readonly type: 'manifest'; readonly entries: readonly unknown[] }
  | { readonly type: 'result'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly type: 'failed'; readonly error: WireError };

const count = z.number().nonnegative();

/** What a host may send is checked to the last field: it is drawn on the operator's terminal. */
const operationEvent: z.ZodType<OperationEvent> = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('progress'),
    phase: z.string(),
    filesDone: count,
    filesTotal: count.nullable(),
    bytesDone: count,
    bytesTotal: count.nullable(),
    errors: count,
    current: z.array(z.string()),
  }),
  z.object({ type: z.literal('item-error'), item: z.string(), during: z.string(), message: z.string() }),
  z.object({
    type: z.literal('item'),
    action: z.enum(['new', 'changed', 'unchanged', 'restored', 'updated', 'deleted', 'skipped']),
    item: z.string(),
    bytes: count,
  }),
  z.object({ type: z.literal('notice'), level: z.enum(['info', 'warning']), message: z.string() }),
  z.object({ type: z.literal('output'), source: z.string(), line: z.string() }),
]);

const agentMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), version: z.string(), pid: z.number() }),
  z.object({ type: z.literal('event'), event: operationEvent }),
  z.object({ type: z.literal('manifest'), entries: z.array(z.unknown()) }),
  z.object({ type: z.literal('result'), result: z.record(z.string(), z.unknown()) }),
  z.object({ type: z.literal('failed'), error: wireError }),
]);

/** Parses one line of an agent's output. Throws SyntaxError or ZodError on anything else. */
export function parseAgentMessage(line: string): AgentMessage {
  return agentMessage.parse(JSON.parse(line));
}
