/**
 * EC2 (query protocol, API version 2016-11-15): one operation per table row. Instances are real processes with an SSH
 * server on loopback; see lifecycle.ts. Answers carry what AWS documents, as far as the sandbox has it.
 */
import { mkdirSync } from 'node:fs';
import type { InventoryEntry, SandboxRequest, SandboxResponse, Service, ServiceContext } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { profilesOf } from '../iam/profiles.ts';
import { type XmlValue, xmlDocument } from '../xml/write.ts';
import {
  allocateAddress,
  associateAddress,
  describeAddresses,
  disassociateAddress,
  releaseAddress,
} from './addresses.ts';
import { attachVolume, detachVolume } from './attach.ts';
import type { Call, Ec2Services, Operation } from './call.ts';
import { capacityOf } from './capacity.ts';
import { defaultNetwork } from './catalog.ts';
import { consistencyOf } from './consistency.ts';
import { copySnapshot } from './copy-snapshot.ts';
import { createVpcEndpoint, deleteVpcEndpoints, describeVpcEndpoints } from './endpoints.ts';
import { createImage, deregisterImage, describeImages, registerImage } from './images.ts';
import { describeInstanceTypeOfferings, describeInstanceTypes } from './instance-types.ts';
import {
  describeInstanceAttribute,
  describeInstanceStatus,
  describeInstances,
  getConsoleOutput,
  modifyInstanceAttribute,
  rebootInstances,
  startInstances,
  stopInstances,
  terminateInstances,
} from './instances.ts';
import { deleteNetworkInterface, describeNetworkInterfaces } from './interfaces.ts';
import { inventoryOf } from './inventory.ts';
import { createKeyPair, deleteKeyPair, describeKeyPairs, importKeyPair } from './key-pairs.ts';
import { Lifecycle } from './lifecycle.ts';
import { Ec2Store, noRecords, type RegionRecord } from './model.ts';
import { cachedParameters, type Parameters } from './parameters.ts';
import { associateProfile, describeAssociations, disassociateProfile, replaceProfile } from './profile-associations.ts';
import { runInstances } from './run-instances.ts';
import {
  authorizeRules,
  createSecurityGroup,
  deleteSecurityGroup,
  describeSecurityGroups,
  newGroup,
  revokeRules,
} from './security-groups.ts';
import { createSnapshot, createSnapshots, deleteSnapshot, describeSnapshots } from './snapshots.ts';
import { cancelSpotRequests, describeSpotPriceHistory, describeSpotRequests } from './spot.ts';
import { interruptions, offerInterrupt } from './spot-interruption.ts';
import { createSubnet, deleteSubnet, describeSubnets, modifySubnetAttribute } from './subnets.ts';
import { describeAvailabilityZones, describeRegions } from './surroundings.ts';
import { createTags, deleteTags, describeTags } from './tags.ts';
import { createVolume, deleteVolume, describeVolumes, modifyVolume } from './volumes.ts';
import {
  attachInternetGateway,
  createInternetGateway,
  createVpc,
  deleteInternetGateway,
  deleteVpc,
  describeInternetGateways,
  describeRouteTables,
  describeVpcs,
  detachInternetGateway,
} from './vpcs.ts';

/** Every operation that is served. */
export const EC2_OPERATIONS: Readonly<Record<string, Operation>> = {
  AllocateAddress: allocateAddress,
  AssociateAddress: associateAddress,
  AssociateIamInstanceProfile: associateProfile,
  AttachInternetGateway: attachInternetGateway,
  AttachVolume: attachVolume,
  AuthorizeSecurityGroupEgress: authorizeRules(true),
  AuthorizeSecurityGroupIngress: authorizeRules(false),
  CancelSpotInstanceRequests: cancelSpotRequests,
  CopySnapshot: copySnapshot,
  CreateImage: createImage,
  CreateInternetGateway: createInternetGateway,
  CreateKeyPair: createKeyPair,
  CreateSecurityGroup: createSecurityGroup,
  CreateSnapshot: createSnapshot,
  CreateSnapshots: createSnapshots,
  CreateSubnet: createSubnet,
  CreateTags: createTags,
  CreateVolume: createVolume,
  CreateVpc: createVpc,
  CreateVpcEndpoint: createVpcEndpoint,
  DeleteInternetGateway: deleteInternetGateway,
  DeleteKeyPair: deleteKeyPair,
  DeleteNetworkInterface: deleteNetworkInterface,
  DeleteSecurityGroup: deleteSecurityGroup,
  DeleteSnapshot: deleteSnapshot,
  DeleteSubnet: deleteSubnet,
  DeleteTags: deleteTags,
  DeleteVolume: deleteVolume,
  DeleteVpc: deleteVpc,
  DeleteVpcEndpoints: deleteVpcEndpoints,
  DeregisterImage: deregisterImage,
  DescribeAddresses: describeAddresses,
  DescribeAvailabilityZones: describeAvailabilityZones,
  DescribeIamInstanceProfileAssociations: describeAssociations,
  DescribeImages: describeImages,
  DescribeInstanceAttribute: describeInstanceAttribute,
  DescribeInstanceStatus: describeInstanceStatus,
  DescribeInstanceTypeOfferings: describeInstanceTypeOfferings,
  DescribeInstanceTypes: describeInstanceTypes,
  DescribeInstances: describeInstances,
  DescribeInternetGateways: describeInternetGateways,
  DescribeKeyPairs: describeKeyPairs,
  DescribeNetworkInterfaces: describeNetworkInterfaces,
  DescribeRegions: describeRegions,
  DescribeRouteTables: describeRouteTables,
  DescribeSecurityGroups: describeSecurityGroups,
  DescribeSnapshots: describeSnapshots,
  DescribeSpotInstanceRequests: describeSpotRequests,
  DescribeSpotPriceHistory: describeSpotPriceHistory,
  DescribeSubnets: describeSubnets,
  DescribeTags: describeTags,
  DescribeVolumes: describeVolumes,
  DescribeVpcEndpoints: describeVpcEndpoints,
  DescribeVpcs: describeVpcs,
  DetachInternetGateway: detachInternetGateway,
  DetachVolume: detachVolume,
  DisassociateAddress: disassociateAddress,
  DisassociateIamInstanceProfile: disassociateProfile,
  GetConsoleOutput: getConsoleOutput,
  ImportKeyPair: importKeyPair,
  ModifyInstanceAttribute: modifyInstanceAttribute,
  ModifySubnetAttribute: modifySubnetAttribute,
  ModifyVolume: modifyVolume,
  RebootInstances: rebootInstances,
  RegisterImage: registerImage,
  ReleaseAddress: releaseAddress,
  ReplaceIamInstanceProfileAssociation: replaceProfile,
  RevokeSecurityGroupEgress: revokeRules(true),
  RevokeSecurityGroupIngress: revokeRules(false),
  RunInstances: runInstances,
  StartInstances: startInstances,
  StopInstances: stopInstances,
  TerminateInstances: terminateInstances,
};

const NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/';
const XML = { 'Content-Type': 'text/xml;charset=UTF-8' };

export function ec2Service(context: ServiceContext): Service {
  mkdirSync(context.directory, { recursive: true });
  const store = new Ec2Store(context.directory);
  const profiles = profilesOf(context);
  const lifecycle = new Lifecycle({ context, store, profiles });
  const { identities, now } = context;
  const consistency = consistencyOf(identities);
  const services: Ec2Services = { context, store, profiles, lifecycle, consistency, capacity: capacityOf(identities) };
  const spot = interruptions(store, lifecycle, now);
  offerInterrupt(identities, spot.interrupt);
  const read = cachedParameters();
  return {
    name: 'ec2',
    operation: async (request) => (await read(request)).get('Action') ?? 'MissingAction',
    handle: async (request) => {
      const parameters = await read(request);
      const action = parameters.get('Action') ?? '';
      const operation = Object.hasOwn(EC2_OPERATIONS, action) ? EC2_OPERATIONS[action] : undefined;
      if (operation === undefined)
        throw new ServiceError(400, 'InvalidAction', `The action ${action} is not valid for this web service.`);
      const content = await operation(callOf(services, request, parameters, action));
      return answer(action, request, content);
    },
    failure: (error, request) => ({
      status: error.status,
      headers: XML,
      body: xmlDocument('Response', {
        Errors: { Error: { Code: error.code, Message: error.message } },
        RequestID: request.id,
      }),
    }),
    inventory: async (): Promise<readonly InventoryEntry[]> => inventoryOf(store, lifecycle),
    start: async ({ endpoint }) => {
      await lifecycle.start(endpoint);
      spot.resume();
    },
    stop: () => {
      spot.close();
      return lifecycle.close();
    },
    regionLost: (region) => lifecycle.regionLost(region),
    regionRestored: (region) => lifecycle.regionRestored(region),
  };
}

function callOf(services: Ec2Services, request: SandboxRequest, parameters: Parameters, action: string): Call {
  const network = defaultNetwork(services.context.accountId, request.region);
  const found = (): RegionRecord => {
    const group = newGroup('default', 'default VPC security group', network.vpcId);
    return { ...noRecords(), groups: { [group.id]: group } };
  };
  const region = services.store.region(request.region, found);
  return { ...services, action, request, parameters, regionName: request.region, region, network };
}

function answer(action: string, request: SandboxRequest, content: XmlValue): SandboxResponse {
  const value = { requestId: request.id, ...(content as { readonly [element: string]: XmlValue }) };
  return { status: 200, headers: XML, body: xmlDocument(`${action}Response`, value, NAMESPACE) };
}
