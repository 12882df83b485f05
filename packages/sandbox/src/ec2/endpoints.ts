/** Gateway endpoints of networks, to S3 and DynamoDB. Records alone: on loopback everything is reached anyway. */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, checkTagTypes, iso, list, type Operation, tagSet, tagsFor } from './call.ts';
import { filtered, page } from './filters.ts';
import { own } from './lookup.ts';
import { type EndpointRecord, newId } from './model.ts';
import { mainRouteTable, vpcById } from './networks.ts';

export const createVpcEndpoint: Operation = (call) => {
  const { parameters, region } = call;
  const vpc = vpcById(call, parameters.required('VpcId'));
  const serviceName = parameters.required('ServiceName');
  checkTagTypes(parameters, ['vpc-endpoint']);
  const tags = tagsFor(parameters, 'vpc-endpoint');
  authorize(call, { resource: 'vpc-endpoint/*', newTags: tags }, { resource: `vpc/${vpc.id}`, tags: vpc.tags });
  if ((parameters.get('VpcEndpointType') ?? 'Gateway') !== 'Gateway')
    throw new ServiceError(400, 'UnsupportedOperation', 'The sandbox has gateway endpoints alone');
  if (!['s3', 'dynamodb'].some((name) => serviceName === `com.amazonaws.${call.regionName}.${name}`))
    throw new ServiceError(400, 'InvalidServiceName', `The Vpc Endpoint Service '${serviceName}' does not exist`);
  const routeTableIds = parameters.list('RouteTableId');
  for (const id of routeTableIds)
    if (id !== mainRouteTable(vpc.id))
      throw new ServiceError(400, 'InvalidRouteTableId.NotFound', `The routeTable ID '${id}' does not exist`);
  const taken = Object.values(region.endpoints).some(
    (one) =>
      one.vpcId === vpc.id &&
      one.serviceName === serviceName &&
      one.routeTableIds.some((id) => routeTableIds.includes(id)),
  );
  if (taken)
    throw new ServiceError(
      400,
      'RouteAlreadyExists',
      `route table ${routeTableIds[0]} already has a route with destination-prefix-list-id of ${serviceName}`,
    );
  const endpoint: EndpointRecord = {
    ...{ id: newId('vpce'), vpcId: vpc.id, serviceName, routeTableIds, tags, createdAt: call.context.now() },
  };
  region.endpoints[endpoint.id] = endpoint;
  call.store.save();
  return { vpcEndpoint: endpointXml(call, endpoint) };
};

export const describeVpcEndpoints: Operation = (call) => {
  authorize(call);
  const { parameters, region } = call;
  const ids = parameters.list('VpcEndpointId');
  const named = ids.length > 0 ? ids.map((id) => endpointById(call, id)) : Object.values(region.endpoints);
  const found = filtered(
    named,
    parameters,
    {
      'vpc-endpoint-id': (one) => one.id,
      'vpc-id': (one) => one.vpcId,
      'service-name': (one) => one.serviceName,
      'vpc-endpoint-state': () => 'available',
      'vpc-endpoint-type': () => 'Gateway',
    },
    (one) => one.tags,
  );
  const { items, nextToken } = page(found, parameters);
  return { vpcEndpointSet: list(items.map((one) => endpointXml(call, one))), nextToken };
};

function endpointById(call: Call, id: string): EndpointRecord {
  const endpoint = own(call.region.endpoints, id);
  if (endpoint === null)
    throw new ServiceError(400, 'InvalidVpcEndpointId.NotFound', `The Vpc Endpoint Id '${id}' does not exist`);
  return endpoint;
}

/** Those that do not exist are told in the answer, not as an error of the request. */
export const deleteVpcEndpoints: Operation = (call) => {
  const { parameters, region } = call;
  const ids = parameters.list('VpcEndpointId');
  authorize(
    call,
    ...ids.map((id) => ({ resource: `vpc-endpoint/${id}`, tags: own(region.endpoints, id)?.tags ?? {} })),
  );
  const unknown = ids.filter((id) => own(region.endpoints, id) === null);
  for (const id of ids) delete region.endpoints[id];
  call.store.save();
  return {
    unsuccessful: list(
      unknown.map((resourceId) => ({
        resourceId,
        error: {
          code: 'InvalidVpcEndpoint.NotFound',
          message: `The Vpc Endpoint Id '${resourceId}' does not exist`,
        },
      })),
    ),
  };
};

function endpointXml(call: Call, endpoint: EndpointRecord): XmlValue {
  return {
    vpcEndpointId: endpoint.id,
    vpcEndpointType: 'Gateway',
    vpcId: endpoint.vpcId,
    serviceName: endpoint.serviceName,
    state: 'available',
    routeTableIdSet: list([...endpoint.routeTableIds]),
    creationTimestamp: iso(endpoint.createdAt),
    ownerId: call.context.accountId,
    tagSet: tagSet(endpoint.tags),
  };
}
