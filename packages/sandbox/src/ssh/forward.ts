/** A second address for a server: connections to it are carried to a port of 127.0.0.1. */
import { connect, createServer, type Socket } from 'node:net';

export interface Forward {
  close(): Promise<void>;
}

/** Null when the address cannot be had, as where loopback is 127.0.0.1 alone, or the port is taken there. */
export function startForward(host: string, port: number): Promise<Forward | null> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) keep(socket);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen(port, host, () => resolve({ close }));
  });
}
