/** What every command gets besides its flags and arguments. */
import type { BegunKey } from '@hostark/kernels';
import type { Io } from './terminal/io.ts';
import type { Output } from './terminal/output.ts';

export interface CommandContext {
  readonly io: Io;
  readonly out: Output;
  /** Aborts on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** The key that the command will most likely ask for; see repository/key-ahead.ts. */
  readonly begunKey?: BegunKey | null;
}
