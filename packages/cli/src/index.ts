/** The command line as a library: run(argv) with the streams of the caller. Used by the tests. */
export type { CommandContext } from './context.ts';
export { run } from './run.ts';
export { VERSION } from './version.ts';
