/** Where the bundles of worker threads lie: beside the running bundle, or in dist/ when the sources run themselves. */

/** Returns the URL that a thread is started with; `bundle` is a file name that the build gives. */
export function workerUrl(bundle: 'worker.cjs' | 'restore-worker.cjs' | 'verify-worker.cjs'): URL {
  const fromSource = import.meta.url.endsWith('.ts');
  return new URL(fromSource ? `../../dist/${bundle}` : `./${bundle}`, import.meta.url);
}
