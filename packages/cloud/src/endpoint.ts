/** Facts about endpoints. Pure. */

/** Whether an endpoint is on this machine: a sandbox, whose hosts answer on loopback. */
export function isLoopback(endpoint: string | null): boolean {
  if (endpoint === null) return false;
  const { hostname } = new URL(endpoint);
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(\.\d{1,3}){3}$/.test(hostname)
  );
}
