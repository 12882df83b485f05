/**
 * AWS for Hostark: bucket, identity, host, ledger, cleanup, prices. Every noun that changes something is first a plan
 * (plain JSON), then a run. Imports protocol and the AWS SDK alone.
 */

export * from './adopt.ts';
export * from './adopt-plan.ts';
export { awsCode } from './aws-error.ts';
export * from './bucket.ts';
export { type AuditOptions, type BucketAuditPlan, planBucketAudit, runBucketAudit } from './bucket-audit.ts';
export { BUCKET_CHECKS, type BucketCheck, type BucketDeviation } from './bucket-checks.ts';
export type { BucketChoices } from './bucket-choices.ts';
export { locateBucket } from './bucket-client.ts';
export * from './bucket-contents.ts';
export { BUCKET_CLASSES, type BucketClass } from './bucket-lifecycle.ts';
export * from './bucket-name.ts';
export * from './bucket-plan.ts';
export type { BucketPrice } from './bucket-price.ts';
export * from './cleanup.ts';
export * from './clients.ts';
export * from './destroy.ts';
export * from './detach.ts';
export {
  type CredentialFacts,
  checkPermissions,
  clockSkewMs,
  credentialFacts,
  type PermissionReport,
} from './diagnose.ts';
export * from './download.ts';
export type { DownloadSelection } from './download-list.ts';
export * from './download-plan.ts';
export { isLoopback } from './endpoint.ts';
export * from './events.ts';
export { parseVolume, type VolumePlan, type VolumeRequest } from './extra-volumes.ts';
export type { Host } from './host.ts';
export { checkHostName } from './host-name.ts';
export { type HostRecord, noteHostKeys } from './host-record.ts';
export * from './hosts.ts';
export { createIdentity, type Identity, type IdentityPlan, type IdentityRequest, planIdentity } from './identity.ts';
export { type Architecture, IMAGE_ALIASES, type ImageAlias } from './images.ts';
export type { Removal } from './inventory.ts';
export * from './launch.ts';
export type { LaunchAttempt } from './launch-attempts.ts';
export * from './launch-plan.ts';
export * from './ledger.ts';
export type { LoginKeyPlan, OwnKey } from './login-key.ts';
export {
  type MaintenancePlan,
  type MaintenanceRequest,
  type MaintenanceRole,
  planMaintenance,
  removeMaintenance,
  runMaintenance,
  showMaintenance,
} from './maintenance.ts';
export type { NetworkPlan } from './network.ts';
export { encodeSshKey, generateSshKey, publicKeyOf, type SshKeyPair } from './openssh-key.ts';
export * from './prices.ts';
export type { RemovalReport } from './remove.ts';
export * from './run.ts';
export { hostRunStore, openRunStore } from './run-store.ts';
export { runCommands } from './ssm-commands.ts';
export { finishHost, unfinishedHosts } from './unfinished.ts';
export * from './volume-attach.ts';
export * from './volume-copy.ts';
export * from './volume-create.ts';
export type { HostVolume } from './volume-host.ts';
export { snapshotMonthly, type VolumePrice } from './volume-prices.ts';
export {
  type PruneSet,
  planVolumePrune,
  runVolumePrune,
  type VolumePrunePlan,
  type VolumePruneReport,
  type VolumePruneRequest,
} from './volume-prune.ts';
export * from './volume-recover.ts';
export { findSet, isSetId, isSnapshotId, listVolumeSnapshots, type SnapshotSet, snapshotSets } from './volume-sets.ts';
export * from './volume-snapshot.ts';
export type { MachineFacts, VolumeSnapshot } from './volume-tags.ts';
