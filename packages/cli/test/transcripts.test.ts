/** Every file of transcripts/ is a test: what users type and what they get. The notation is in transcript.ts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';
import { parseTranscript, playTranscript } from './transcript.ts';

const folder = fileURLToPath(new URL('./transcripts', import.meta.url));
const isRoot = process.getuid?.() === 0;

describe('transcript', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    const transcript = parseTranscript(readFileSync(join(folder, file), 'utf8'), file);
    const skip = transcript.needs === 'ordinary-user' && isRoot;
    test.skipIf(skip).concurrent(`${file}: ${transcript.title}`, () => playTranscript(transcript), 120_000);
  }
});
