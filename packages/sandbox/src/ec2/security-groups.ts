/** Security groups and their rules. Rules are records: traffic on loopback is not filtered by them. */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import {
  arnOf,
  authorize,
  type Call,
  checkTagTypes,
  list,
  type Operation,
  type Touched,
  tagSet,
  tagsFor,
} from './call.ts';
import { filtered, page } from './filters.ts';
import { groupById, groupByName } from './lookup.ts';
import { type GroupRecord, type GroupRule, newId } from './model.ts';
import { vpcById } from './networks.ts';
import { invalid, type Parameters } from './parameters.ts';

export const createSecurityGroup: Operation = (call) => {
  const { parameters, network, region } = call;
  const name = parameters.required('GroupName');
  const description = parameters.required('GroupDescription');
  const vpcId = parameters.get('VpcId') ?? network.vpcId;
  checkTagTypes(parameters, ['security-group']);
  const tags = tagsFor(parameters, 'security-group');
  authorize(call, { resource: 'security-group/*', newTags: tags }, { resource: `vpc/${vpcId}` });
  vpcById(call, vpcId);
  if (name.startsWith('sg-')) throw invalid('GroupName', name, 'Group names may not be in the format sg-*.');
  if (name === 'default')
    throw new ServiceError(400, 'InvalidParameterValue', 'Cannot use reserved security group name: default');
  if (Object.values(region.groups).some((group) => group.name === name && group.vpcId === vpcId))
    throw new ServiceError(
      400,
      'InvalidGroup.Duplicate',
      `The security group '${name}' already exists for VPC '${vpcId}'`,
    );
  const group = { ...newGroup(name, description, vpcId), createdAt: call.context.now() };
  Object.assign(group.tags, tags);
  region.groups[group.id] = group;
  call.store.save();
  return {
    return: true,
    groupId: group.id,
    tagSet: tagSet(group.tags),
    securityGroupArn: arnOf(call, `security-group/${group.id}`),
  };
};

/** A group as AWS makes it: no way in, every way out. */
export function newGroup(name: string, description: string, vpcId: string): GroupRecord {
  const out: GroupRule = {
    id: newId('sgr'),
    egress: true,
    protocol: '-1',
    fromPort: null,
    toPort: null,
    source: { kind: 'cidr', value: '0.0.0.0/0' },
    description: '',
  };
  return { id: newId('sg'), name, description, vpcId, tags: {}, rules: [out] };
}

export const describeSecurityGroups: Operation = (call) => {
  authorize(call);
  const { parameters, region } = call;
  const ids = parameters.list('GroupId').map((id) => groupById(call, id).id);
  const names = parameters.list('GroupName').map((name) => groupByName(call, name).id);
  const wanted = [...ids, ...names];
  const named = Object.values(region.groups).filter((group) => wanted.length === 0 || wanted.includes(group.id));
  const found = filtered(
    named,
    parameters,
    {
      'group-id': (group) => group.id,
      'group-name': (group) => group.name,
      'vpc-id': (group) => group.vpcId,
      description: (group) => group.description,
      'owner-id': () => call.context.accountId,
      'ip-permission.cidr': (group) => ingressValues(group, 'cidr'),
      'ip-permission.group-id': (group) => ingressValues(group, 'group'),
      'ip-permission.from-port': (group) => group.rules.filter((r) => !r.egress).map((r) => String(r.fromPort ?? -1)),
    },
    (group) => group.tags,
  );
  const { items, nextToken } = page(found, parameters);
  return { securityGroupInfo: list(items.map((group) => groupXml(call, group))), nextToken };
};

function ingressValues(group: GroupRecord, kind: string): string[] {
  return group.rules.filter((rule) => !rule.egress && rule.source.kind === kind).map((rule) => rule.source.value);
}

function groupXml(call: Call, group: GroupRecord): XmlValue {
  return {
    ownerId: call.context.accountId,
    groupName: group.name,
    groupId: group.id,
    groupDescription: group.description,
    vpcId: group.vpcId,
    securityGroupArn: arnOf(call, `security-group/${group.id}`),
    tagSet: tagSet(group.tags),
    ipPermissions: permissionsXml(
      call,
      group.rules.filter((rule) => !rule.egress),
    ),
    ipPermissionsEgress: permissionsXml(
      call,
      group.rules.filter((rule) => rule.egress),
    ),
  };
}

/** Rules with the same protocol and ports stand in one permission. */
function permissionsXml(call: Call, rules: readonly GroupRule[]): XmlValue {
  const byPorts = new Map<string, GroupRule[]>();
  for (const rule of rules) {
    const key = `${rule.protocol} ${rule.fromPort} ${rule.toPort}`;
    byPorts.set(key, [...(byPorts.get(key) ?? []), rule]);
  }
  const of = (members: readonly GroupRule[], kind: string, name: string): XmlValue =>
    list(
      members
        .filter((rule) => rule.source.kind === kind)
        .map((rule) => ({
          ...(kind === 'group' ? { userId: call.context.accountId } : {}),
          [name]: rule.source.value,
          description: rule.description === '' ? undefined : rule.description,
        })),
    );
  return list(
    [...byPorts.values()].map((members) => ({
      ipProtocol: members[0]?.protocol,
      fromPort: members[0]?.fromPort ?? undefined,
      toPort: members[0]?.toPort ?? undefined,
      groups: of(members, 'group', 'groupId'),
      ipRanges: of(members, 'cidr', 'cidrIp'),
      ipv6Ranges: of(members, 'cidr6', 'cidrIpv6'),
      prefixListIds: of(members, 'prefix-list', 'prefixListId'),
    })),
  );
}

function ruleXml(call: Call, group: GroupRecord, rule: GroupRule): XmlValue {
  return {
    securityGroupRuleId: rule.id,
    groupId: group.id,
    groupOwnerId: call.context.accountId,
    isEgress: rule.egress,
    ipProtocol: rule.protocol,
    fromPort: rule.fromPort ?? -1,
    toPort: rule.toPort ?? -1,
    cidrIpv4: rule.source.kind === 'cidr' ? rule.source.value : undefined,
    cidrIpv6: rule.source.kind === 'cidr6' ? rule.source.value : undefined,
    prefixListId: rule.source.kind === 'prefix-list' ? rule.source.value : undefined,
    referencedGroupInfo:
      rule.source.kind === 'group' ? { groupId: rule.source.value, userId: call.context.accountId } : undefined,
    description: rule.description === '' ? undefined : rule.description,
  };
}

function target(call: Call): GroupRecord {
  const id = call.parameters.get('GroupId');
  return id === undefined ? groupByName(call, call.parameters.required('GroupName')) : groupById(call, id);
}

function touched(group: GroupRecord): Touched {
  return { resource: `security-group/${group.id}`, tags: group.tags };
}

/** AuthorizeSecurityGroupIngress or -Egress: all rules or none. */
export function authorizeRules(egress: boolean): Operation {
  return (call) => {
    const group = target(call);
    authorize(call, touched(group));
    const rules = readRules(call, egress);
    const known = new Set(group.rules.map(ruleKey));
    for (const rule of rules) {
      if (known.has(ruleKey(rule)))
        throw new ServiceError(
          400,
          'InvalidPermission.Duplicate',
          `the specified rule "peer: ${rule.source.value}, ${rule.protocol}, from port: ${rule.fromPort}, to port: ${rule.toPort}, ALLOW" already exists`,
        );
      known.add(ruleKey(rule));
    }
    group.rules.push(...rules);
    call.store.save();
    return { return: true, securityGroupRuleSet: list(rules.map((rule) => ruleXml(call, group, rule))) };
  };
}

/** RevokeSecurityGroupIngress or -Egress: by rule id or by content; throws when one is not there. */
export function revokeRules(egress: boolean): Operation {
  return (call) => {
    const group = target(call);
    authorize(call, touched(group));
    const ids = call.parameters.list('SecurityGroupRuleId');
    for (const id of ids)
      if (!group.rules.some((rule) => rule.id === id))
        throw new ServiceError(
          400,
          'InvalidSecurityGroupRuleId.NotFound',
          `The security group rule ID '${id}' does not exist`,
        );
    const keys = ids.length > 0 ? [] : readRules(call, egress).map(ruleKey);
    for (const key of keys)
      if (!group.rules.some((rule) => ruleKey(rule) === key))
        throw new ServiceError(
          400,
          'InvalidPermission.NotFound',
          'The specified rule does not exist in this security group.',
        );
    const gone = group.rules.filter((rule) => ids.includes(rule.id) || keys.includes(ruleKey(rule)));
    group.rules = group.rules.filter((rule) => !gone.includes(rule));
    call.store.save();
    return {
      return: true,
      revokedSecurityGroupRuleSet: list(gone.map((rule) => ruleXml(call, group, rule))),
    };
  };
}

function ruleKey(rule: GroupRule): string {
  return JSON.stringify([rule.egress, rule.protocol, rule.fromPort, rule.toPort, rule.source.kind, rule.source.value]);
}

function readRules(call: Call, egress: boolean): GroupRule[] {
  const { parameters } = call;
  const permissions = parameters.structures('IpPermissions');
  const rules = permissions.flatMap((permission) => rulesOf(call, permission, egress));
  const cidr = parameters.get('CidrIp'); // the short form: one rule as parameters of the request
  if (cidr !== undefined) rules.push(...rulesOfOne(parameters, egress, 'cidr', cidr, ''));
  if (rules.length === 0)
    throw new ServiceError(400, 'MissingParameter', 'Either ipPermissions or the parameters of one rule must be given');
  return rules;
}

function rulesOf(call: Call, permission: Parameters, egress: boolean): GroupRule[] {
  const sources = [
    ['IpRanges', 'CidrIp', 'cidr'],
    ['Ipv6Ranges', 'CidrIpv6', 'cidr6'],
    ['PrefixListIds', 'PrefixListId', 'prefix-list'],
    ['Groups', 'GroupId', 'group'],
  ] as const;
  return sources.flatMap(([name, field, kind]) =>
    permission.structures(name).flatMap((source) => {
      const value = source.required(field);
      if (kind === 'group') groupById(call, value);
      return rulesOfOne(permission, egress, kind, value, source.get('Description') ?? '');
    }),
  );
}

const PROTOCOLS: Readonly<Record<string, string>> = { '6': 'tcp', '17': 'udp', '1': 'icmp' };

function rulesOfOne(
  parameters: Parameters,
  egress: boolean,
  kind: GroupRule['source']['kind'],
  value: string,
  description: string,
): GroupRule[] {
  const sent = parameters.required('IpProtocol');
  const protocol = PROTOCOLS[sent] ?? sent;
  if (kind === 'cidr' && !isCidr(value))
    throw new ServiceError(400, 'InvalidParameterValue', `CIDR block ${value} is malformed`);
  const ported = protocol === 'tcp' || protocol === 'udp';
  const fromPort = ported ? parameters.integer('FromPort', 0, 0, 65_535) : null;
  const toPort = ported ? parameters.integer('ToPort', 65_535, 0, 65_535) : null;
  if (fromPort !== null && toPort !== null && fromPort > toPort)
    throw new ServiceError(400, 'InvalidParameterValue', `Invalid TCP/UDP port range (${fromPort}:${toPort})`);
  return [{ id: newId('sgr'), egress, protocol, fromPort, toPort, source: { kind, value }, description }];
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const octets = address.split('.');
  const numeric = (part: string, max: number): boolean => /^\d{1,3}$/.test(part) && Number(part) <= max;
  return rest.length === 0 && octets.length === 4 && octets.every((part) => numeric(part, 255)) && numeric(bits, 32);
}

export const deleteSecurityGroup: Operation = (call) => {
  const group = target(call);
  authorize(call, touched(group));
  if (group.name === 'default')
    throw new ServiceError(
      400,
      'CannotDelete',
      `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
    );
  const { interfaces, groups } = call.region;
  const referenced = Object.values(groups).some(
    (other) =>
      other !== group && other.rules.some((rule) => rule.source.kind === 'group' && rule.source.value === group.id),
  );
  if (referenced || Object.values(interfaces).some((one) => one.groupIds.includes(group.id)))
    throw new ServiceError(400, 'DependencyViolation', `resource ${group.id} has a dependent object`);
  delete groups[group.id];
  call.store.save();
  return { return: true, groupId: group.id };
};
