/** IAM (query protocol, API version 2010-05-08). It writes what the signature check and the policy evaluation read. */
import { mkdirSync } from 'node:fs';
import { cachedParameters } from '../ec2/parameters.ts';
import type { InventoryEntry, Service, ServiceContext } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { xmlDocument } from '../xml/write.ts';
import type { Operation } from './call.ts';
import { PROFILE_OPERATIONS } from './instance-profiles.ts';
import { POLICY_OPERATIONS } from './policies.ts';
import { type ProfileStore, profilesOf } from './profiles.ts';
import { ROLE_OPERATIONS } from './roles.ts';
import { SIMULATION_OPERATIONS } from './simulate.ts';
import { USER_OPERATIONS } from './users.ts';

const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...USER_OPERATIONS,
  ...ROLE_OPERATIONS,
  ...POLICY_OPERATIONS,
  ...PROFILE_OPERATIONS,
  ...SIMULATION_OPERATIONS,
};

const NAMESPACE = 'https://iam.amazonaws.com/doc/2010-05-08/';
const XML = { 'Content-Type': 'text/xml' };

export function iamService(context: ServiceContext): Service {
  mkdirSync(context.directory, { recursive: true });
  const profiles = profilesOf(context);
  const read = cachedParameters();
  return {
    name: 'iam',
    operation: async (request) => (await read(request)).get('Action') ?? 'MissingAction',
    handle: async (request) => {
      const parameters = await read(request);
      const action = parameters.get('Action') ?? '';
      const operation = Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action] : undefined;
      if (operation === undefined)
        throw new ServiceError(400, 'InvalidAction', `Could not find operation ${action} for version 2010-05-08`);
      const result = operation({ action, request, parameters, context, profiles });
      const body = xmlDocument(
        `${action}Response`,
        { ...(result === null ? {} : { [`${action}Result`]: result }), ResponseMetadata: { RequestId: request.id } },
        NAMESPACE,
      );
      return { status: 200, headers: XML, body };
    },
    failure: (error, request) => ({
      status: error.status,
      headers: XML,
      body: xmlDocument(
        'ErrorResponse',
        {
          Error: {
            Type: error.status < 500 ? 'Sender' : 'Receiver',
            // IAM has one code for all that is wrong with parameters.
            Code: /^(MissingParameter|InvalidParameterValue)$/.test(error.code) ? 'ValidationError' : error.code,
            Message: error.message,
          },
          RequestId: request.id,
        },
        NAMESPACE,
      ),
    }),
    inventory: async () => inventoryOf(context, profiles),
  };
}

function inventoryOf({ identities }: ServiceContext, profiles: ProfileStore): InventoryEntry[] {
  const users = identities.users().filter((user) => !user.bootstrap);
  const keys = users.flatMap((user) => identities.accessKeys(user.name));
  return [
    ...users.map(({ name, tags }) => ({ kind: 'iam:user', id: name, tags })),
    ...keys.map(({ accessKeyId, userName }) => ({ kind: 'iam:access-key', id: accessKeyId, detail: { userName } })),
    ...identities.roles().map(({ name, tags }) => ({ kind: 'iam:role', id: name, tags })),
    ...identities
      .roles()
      .flatMap((role) =>
        Object.keys(role.inlinePolicies).map((name) => ({ kind: 'iam:role-policy', id: `${role.name}/${name}` })),
      ),
    ...identities.managedPolicies().map(({ arn, tags }) => ({ kind: 'iam:policy', id: arn, tags })),
    ...profiles.all().map(({ name, tags }) => ({ kind: 'iam:instance-profile', id: name, tags })),
  ];
}
