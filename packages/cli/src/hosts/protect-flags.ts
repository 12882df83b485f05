/** The flags of `protect` as a request: checked here, before anything is asked of a host or a bucket. */
import { compileSelector, parseSize, parseTagFile } from '@hostark/archive';
import { HostarkError, type JobRates } from '@hostark/protocol';
import type { AgentPriority } from '@hostark/remote';
import { type MaxCpuFlags, parseMaxCpu } from '../repository/max-cpu.ts';
import { type ExcludeFlags, excludePatterns } from '../repository/patterns.ts';
import { durationMs, type GlobalFlags, wholeNumber } from '../repository/settings.ts';
import type { Io } from '../terminal/io.ts';
import type { ProtectRequest } from './protect.ts';
import type { Via } from './session.ts';

export interface ProtectFlags extends ExcludeFlags, MaxCpuFlags {
  readonly excludeLargerThan?: string;
  readonly excludeCaches?: boolean;
  readonly excludeIfPresent?: string[];
  readonly oneFileSystem?: boolean;
  readonly tag?: string[];
  readonly pre?: string;
  readonly post?: string;
  readonly hookTimeout: string;
  readonly freeze?: string[];
  readonly freezeTimeout: string;
  readonly stdinFromCommand?: string;
  readonly stdinFilename: string;
  readonly nice?: string;
  readonly ionice?: 'none' | 'best-effort' | 'idle';
  readonly readConcurrency?: string;
  readonly via?: Via;
}

/** Throws 'usage' or 'bad-pattern' for flags that do not make sense, with the rule. */
export async function protectRequest(
  flags: ProtectFlags & GlobalFlags,
  targets: readonly string[],
  io: Io,
): Promise<ProtectRequest> {
  checkTargets(flags, targets);
  const patterns = await excludePatterns(flags, io);
  compileSelector(patterns); // refuses bad ones
  for (const spec of flags.excludeIfPresent ?? []) parseTagFile(spec);
  const hookSeconds = seconds(flags.hookTimeout, '--hook-timeout');
  const rates = limitRates(flags);
  const priority = agentPriority(flags);
  return {
    targets,
    excludes: patterns.exclude,
    iexcludes: patterns.iexclude,
    excludeCaches: flags.excludeCaches ?? false,
    excludeIfPresent: flags.excludeIfPresent ?? [],
    oneFileSystem: flags.oneFileSystem ?? false,
    tags: (flags.tag ?? []).flatMap((list) => list.split(',')),
    ...(flags.excludeLargerThan === undefined ? {} : { excludeLargerThan: parseSize(flags.excludeLargerThan) }),
    ...(flags.stdinFromCommand === undefined
      ? {}
      : {
          stream: { command: command(flags.stdinFromCommand, '--stdin-from-command'), filename: flags.stdinFilename },
        }),
    ...(flags.pre === undefined && flags.post === undefined
      ? {}
      : {
          hooks: {
            ...(flags.pre === undefined ? {} : { pre: command(flags.pre, '--pre') }),
            ...(flags.post === undefined ? {} : { post: command(flags.post, '--post') }),
            timeoutSeconds: hookSeconds,
          },
        }),
    ...(flags.freeze === undefined
      ? {}
      : { freeze: { mounts: flags.freeze, timeoutSeconds: seconds(flags.freezeTimeout, '--freeze-timeout') } }),
    ...(rates === null ? {} : { rates }),
    ...(flags.maxCpu === undefined ? {} : { maxCpu: parseMaxCpu(flags.maxCpu) }),
    ...(priority === null ? {} : { priority }),
    ...(flags.via === undefined ? {} : { via: flags.via }),
    ...(flags.readConcurrency === undefined
      ? {}
      : { workers: wholeNumber(flags.readConcurrency, '--read-concurrency', { min: 0, max: 64 }) }),
  };
}

function checkTargets({ stdinFromCommand, freeze }: ProtectFlags, targets: readonly string[]): void {
  if (stdinFromCommand !== undefined && targets.length > 0)
    throw new HostarkError('usage', '--stdin-from-command: expected no paths beside it', {
      hint: 'what the command prints is a snapshot of its own; save the paths with a second command',
    });
  if (stdinFromCommand === undefined && targets.length === 0)
    throw new HostarkError('usage', 'expected paths to back up, none are named', {
      hint: 'hostark protect HOST /etc /home, or --stdin-from-command COMMAND',
    });
  const relative = targets.find((target) => !target.startsWith('/'));
  if (relative !== undefined)
    throw new HostarkError('usage', `${relative}: expected an absolute path on the host`, {
      hint: 'your current folder is on this machine; name the path as the host sees it',
    });
  const mount = freeze?.find((path) => !path.startsWith('/'));
  if (mount !== undefined) throw new HostarkError('usage', `--freeze ${mount}: expected a mount point such as /srv`);
}

/** A NUL cannot pass through a shell, and an empty command is a mistake in a script. */
function command(text: string, flag: string): string {
  if (text.trim() !== '' && !text.includes('\0')) return text;
  throw new HostarkError('usage', `${flag}: expected a shell command, got ${text.trim() === '' ? 'nothing' : 'a NUL'}`);
}

function seconds(text: string, flag: string): number {
  const ms = durationMs(text, flag);
  if (ms >= 1000 && ms <= 24 * 3_600_000) return Math.ceil(ms / 1000);
  throw new HostarkError('usage', `${flag}: expected 1s to 24h, got ${text}`);
}

/** KiB a second, as restic has them. */
export function limitRates(flags: GlobalFlags): JobRates | null {
  const rate = (text: string | undefined, flag: string): number | undefined =>
    text === undefined ? undefined : wholeNumber(text, flag, { min: 1, max: 1e9 }) * 1024;
  const uploadBps = rate(flags.limitUpload, '--limit-upload');
  const downloadBps = rate(flags.limitDownload, '--limit-download');
  if (uploadBps === undefined && downloadBps === undefined) return null;
  return { ...(uploadBps === undefined ? {} : { uploadBps }), ...(downloadBps === undefined ? {} : { downloadBps }) };
}

/** Null when nothing was said: then the agent has its own defaults. */
export function agentPriority(flags: Pick<ProtectFlags, 'nice' | 'ionice'>): AgentPriority | null {
  if (flags.nice === undefined && flags.ionice === undefined) return null;
  return {
    ...(flags.nice === undefined ? {} : { cpu: wholeNumber(flags.nice, '--nice', { min: 0, max: 19 }) }),
    ...(flags.ionice === undefined ? {} : { io: flags.ionice }),
  };
}
