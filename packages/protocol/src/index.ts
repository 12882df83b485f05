/** Schemas and words shared by all packages: errors, events, agent jobs. Imports nobody of ours. */
export * from './errors.ts';
export * from './events.ts';
export * from './job.ts';
export * from './wire-error.ts';
