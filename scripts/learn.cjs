/**
 * Preloaded (node --require) into commands that the build runs for practice: writes what V8 has compiled of a bundle by the end of the
 * process or thread to NAME.cache beside it, for load-bundle.ts. NAME is the command's, or that of the thread's bundle.
 */
'use strict';
const { createHash } = require('node:crypto');
const { renameSync, statSync, writeFileSync } = require('node:fs');
const { basename, dirname, join } = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');

// A cache is for the flags that stand when it is made. Choices of the optimising compiler and of the heap make no difference to it.
const { setFlagsFromString } = v8;
v8.setFlagsFromString = (flag) =>
  flag.includes('wasm') || flag.includes('liftoff') ? setFlagsFromString(flag) : undefined;

vm.Script = class extends vm.Script {
  constructor(source, options = {}) {
    super(source, options);
    const { filename } = options;
    if (!filename?.endsWith('.code.cjs')) return;
    const bundle = basename(filename, '.code.cjs');
    const name = bundle === 'repository' ? process.env.HOSTARK_PRACTICE : bundle;
    process.once('exit', () => {
      const cache = this.createCachedData();
      const digest = createHash('sha256').update(source, 'latin1').update(cache).digest();
      keep(join(dirname(filename), `${name}.cache`), Buffer.concat([cache, digest]));
    });
  }
};

/** Of several runs and threads the one that has compiled the most counts. Two may end at once. */
function keep(path, cache) {
  const known = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (cache.length <= known) return;
  const written = `${path}.${process.pid}.${process.hrtime.bigint()}.tmp`;
  writeFileSync(written, cache);
  renameSync(written, path);
}
