/** Where the worker's bundle lies: beside this module when bundled, in dist/ when running from source. */

/** Returns the URL that a worker thread is started with. */
export function poolWorkerUrl(): URL {
  const fromSource = import.meta.url.endsWith('.ts');
  return new URL(fromSource ? '../../dist/worker.js' : './worker.js', import.meta.url);
}
