/** The restic repository format: what a repository holds, and how to read, write and check it. */
export * from './backend.ts';
export * from './storage.ts';
