/**
 * Watches for AWS taking a spot instance back: two minutes before it does, the instance metadata says so (EC2 user guide,
 * "Spot Instance interruption notices"; asking every five seconds is its advice). Elsewhere nothing is watched.
 */
import { HostarkError } from '@hostark/protocol';

const EVERY_MS = 5_000;
const ANSWER_MS = 2_000;
/** EC2: "from 1 second to 6 hours". */
const TOKEN_SECONDS = 21_600;

export interface SpotWatch {
  /** Fires with 'host-interrupted' when the notice is there. */
  readonly signal: AbortSignal;
  stop(): void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Starts to watch, in the background. A machine without instance metadata is asked once. */
export function watchSpot(env: Environment): SpotWatch {
  const interrupted = new AbortController();
  const stopped = new AbortController();
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() !== 'true')
    void watch(env, interrupted, stopped.signal).catch(() => {}); // no metadata here, or not any more: nothing to watch
  return { signal: interrupted.signal, stop: () => stopped.abort() };
}

async function watch(env: Environment, interrupted: AbortController, stopped: AbortSignal): Promise<void> {
  const base = (env.AWS_EC2_METADATA_SERVICE_ENDPOINT || 'http://169.254.169.254').replace(/\/$/, '');
  let token = await newToken(base, stopped);
  const get = async (path: string): Promise<string | null> => {
    const answer = await ask(`${base}/latest/meta-data/${path}`, { 'X-aws-ec2-metadata-token': token }, 'GET', stopped);
    if (answer.status === 401) token = await newToken(base, stopped);
    return answer.status === 200 ? answer.text : null;
  };
  const lifeCycle = await get('instance-life-cycle');
  if (lifeCycle !== null && lifeCycle.trim() !== 'spot') return;
  while (!stopped.aborted) {
    // One answer that is lost is no reason to stop asking.
    const notice = await get('spot/instance-action').catch(() => null);
    if (notice !== null) {
      interrupted.abort(interruption(notice));
      return;
    }
    await pause(EVERY_MS, stopped);
  }
}

/** The notice is `{"action": "terminate", "time": "2017-09-18T08:22:00Z"}`. */
function interruption(notice: string): HostarkError {
  let action = 'take back';
  let time = '';
  try {
    const told = JSON.parse(notice) as { action?: unknown; time?: unknown };
    if (typeof told.action === 'string') action = told.action;
    if (typeof told.time === 'string') time = ` at ${told.time}`;
  } catch {
    // a notice that does not parse is one all the same
  }
  return new HostarkError('host-interrupted', `AWS is going to ${action} this spot instance${time}`, {
    hint: 'what was read so far is stored and the lock is released; run the same backup on its replacement, or here again, and it goes on from there',
    context: { action },
    retry: 'later',
  });
}

async function newToken(base: string, stopped: AbortSignal): Promise<string> {
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) };
  const { status, text } = await ask(`${base}/latest/api/token`, headers, 'PUT', stopped);
  if (status !== 200) throw new Error(`no metadata token: status ${status}`);
  return text;
}

async function ask(
  url: string,
  headers: Record<string, string>,
  method: string,
  stopped: AbortSignal,
): Promise<{ status: number; text: string }> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(ANSWER_MS)]);
  const answer = await fetch(url, { method, headers, signal });
  return { status: answer.status, text: await answer.text() };
}

function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    timer.unref();
    stopped.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
