/** DescribeInstanceInformation: the instances whose SSM agent has reported in, with the filters that clients use. */
import { IMAGES } from '../ec2/catalog.ts';
import { ServiceError } from '../http/service-error.ts';
import type { Agent } from './agents.ts';
import { authorize, type Input, type Operation, page, structures, text, texts } from './call.ts';

const describeInstanceInformation: Operation = (call) => {
  authorize(call, '*');
  const filters = [
    ...structures(call.input, 'Filters').map((filter) => ({
      key: text(filter, 'Key'),
      values: texts(filter, 'Values'),
    })),
    ...structures(call.input, 'InstanceInformationFilterList').map((filter: Input) => ({
      key: text(filter, 'key'),
      values: texts(filter, 'valueSet'),
    })),
  ];
  const found = call.agents
    .list(call.request)
    .filter((agent) => filters.every(({ key, values }) => values.includes(factOf(agent, key))));
  const { items, ...next } = page(call.input, found, 50);
  return { InstanceInformationList: items.map(shape), ...next };
};

function factOf(agent: Agent, key: string): string {
  const tag = /^tag:(.+)$/.exec(key)?.[1];
  if (tag !== undefined) return agent.instance.tags[tag] ?? '\0';
  const values: Readonly<Record<string, string>> = {
    InstanceIds: agent.instance.id,
    PingStatus: ping(agent),
    PlatformTypes: 'Linux',
    ResourceType: 'EC2Instance',
  };
  if (!Object.hasOwn(values, key))
    throw new ServiceError(400, 'InvalidInstanceInformationFilterValue', `The sandbox does not know the filter ${key}`);
  return values[key] as string;
}

/** AWS says ConnectionLost when an agent has been silent for some minutes; here a machine that stopped is known at once. */
function ping(agent: Agent): 'Online' | 'ConnectionLost' {
  return agent.online ? 'Online' : 'ConnectionLost';
}

function shape(agent: Agent): object {
  const { instance } = agent;
  const lines = IMAGES.find((image) => image.id === instance.imageId)?.osRelease ?? [];
  const release = (name: string): string =>
    (lines.find((line) => line.startsWith(`${name}=`)) ?? '').slice(name.length + 1).replaceAll('"', '');
  return {
    InstanceId: instance.id,
    PingStatus: ping(agent),
    LastPingDateTime: agent.lastPingAt / 1000,
    AgentVersion: '3.3.0.0',
    IsLatestVersion: true,
    PlatformType: 'Linux',
    PlatformName: release('NAME') || 'Linux',
    PlatformVersion: release('VERSION_ID'),
    ResourceType: 'EC2Instance',
    IPAddress: instance.privateIp,
    ComputerName: instance.hostname,
    AssociationStatus: 'Success',
    SourceId: instance.id,
    SourceType: 'AWS::EC2::Instance',
  };
}

export const INFORMATION_OPERATIONS: Readonly<Record<string, Operation>> = {
  DescribeInstanceInformation: describeInstanceInformation,
};
