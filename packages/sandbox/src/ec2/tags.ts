/** CreateTags, DeleteTags, DescribeTags over every record that has tags. */
import { ServiceError } from '../http/service-error.ts';
import { authorize, type Call, list, type Operation, readTags, type Touched } from './call.ts';
import { filtered, page } from './filters.ts';
import type { RegionRecord, Tags } from './model.ts';

interface Tagged {
  readonly id: string;
  readonly type: string;
  readonly tags: Tags;
  /** Name in the ARN, where it is not the id. */
  readonly arnName?: string;
  /** Account in the ARN, where it is not this one. */
  readonly owner?: string;
}

function touched(one: Tagged): Touched {
  const resource = `${one.type}/${one.arnName ?? one.id}`;
  return { resource, tags: one.tags, ...(one.owner === undefined ? {} : { owner: one.owner }) };
}

function tagged(region: RegionRecord): Tagged[] {
  const of = (type: string, records: Readonly<Record<string, { id: string; tags: Tags }>>): Tagged[] =>
    Object.values(records).map(({ id, tags }) => ({ id, type, tags }));
  return [
    ...of('instance', region.instances),
    ...of('volume', region.volumes),
    ...of('network-interface', region.interfaces),
    ...of('security-group', region.groups),
    ...of('elastic-ip', region.addresses),
    ...of('vpc', region.vpcs),
    ...of('subnet', region.subnets),
    ...of('internet-gateway', region.gateways),
    ...of('vpc-endpoint', region.endpoints),
    ...of('spot-instances-request', region.spotRequests),
    ...of('snapshot', region.snapshots).map((one) => ({ ...one, owner: '' })),
    ...of('image', region.images).map((one) => ({ ...one, owner: '' })),
    ...Object.values(region.keyPairs).map(({ id, tags, name }) => ({ id, type: 'key-pair', tags, arnName: name })),
  ];
}

/** Codes differ by kind: an unknown volume is InvalidVolume.NotFound, an unknown instance InvalidInstanceID.NotFound. */
const NOT_FOUND: Readonly<Record<string, string>> = {
  i: 'InvalidInstanceID.NotFound',
  vol: 'InvalidVolume.NotFound',
  eni: 'InvalidNetworkInterfaceID.NotFound',
  sg: 'InvalidGroup.NotFound',
  key: 'InvalidKeyPair.NotFound',
  snap: 'InvalidSnapshot.NotFound',
  ami: 'InvalidAMIID.NotFound',
  eipalloc: 'InvalidAllocationID.NotFound',
  vpc: 'InvalidVpcID.NotFound',
  subnet: 'InvalidSubnetID.NotFound',
  igw: 'InvalidInternetGatewayID.NotFound',
  vpce: 'InvalidVpcEndpointId.NotFound',
  sir: 'InvalidSpotInstanceRequestID.NotFound',
};

function resources(call: Call): Tagged[] {
  const all = tagged(call.region);
  const ids = call.parameters.list('ResourceId');
  if (ids.length === 0)
    throw new ServiceError(400, 'MissingParameter', 'The request must contain the parameter resourceIdSet');
  return ids.map((id) => {
    const found = all.find((one) => one.id === id);
    const seen =
      found?.type !== 'instance' ||
      call.consistency.settled('instance', id, call.region.instances[id]?.launchTime ?? 0, call.context.now());
    if (found !== undefined && seen) return found;
    const code = NOT_FOUND[id.split('-')[0] ?? ''] ?? 'InvalidID';
    throw new ServiceError(400, code, `The ID '${id}' is not valid or does not exist`);
  });
}

/** Most tags on one resource. */
const MAX_TAGS = 50;

export const createTags: Operation = (call) => {
  const targets = resources(call);
  const newTags = readTags(call.parameters);
  authorize(call, ...targets.map((one) => ({ ...touched(one), newTags })));
  for (const one of targets)
    if (Object.keys({ ...one.tags, ...newTags }).length > MAX_TAGS)
      throw new ServiceError(
        400,
        'TagLimitExceeded',
        `The maximum number of tags, ${MAX_TAGS}, is exceeded on ${one.id}`,
      );
  for (const one of targets) Object.assign(one.tags, newTags);
  call.store.save();
  return { return: true };
};

/** With a value, a tag goes only when it has that value; without any tag, all go. */
export const deleteTags: Operation = (call) => {
  const targets = resources(call);
  authorize(call, ...targets.map(touched));
  const wanted = call.parameters
    .structures('Tag')
    .map((tag) => ({ key: tag.required('Key'), value: tag.get('Value') }));
  for (const { tags } of targets) {
    for (const key of Object.keys(tags)) {
      const hit = wanted.some((one) => one.key === key && (one.value === undefined || one.value === tags[key]));
      if (wanted.length === 0 || hit) delete tags[key];
    }
  }
  call.store.save();
  return { return: true };
};

export const describeTags: Operation = (call) => {
  authorize(call);
  const rows = tagged(call.region).flatMap((one) =>
    Object.entries(one.tags).map(([key, value]) => ({ resourceId: one.id, resourceType: one.type, key, value })),
  );
  const found = filtered(
    rows,
    call.parameters,
    {
      key: (row) => row.key,
      value: (row) => row.value,
      'resource-id': (row) => row.resourceId,
      'resource-type': (row) => row.resourceType,
    },
    (row) => ({ [row.key]: row.value }),
  );
  const { items, nextToken } = page(found, call.parameters);
  return { tagSet: list(items), nextToken };
};
