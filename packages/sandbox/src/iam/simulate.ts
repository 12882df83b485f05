/** SimulatePrincipalPolicy: the sandbox's own evaluation, asked about a user or role for actions and resources. */
import type { Principal } from '../auth/principal.ts';
import { ServiceError } from '../http/service-error.ts';
import { conditionContext } from '../policy/context.ts';
import { parsePolicy } from '../policy/document.ts';
import { evaluate } from '../policy/evaluate.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, list, noSuch, type Operation, paged, policyIn } from './call.ts';

const simulate: Operation = (call) => {
  const { parameters } = call;
  const source = parameters.required('PolicySourceArn');
  authorize(call, source);
  const principal = principalOf(call, source);
  const policies = call.context.identities.policiesOf(principal);
  const extra = parameters.list('PolicyInputList');
  const resourcePolicy =
    parameters.get('ResourcePolicy') === undefined ? null : policyIn(call, 'ResourcePolicy', 'resource');
  const applicable = {
    identity: [...policies.identity, ...extra].map((text) => parsePolicy(text, 'identity')),
    boundary: policies.boundary === null ? null : parsePolicy(policies.boundary, 'identity'),
    session: [],
    resource: resourcePolicy === null ? null : parsePolicy(resourcePolicy, 'resource'),
  };
  const context = contextOf(call, principal);
  const resources = parameters.list('ResourceArns');
  const questions = parameters
    .list('ActionNames')
    .flatMap((action) => (resources.length > 0 ? resources : ['*']).map((resource) => ({ action, resource })));
  return paged(call, 'EvaluationResults', questions, ({ action, resource }): XmlValue => {
    const decision = evaluate({ principal, action, resource, context }, applicable);
    return {
      EvalActionName: action,
      EvalResourceName: resource,
      EvalDecision: decision.allowed ? 'allowed' : decision.explicit ? 'explicitDeny' : 'implicitDeny',
      MatchedStatements: list([]),
      MissingContextValues: list([]),
    };
  });
};

function principalOf(call: Call, source: string): Exclude<Principal, { kind: 'anonymous' }> {
  const { identities, accountId } = call.context;
  const role = identities.roles().find((one) => identities.roleArn(one) === source);
  if (role)
    return {
      ...{ kind: 'assumed-role', accountId, roleArn: source, roleName: role.name, sessionName: 'simulation' },
      arn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/simulation`,
      userId: `${role.id}:simulation`,
      tags: role.tags,
      accessKeyId: '',
    };
  const user = identities.users().find((one) => identities.userArn(one) === source);
  if (user)
    return {
      ...{ kind: 'user', accountId, arn: source, userId: user.id },
      userName: user.name,
      tags: user.tags,
      accessKeyId: '',
    };
  if (!/:(user|role)\//.test(source)) throw new ServiceError(400, 'InvalidInput', `Invalid Entity Arn: ${source}`);
  throw noSuch(`The entity ${source} cannot be found.`);
}

function contextOf(call: Call, principal: Exclude<Principal, { kind: 'anonymous' }>) {
  const given: Record<string, readonly string[]> = {};
  for (const entry of call.parameters.structures('ContextEntries'))
    given[entry.required('ContextKeyName')] = entry.list('ContextKeyValues');
  const tags = Object.fromEntries(
    Object.entries(principal.tags).map(([key, value]) => [`aws:PrincipalTag/${key}`, value]),
  );
  const own = {
    'aws:PrincipalArn': principal.kind === 'user' ? principal.arn : principal.roleArn,
    'aws:PrincipalAccount': principal.accountId,
    'aws:userid': principal.userId,
    'aws:username': principal.kind === 'user' ? principal.userName : undefined,
  };
  return conditionContext(own, tags, given);
}

export const SIMULATION_OPERATIONS: Readonly<Record<string, Operation>> = { SimulatePrincipalPolicy: simulate };
