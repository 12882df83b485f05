/** `hostark bucket maintenance create|show|remove NAME`: the role that may delete, for operators alone. */
import { planMaintenance, removeMaintenance, runMaintenance, showMaintenance } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { confirm } from '../../terminal/confirm.ts';
import type { CommandCode } from '../../tree/command.ts';

interface CreateFlags extends CloudFlags {
  readonly prefix?: string;
  readonly principal?: string;
  readonly mfa?: boolean;
  readonly kmsKey?: string;
}

export const create: CommandCode<CreateFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planMaintenance(cloud.clients, {
      bucket: name!,
      mfa: flags.mfa ?? false,
      ...(flags.prefix === undefined ? {} : { prefix: flags.prefix }),
      ...(flags.principal === undefined ? {} : { principal: flags.principal }),
      ...(flags.kmsKey === undefined ? {} : { kmsKeyArn: flags.kmsKey }),
    });
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      out.print(`would create role ${plan.roleArn}: read, create and delete in ${plan.bucket}; never old versions,`);
      out.print('retention, or the bucket itself');
      return 0;
    }
    const role = await runMaintenance(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', ...role });
    out.print(`role ${role.roleArn} may delete in ${plan.bucket}, and no host may take it`);
    out.print('use it through a profile in ~/.aws/config, with --profile maintenance or AWS_PROFILE=maintenance:');
    out.print(`  [profile maintenance]\n  role_arn = ${role.roleArn}\n  source_profile = default`);
    return 0;
  });
};

export const show: CommandCode<CloudFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const role = await showMaintenance(cloud.clients, name!, cloud);
    out.data({ message_type: 'maintenance', bucket: name, exists: role !== null, ...role });
    if (role === null) {
      out.print(`bucket ${name} has no maintenance role; create it with: hostark bucket maintenance create ${name}`);
      return 1;
    }
    out.print(role.roleArn);
    out.print(`trust  ${JSON.stringify(role.trust)}`);
    out.print(`policy ${JSON.stringify(role.policy)}`);
    if (role.instanceProfiles.length === 0) return 0;
    throw new HostarkError(
      'not-healthy',
      `${role.roleName} is in instance profile ${role.instanceProfiles.join(', ')}`,
      {
        hint: 'its trust keeps EC2 from using it; take it out with: aws iam remove-role-from-instance-profile',
      },
    );
  });
};

export const remove: CommandCode<CloudFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const role = await showMaintenance(cloud.clients, name!, cloud);
    if (role !== null) out.say(`will delete role ${role.roleArn}`);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', bucket: name, role });
      return 0;
    }
    if (role !== null) await confirm(context, flags.yes, `this removes role ${role.roleName}`, name!);
    const removed = await removeMaintenance(cloud.clients, name!, cloud);
    out.data({ message_type: 'summary', bucket: name, removed });
    out.print(removed ? `the maintenance role of ${name} is gone` : `bucket ${name} has no maintenance role`);
    return 0;
  });
};
