/** Schemas and words shared by all packages: errors, events, agent jobs, calls to Systems Manager. Imports nobody of ours. */
export * from './errors.ts';
export * from './events.ts';
export * from './job.ts';
export type * from './systems-manager.ts';
export * from './wire-error.ts';
