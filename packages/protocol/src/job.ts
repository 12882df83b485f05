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

/** Save paths of the host. */
export interface BackupJob {
  schema: 1;
  kind: 'backup';
  repository: RepositoryAccess;
  targets: string[];
  excludes?: string[] | undefined;
  tags?: string[] | undefined;
  host: string;
}

/** Write a snapshot (`id`, `latest`, `id:sub/folder`) below `target` on the host. */
export interface RestoreJob {
  schema: 1;
  kind: 'restore';
  repository: RepositoryAccess;
  snapshot: string;
  target: string;
  includes?: string[] | undefined;
  overwrite?: 'always' | 'if-changed' | 'if-newer' | 'never' | undefined;
  verify?: boolean | undefined;
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

const agentJob: z.ZodType<AgentJob> = z.discriminatedUnion('kind', [
  z.object({
    schema: z.literal(1),
    kind: z.literal('backup'),
    repository: repositoryAccess,
    targets: z.array(z.string().min(1)).min(1),
    excludes: z.array(z.string()).optional(),
    tags: z.array(z.string()).optional(),
    host: z.string().min(1),
  }),
  z.object({
    schema: z.literal(1),
    kind: z.literal('restore'),
    repository: repositoryAccess,
    snapshot: z.string().min(1),
    target: z.string().min(1),
    includes: z.array(z.string()).optional(),
    overwrite: z.enum(['always', 'if-changed', 'if-newer', 'never']).optional(),
    verify: z.boolean().optional(),
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

const agentMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), version: z.string(), pid: z.number() }),
  z.object({ type: z.literal('event'), event: z.looseObject({ type: z.string() }) }),
  z.object({ type: z.literal('manifest'), entries: z.array(z.unknown()) }),
  z.object({ type: z.literal('result'), result: z.record(z.string(), z.unknown()) }),
  z.object({ type: z.literal('failed'), error: wireError }),
]);

/** Parses one line of an agent's output. Throws SyntaxError or ZodError on anything else. */
export function parseAgentMessage(line: string): AgentMessage {
  return agentMessage.parse(JSON.parse(line)) as AgentMessage;
}
