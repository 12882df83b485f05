/**
 * Where the packs of limit-worker.mjs go and come from: files, each synced while the next is filled, or a bucket, some of them under way.
 * `underWay`: how many of a thread are at once; a pack's memory may be used again when so many more have been put; read() gives parts of a pack, in the memory that is offered or its own.
 */
import { closeSync, fsync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Packs in files below a folder. */
export function packsInFolder(scratch) {
  const syncs = [];
  const synced = (fd) =>
    new Promise((resolve, reject) => {
      fsync(fd, (error) => {
        closeSync(fd);
        if (error) reject(error);
        else resolve();
      });
    });
  return {
    underWay: 0,
    async put(name, bytes) {
      const fd = openSync(join(scratch, name), 'w');
      writeSync(fd, bytes);
      syncs.push(synced(fd));
    },
    done: () => Promise.all(syncs),
    ahead() {},
    async read(name) {
      const fd = openSync(join(scratch, name), 'r');
      const part = (at, room) => {
        readSync(fd, room, 0, room.length, at);
        return room;
      };
      return { part, close: () => closeSync(fd) };
    },
  };
}

/** Packs in a bucket, through the engine's own client. */
export function packsInBucket(backend, underWay) {
  const handle = (name) => ({ type: 'data', name });
  const saves = [];
  const loads = new Map();
  const memory = [];
  const load = ({ name, length }) =>
    backend.load(handle(name), undefined, { into: memory.pop() ?? new Uint8Array(length + (4 << 20)) });
  return {
    underWay,
    async put(name, bytes) {
      saves.push(backend.save(handle(name), bytes, { sha256: Buffer.from(name, 'hex') }));
      if (saves.length > underWay) await saves.shift();
    },
    async done() {
      await Promise.all(saves);
      await backend.close();
    },
    /** Tells which packs read() will be asked for next. */
    ahead(packs) {
      for (const pack of packs) if (!loads.has(pack.name)) loads.set(pack.name, load(pack));
    },
    async read(name) {
      const pack = await loads.get(name);
      loads.delete(name);
      return {
        part: (at, { length }) => pack.subarray(at, at + length),
        close: () => memory.push(new Uint8Array(pack.buffer)),
      };
    },
  };
}
