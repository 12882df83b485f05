/** Where the restore worker's bundle is: beside the running bundle, or in dist/ when the sources run themselves. */
export function restoreWorkerUrl(): URL {
  return new URL(
    import.meta.url.endsWith('.ts') ? '../../dist/restore-worker.js' : './restore-worker.js',
    import.meta.url,
  );
}
