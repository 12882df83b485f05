/**
 * Entry of the `hostark` process: version without loading anything else; a key that is begun before the rest is loaded, which takes
 * as long; then the command tree. Bundled to dist/main.cjs with what beginning a key needs: Node loads CommonJS 7 ms sooner than
 * an ES module, and one file sooner than many. Commands on a repository are run by dist/repository.code.cjs, all others by dist/run.js.
 */
import { glanceAt } from './repository/peek.ts';
import { VERSION } from './version.ts';

// The SDK's advice to its own users (it warns on Node 20) is not for ours.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

async function main(argv: readonly string[]): Promise<void> {
  const glance = glanceAt(argv);
  if (glance === null) {
    process.exitCode = await (await import('./run.ts')).run(argv);
    return;
  }
  const key = await (await import('./repository/key-ahead.ts')).beginKey(glance);
  const { loadBundle } = await import('@hostark/archive/load-bundle');
  const { run } = loadBundle('repository', glance.command).run() as typeof import('./run.ts');
  process.exitCode = await run(argv, undefined, key);
}

const [first, ...others] = process.argv.slice(2);
if (first === '--version' && others.length === 0) process.stdout.write(`hostark ${VERSION}\n`);
else void main(process.argv.slice(2));
