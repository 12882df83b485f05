/**
 * AWS for Hostark: bucket, identity, host, ledger, cleanup, prices. Every noun that changes something is first a plan
 * (plain JSON), then a run. Imports protocol and the AWS SDK alone.
 */
export * from './bucket.ts';
export * from './bucket-contents.ts';
export * from './bucket-name.ts';
export * from './bucket-plan.ts';
export * from './cleanup.ts';
export * from './clients.ts';
export * from './destroy.ts';
export * from './download.ts';
export { isLoopback } from './endpoint.ts';
export * from './events.ts';
export * from './hosts.ts';
export * from './identity.ts';
export * from './launch.ts';
export * from './ledger.ts';
export * from './run.ts';
