/** Networks and their internet gateways: made, described, deleted when nothing is left in them. */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, checkTagTypes, list, type Operation, tagSet, tagsFor } from './call.ts';
import { readCidr } from './cidr.ts';
import { filtered, page } from './filters.ts';
import { own } from './lookup.ts';
import { type GatewayRecord, newId, type Tags } from './model.ts';
import { gatewayOf, mainRouteTable, subnetsOf, type Vpc, vpcById, vpcIdOf, vpcsOf } from './networks.ts';
import { newGroup } from './security-groups.ts';

export const createVpc: Operation = (call) => {
  const { parameters, region } = call;
  const cidr = parameters.required('CidrBlock');
  const range = readCidr(cidr);
  if (range === null || range.bits < 16 || range.bits > 28)
    throw new ServiceError(400, 'InvalidVpc.Range', `The CIDR '${cidr}' is invalid.`);
  checkTagTypes(parameters, ['vpc']);
  const tags = tagsFor(parameters, 'vpc');
  authorize(call, { resource: 'vpc/*', newTags: tags });
  const id = newId('vpc');
  region.vpcs[id] = { id, cidr, tags };
  const group = newGroup('default', 'default VPC security group', id);
  region.groups[group.id] = group;
  call.store.save();
  return { vpc: { ...vpcXml(call, { id, cidr, tags, isDefault: false }), state: 'pending' } };
};

export const deleteVpc: Operation = (call) => {
  const { region } = call;
  const vpc = vpcById(call, call.parameters.required('VpcId'));
  authorize(call, { resource: `vpc/${vpc.id}`, tags: vpc.tags });
  const groups = Object.values(region.groups).filter((group) => group.vpcId === vpc.id);
  const used =
    vpc.isDefault || // it comes back at once here, so it cannot go
    groups.some((group) => group.name !== 'default') ||
    gatewayOf(call, vpc.id) !== null ||
    subnetsOf(call).some((subnet) => subnet.vpcId === vpc.id) ||
    Object.values(region.endpoints).some((endpoint) => endpoint.vpcId === vpc.id);
  if (used)
    throw new ServiceError(400, 'DependencyViolation', `The vpc '${vpc.id}' has dependencies and cannot be deleted.`);
  for (const group of groups) delete region.groups[group.id];
  delete region.vpcs[vpc.id];
  call.store.save();
  return { return: true };
};

export const describeVpcs: Operation = (call) => {
  authorize(call);
  const ids = call.parameters.list('VpcId').map((id) => vpcById(call, id).id);
  const found = filtered(
    vpcsOf(call).filter((vpc) => ids.length === 0 || ids.includes(vpc.id)),
    call.parameters,
    {
      'vpc-id': (vpc) => vpc.id,
      'is-default': (vpc) => String(vpc.isDefault),
      isDefault: (vpc) => String(vpc.isDefault),
      'owner-id': () => call.context.accountId,
      state: () => 'available',
      cidr: (vpc) => vpc.cidr,
      'cidr-block-association.cidr-block': (vpc) => vpc.cidr,
    },
    (vpc) => vpc.tags,
  );
  const { items, nextToken } = page(found, call.parameters);
  return { vpcSet: list(items.map((vpc) => vpcXml(call, vpc))), nextToken };
};

function vpcXml(call: Call, vpc: Vpc): { readonly [element: string]: XmlValue } {
  return {
    vpcId: vpc.id,
    ownerId: call.context.accountId,
    state: 'available',
    cidrBlock: vpc.cidr,
    instanceTenancy: 'default',
    isDefault: vpc.isDefault,
    cidrBlockAssociationSet: list([{ cidrBlock: vpc.cidr, cidrBlockState: { state: 'associated' } }]),
    tagSet: tagSet(vpc.tags),
  };
}

export const createInternetGateway: Operation = (call) => {
  checkTagTypes(call.parameters, ['internet-gateway']);
  const tags = tagsFor(call.parameters, 'internet-gateway');
  authorize(call, { resource: 'internet-gateway/*', newTags: tags });
  const gateway: GatewayRecord = { id: newId('igw'), vpcId: null, tags };
  call.region.gateways[gateway.id] = gateway;
  call.store.save();
  return { internetGateway: gatewayXml(call, gateway) };
};

function gatewayById(call: Call): GatewayRecord {
  const id = call.parameters.required('InternetGatewayId');
  const gateway = own(call.region.gateways, id);
  if (gateway === null)
    throw new ServiceError(400, 'InvalidInternetGatewayID.NotFound', `The internetGateway ID '${id}' does not exist`);
  return gateway;
}

export const attachInternetGateway: Operation = (call) => {
  const gateway = gatewayById(call);
  const vpc = vpcById(call, call.parameters.required('VpcId'));
  authorize(call, touched(gateway.id, gateway.tags), { resource: `vpc/${vpc.id}`, tags: vpc.tags });
  const other = gatewayOf(call, vpc.id);
  if (gateway.vpcId !== null)
    throw new ServiceError(
      400,
      'Resource.AlreadyAssociated',
      `resource ${gateway.id} is already attached to network ${gateway.vpcId}`,
    );
  if (other !== null)
    throw new ServiceError(400, 'InvalidParameterValue', `Network ${vpc.id} already has an internet gateway attached`);
  gateway.vpcId = vpc.id;
  call.store.save();
  return { return: true };
};

export const detachInternetGateway: Operation = (call) => {
  const gateway = gatewayById(call);
  const vpc = vpcById(call, call.parameters.required('VpcId'));
  authorize(call, touched(gateway.id, gateway.tags), { resource: `vpc/${vpc.id}`, tags: vpc.tags });
  if (gateway.vpcId !== vpc.id)
    throw new ServiceError(400, 'Gateway.NotAttached', `resource ${gateway.id} is not attached to network ${vpc.id}`);
  const { instances, addresses } = call.region;
  const inside = Object.values(instances).filter(
    (one) => one.state !== 'terminated' && vpcIdOf(call, one.subnetId) === vpc.id,
  );
  const mapped = inside.some(
    (one) =>
      (one.autoPublicIp !== false && one.state === 'running') ||
      Object.values(addresses).some((address) => address.association?.instanceId === one.id),
  );
  if (mapped)
    throw new ServiceError(
      400,
      'DependencyViolation',
      `Network ${vpc.id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
    );
  gateway.vpcId = null;
  call.store.save();
  return { return: true };
};

export const deleteInternetGateway: Operation = (call) => {
  const gateway = gatewayById(call);
  authorize(call, touched(gateway.id, gateway.tags));
  if (gateway.vpcId !== null)
    throw new ServiceError(
      400,
      'DependencyViolation',
      `The internetGateway '${gateway.id}' has dependencies and cannot be deleted.`,
    );
  delete call.region.gateways[gateway.id];
  call.store.save();
  return { return: true };
};

function touched(id: string, tags: Readonly<Tags>): { readonly resource: string; readonly tags: Readonly<Tags> } {
  return { resource: `internet-gateway/${id}`, tags };
}

export const describeInternetGateways: Operation = (call) => {
  authorize(call);
  const { network, region } = call;
  const all: GatewayRecord[] = [
    { id: network.gatewayId, vpcId: network.vpcId, tags: {} },
    ...Object.values(region.gateways),
  ];
  const ids = call.parameters.list('InternetGatewayId');
  for (const id of ids)
    if (!all.some((one) => one.id === id))
      throw new ServiceError(400, 'InvalidInternetGatewayID.NotFound', `The internetGateway ID '${id}' does not exist`);
  const found = filtered(
    all.filter((one) => ids.length === 0 || ids.includes(one.id)),
    call.parameters,
    {
      'internet-gateway-id': (one) => one.id,
      'attachment.vpc-id': (one) => one.vpcId ?? [],
      'attachment.state': (one) => (one.vpcId === null ? [] : 'available'),
    },
    (one) => one.tags,
  );
  return { internetGatewaySet: list(found.map((one) => gatewayXml(call, one))) };
};

function gatewayXml(call: Call, { id, vpcId, tags }: GatewayRecord): XmlValue {
  return {
    internetGatewayId: id,
    ownerId: call.context.accountId,
    attachmentSet: list(vpcId === null ? [] : [{ vpcId, state: 'available' }]),
    tagSet: tagSet(tags),
  };
}

/** The main route table of each network: local, and to the internet gateway when there is one. Routes are not made. */
export const describeRouteTables: Operation = (call) => {
  authorize(call);
  const { parameters, context } = call;
  const all = vpcsOf(call).map((vpc) => ({ vpc, id: mainRouteTable(vpc.id) }));
  const ids = parameters.list('RouteTableId');
  for (const id of ids)
    if (!all.some((one) => one.id === id))
      throw new ServiceError(400, 'InvalidRouteTableID.NotFound', `The routeTable ID '${id}' does not exist`);
  const found = filtered(
    all.filter((one) => ids.length === 0 || ids.includes(one.id)),
    parameters,
    {
      'route-table-id': (one) => one.id,
      'vpc-id': (one) => one.vpc.id,
      'association.main': () => 'true',
      'association.subnet-id': () => [],
    },
  );
  return {
    routeTableSet: list(
      found.map(({ vpc, id }) => {
        const gateway = gatewayOf(call, vpc.id);
        const local = {
          destinationCidrBlock: vpc.cidr,
          gatewayId: 'local',
          state: 'active',
          origin: 'CreateRouteTable',
        };
        const out = {
          destinationCidrBlock: '0.0.0.0/0',
          gatewayId: gateway ?? '',
          state: 'active',
          origin: 'CreateRoute',
        };
        return {
          routeTableId: id,
          vpcId: vpc.id,
          ownerId: context.accountId,
          routeSet: list(gateway === null ? [local] : [local, out]),
          associationSet: list([
            {
              routeTableAssociationId: id.replace('rtb-', 'rtbassoc-'),
              routeTableId: id,
              main: true,
              associationState: { state: 'associated' },
            },
          ]),
          propagatingVgwSet: list([]),
          tagSet: list([]),
        };
      }),
    ),
  };
};
