/** Where the bundle of a verifying thread is: beside the running bundle, or in dist/ when the sources run themselves. */
export function verifyWorkerUrl(): URL {
  return new URL(
    import.meta.url.endsWith('.ts') ? '../../dist/verify-worker.js' : './verify-worker.js',
    import.meta.url,
  );
}
