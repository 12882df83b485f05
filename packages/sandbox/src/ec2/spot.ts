/** Spot instances: what a launch asks for, the requests that come of it, and prices (invented, but steady). */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, iso, list, type Operation, tagSet, tagsFor } from './call.ts';
import { INSTANCE_TYPES, type InstanceType } from './catalog.ts';
import { filtered, page } from './filters.ts';
import { own } from './lookup.ts';
import { newId, type SpotRequestRecord, type Tags } from './model.ts';
import { invalid } from './parameters.ts';

/** Spot options of a launch. */
export interface SpotWish {
  readonly type: SpotRequestRecord['type'];
  readonly interruption: SpotRequestRecord['interruption'];
  readonly maxPrice: string;
  readonly tags: Tags;
}

/** US dollars an hour. */
export function spotPrice(type: InstanceType): number {
  return Math.round((type.vcpus * 0.008 + (type.memoryMiB / 1024) * 0.001) * 10_000) / 10_000;
}

/** Null for an on-demand launch. Throws for options that AWS refuses. */
export function spotWish(call: Call, type: InstanceType): SpotWish | null {
  const market = call.parameters.structure('InstanceMarketOptions');
  const marketType = market.get('MarketType');
  if (marketType === undefined) return null;
  if (marketType !== 'spot')
    throw invalid('InstanceMarketOptions.MarketType', marketType, 'The sandbox has spot alone.');
  const options = market.structure('SpotOptions');
  const kind = oneOf(options.get('SpotInstanceType') ?? 'one-time', 'SpotInstanceType', ['one-time', 'persistent']);
  const interruption = oneOf(
    options.get('InstanceInterruptionBehavior') ?? 'terminate',
    'InstanceInterruptionBehavior',
    ['terminate', 'stop', 'hibernate'],
  );
  if (kind === 'one-time' && interruption !== 'terminate')
    throw new ServiceError(
      400,
      'InvalidParameterCombination',
      `Only terminate is supported as InstanceInterruptionBehavior for one-time requests, not ${interruption}`,
    );
  const lowest = spotPrice(type);
  const maxPrice = options.get('MaxPrice') ?? String(lowest * 3);
  if (!/^\d+(\.\d+)?$/.test(maxPrice)) throw invalid('MaxPrice', maxPrice, 'expected US dollars an hour');
  if (Number(maxPrice) < lowest)
    throw new ServiceError(
      400,
      'SpotMaxPriceTooLow',
      `Your Spot request price of ${maxPrice} is lower than the minimum required Spot request fulfillment price of ${lowest}.`,
    );
  return { type: kind, interruption, maxPrice, tags: tagsFor(call.parameters, 'spot-instances-request') };
}

function oneOf<T extends string>(value: string, name: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw invalid(name, value, `expected one of ${allowed.join(', ')}`);
  return found;
}

/** The fulfilled request of a new instance; the caller saves. */
export function keepRequest(call: Call, wish: SpotWish, instanceId: string): string {
  const id = newId('sir').replace('sir-0', 'sir-').slice(0, 12);
  const now = call.context.now();
  call.region.spotRequests[id] = {
    ...{ id, instanceId, type: wish.type, interruption: wish.interruption, maxPrice: wish.maxPrice },
    ...{ tags: { ...wish.tags }, createdAt: now, updatedAt: now, state: 'active', status: 'fulfilled' },
  };
  return id;
}

function requestById(call: Call, id: string): SpotRequestRecord {
  const request = own(call.region.spotRequests, id);
  if (request === null)
    throw new ServiceError(
      400,
      'InvalidSpotInstanceRequestID.NotFound',
      `The spot instance request ID '${id}' does not exist`,
    );
  return request;
}

export const describeSpotRequests: Operation = (call) => {
  authorize(call);
  const ids = call.parameters.list('SpotInstanceRequestId');
  const named = ids.length > 0 ? ids.map((id) => requestById(call, id)) : Object.values(call.region.spotRequests);
  const found = filtered(
    named,
    call.parameters,
    {
      'spot-instance-request-id': (one) => one.id,
      'instance-id': (one) => one.instanceId,
      state: (one) => one.state,
      'status-code': (one) => one.status,
      type: (one) => one.type,
      'launch.instance-type': (one) => own(call.region.instances, one.instanceId)?.instanceType ?? [],
    },
    (one) => one.tags,
  );
  const { items, nextToken } = page(found, call.parameters);
  return { spotInstanceRequestSet: list(items.map((one) => requestXml(call, one))), nextToken };
};

function requestXml(call: Call, one: SpotRequestRecord): XmlValue {
  const instance = own(call.region.instances, one.instanceId);
  return {
    spotInstanceRequestId: one.id,
    spotPrice: one.maxPrice,
    type: one.type,
    state: one.state,
    status: { code: one.status, updateTime: iso(one.updatedAt), message: one.status.replaceAll('-', ' ') },
    launchSpecification:
      instance === null ? undefined : { imageId: instance.imageId, instanceType: instance.instanceType },
    instanceId: one.instanceId,
    createTime: iso(one.createdAt),
    productDescription: 'Linux/UNIX',
    launchedAvailabilityZone: instance?.zone,
    instanceInterruptionBehavior: one.interruption,
    tagSet: tagSet(one.tags),
  };
}

/** The instance goes on: only a new one is no longer asked for. */
export const cancelSpotRequests: Operation = (call) => {
  const requests = call.parameters.list('SpotInstanceRequestId').map((id) => requestById(call, id));
  authorize(call, ...requests.map(({ id, tags }) => ({ resource: `spot-instances-request/${id}`, tags })));
  if (requests.length === 0)
    throw new ServiceError(400, 'MissingParameter', 'The request must contain the parameter SpotInstanceRequestId');
  for (const request of requests) {
    if (request.state !== 'active') continue;
    Object.assign(request, {
      ...{ state: 'cancelled', status: 'request-canceled-and-instance-running', updatedAt: call.context.now() },
    });
  }
  call.store.save();
  return {
    spotInstanceRequestSet: list(requests.map(({ id, state }) => ({ spotInstanceRequestId: id, state }))),
  };
};

export const describeSpotPriceHistory: Operation = (call) => {
  authorize(call);
  const { parameters, network } = call;
  const names = parameters.list('InstanceType');
  const zone = parameters.get('AvailabilityZone');
  const rows = INSTANCE_TYPES.filter((type) => names.length === 0 || names.includes(type.name)).flatMap((type) =>
    network.subnets
      .filter((subnet) => zone === undefined || subnet.zone === zone)
      // Zones differ a little, so that there is something to choose.
      .map((subnet, n) => ({ type, zone: subnet.zone, price: (spotPrice(type) * (1 + n / 20)).toFixed(6) })),
  );
  const found = filtered(rows, parameters, {
    'instance-type': (row) => row.type.name,
    'availability-zone': (row) => row.zone,
    'product-description': () => ['Linux/UNIX', 'Linux/UNIX (Amazon VPC)'],
    'spot-price': (row) => row.price,
  });
  const { items, nextToken } = page(found, parameters);
  const hour = Math.floor(call.context.now() / 3600_000) * 3600_000;
  return {
    spotPriceHistorySet: list(
      items.map((row) => ({
        instanceType: row.type.name,
        productDescription: 'Linux/UNIX',
        spotPrice: row.price,
        timestamp: iso(hour),
        availabilityZone: row.zone,
      })),
    ),
    nextToken: nextToken ?? '',
  };
};
