/** CopySnapshot: called in the region of the copy, with the region of the original in the request. */
import { ServiceError } from '../http/service-error.ts';
import { authorize, type Call, checkTagTypes, type Operation, tagSet, tagsFor } from './call.ts';
import { REGIONS } from './catalog.ts';
import { defaultKey, encryptionOf, keyFailure } from './ebs-settings.ts';
import { own, snapshotStatus } from './lookup.ts';
import { newId, type SnapshotRecord } from './model.ts';

/** What a copy says about its origin instead of a volume. Source: CopySnapshot, "arbitrary volume ID". */
const NO_VOLUME = 'vol-ffffffff';

export const copySnapshot: Operation = async (call) => {
  const { parameters } = call;
  const sourceRegion = parameters.required('SourceRegion');
  const sourceId = parameters.required('SourceSnapshotId');
  if (!REGIONS.includes(sourceRegion))
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Value (${sourceRegion}) for parameter sourceRegion is invalid.`,
    );
  checkTagTypes(parameters, ['snapshot']);
  const tags = tagsFor(parameters, 'snapshot');
  const completionMinutes = completionOf(call);
  authorize(call, { resource: 'snapshot/*', owner: '', newTags: tags });
  const source = sourceOf(call, sourceRegion, sourceId);
  // A key belongs to a region: the copy of an encrypted snapshot takes the region's own when none is named.
  const inRegion = source.encrypted ? { encrypted: true, kmsKeyId: keyFor(call, sourceRegion, source) } : null;
  const { encrypted, kmsKeyId } = encryptionOf(call, parameters, inRegion);
  const failure = keyFailure(call, kmsKeyId);
  const id = newId('snap');
  const { storage } = call.lifecycle;
  if (failure === null) await storage.copy(storage.snapshot(source.id), storage.snapshot(id));
  call.region.snapshots[id] = {
    ...{ id, volumeId: NO_VOLUME, sizeGiB: source.sizeGiB, encrypted, kmsKeyId, failure, completionMinutes, tags },
    description:
      parameters.get('Description') ?? `[Copied ${source.id} from ${sourceRegion}] ${source.description}`.trim(),
    startedAt: call.context.now(),
    frozen: source.frozen,
  };
  call.store.save();
  return { snapshotId: id, tagSet: tagSet(tags) };
};

function keyFor(call: Call, sourceRegion: string, source: SnapshotRecord): string | undefined {
  return sourceRegion === call.regionName ? source.kmsKeyId : defaultKey(call);
}

function sourceOf(call: Call, regionName: string, id: string): SnapshotRecord {
  if (call.context.lost(regionName))
    throw new ServiceError(503, 'Unavailable', `The region ${regionName} cannot be reached. Please try again shortly.`);
  const records = call.store.regions().find(([name]) => name === regionName)?.[1];
  const source = records === undefined ? null : own(records.snapshots, id);
  if (source === null) throw new ServiceError(400, 'InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`);
  const status = snapshotStatus(call, source);
  if (status !== 'completed')
    throw new ServiceError(400, 'IncorrectState', `Source snapshot is in invalid state - ${status}`);
  return source;
}

/** Whole quarters of an hour up to two days. */
function completionOf(call: Call): number | undefined {
  if (call.parameters.get('CompletionDurationMinutes') === undefined) return undefined;
  const minutes = call.parameters.integer('CompletionDurationMinutes', 15, 15, 2880);
  if (minutes % 15 !== 0)
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Value (${minutes}) for parameter CompletionDurationMinutes is invalid. It must be a multiple of 15.`,
    );
  return minutes;
}
