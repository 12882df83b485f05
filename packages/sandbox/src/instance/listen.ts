/** Listening on loopback, on the port of last time where it is still free. */
import type { AddressInfo } from 'node:net';

/** What net, http and ssh2 servers have in common. */
export interface Listener {
  listen(port: number, host: string, done: () => void): unknown;
  once(event: 'error', handler: (error: NodeJS.ErrnoException) => void): unknown;
  removeListener(event: 'error', handler: (error: NodeJS.ErrnoException) => void): unknown;
  address(): unknown;
}

/** Listens on `preferred` of 127.0.0.1, or on any free port when that is 0 or taken; the port. */
export async function listenNear(server: Listener, preferred: number): Promise<number> {
  if (preferred === 0 || !(await tryListen(server, preferred))) await tryListen(server, 0);
  return (server.address() as AddressInfo).port;
}

/** False when the port is taken. */
function tryListen(server: Listener, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE' && port !== 0) resolve(false);
      else reject(error);
    };
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => {
      server.removeListener('error', failed);
      resolve(true);
    });
  });
}
