/** A backend that fails as told, over one that works. For tests of what stands above it. */
import type { Backend } from '../../src/backend.ts';

/** Returns `inner`, but before each call `fail(operation)` may throw. Lists fail after `listed` entries. */
export function failing(inner: Backend, fail: (operation: string, listed: number) => void): Backend {
  return {
    location: inner.location,
    connections: inner.connections,
    async save(handle, body, options) {
      fail('save', 0);
      return inner.save(handle, body, options);
    },
    async load(handle, range, options) {
      fail('load', 0);
      return inner.load(handle, range, options);
    },
    async size(handle) {
      fail('size', 0);
      return inner.size(handle);
    },
    async *list(type) {
      let listed = 0;
      fail('list', listed);
      for await (const entry of inner.list(type)) {
        yield entry;
        fail('list', ++listed);
      }
    },
    async remove(handle) {
      fail('remove', 0);
      return inner.remove(handle);
    },
    async exists(handle) {
      fail('exists', 0);
      return inner.exists(handle);
    },
    close: () => inner.close(),
  };
}
