/** What an instance's metadata endpoint shows: a tree of paths, directories as lists of names, leaves as text. */
import type { IdentityStore, RoleRecord, SessionRecord } from '../auth/identities.ts';
import type { InstanceRecord } from '../ec2/model.ts';
import type { ProfileStore } from '../iam/profiles.ts';

export interface MetadataSubject {
  readonly instance: InstanceRecord;
  readonly region: string;
  readonly accountId: string;
  readonly identities: IdentityStore;
  readonly profiles: ProfileStore;
  readonly now: () => number;
  /** Null when it has none. */
  readonly publicIp: () => string | null;
  /** Whether the role's trust policy lets EC2 take it on. */
  readonly mayAssume: (role: RoleRecord) => boolean;
}

/** Validity of the credentials handed out, as on AWS. */
const SESSION_SECONDS = 6 * 3600;
/** A new session is handed out when the old one has less than this left. */
const RENEW_MS = 3600_000;

type Leaf = () => string | null;

/** A function from a path below /latest/ to its text. It keeps the current credentials and renews them in time. */
export function metadataContent(subject: MetadataSubject): (path: string) => string | null {
  const credentials = roleCredentials(subject);
  return (path) => lookUp(leaves(subject, credentials), path);
}

function lookUp(tree: ReadonlyMap<string, Leaf>, path: string): string | null {
  const leaf = tree.get(path.replace(/\/$/, ''));
  if (leaf) return leaf();
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`;
  const names = new Set<string>();
  for (const key of tree.keys()) {
    if (!key.startsWith(prefix)) continue;
    const [name = '', ...below] = key.slice(prefix.length).split('/');
    names.add(below.length > 0 ? `${name}/` : name);
  }
  return names.size === 0 ? null : [...names].sort().join('\n');
}

function leaves(subject: MetadataSubject, credentials: RoleCredentials): Map<string, Leaf> {
  const { instance, region } = subject;
  const text = (value: string): Leaf => (() => value) as Leaf;
  const tree = new Map<string, Leaf>([
    ['meta-data/ami-id', text(instance.imageId)],
    ['meta-data/hostname', text(privateName(instance, region))],
    ['meta-data/instance-id', text(instance.id)],
    ['meta-data/instance-type', text(instance.instanceType)],
    ['meta-data/local-hostname', text(privateName(instance, region))],
    ['meta-data/local-ipv4', text(instance.privateIp)],
    ['meta-data/instance-life-cycle', text(instance.spotRequestId === undefined ? 'on-demand' : 'spot')],
    ['meta-data/placement/availability-zone', text(instance.zone)],
    ['meta-data/placement/region', text(region)],
    ['meta-data/reservation-id', text(instance.reservationId)],
    ['meta-data/services/domain', text('amazonaws.com')],
    ['meta-data/services/partition', text('aws')],
    ['dynamic/instance-identity/document', () => identityDocument(subject)],
  ]);
  const publicIp = subject.publicIp();
  if (publicIp !== null) tree.set('meta-data/public-ipv4', text(publicIp));
  const { interruption } = instance;
  if (interruption !== undefined) {
    const time = isoSeconds(interruption.at);
    tree.set('meta-data/spot/instance-action', text(JSON.stringify({ action: interruption.action, time })));
    if (interruption.action === 'terminate') tree.set('meta-data/spot/termination-time', text(time));
  }
  if (instance.userData !== '') tree.set('user-data', () => Buffer.from(instance.userData, 'base64').toString('utf8'));
  const [key] = instance.publicKeys;
  if (instance.keyName !== null && key !== undefined) {
    tree.set('meta-data/public-keys/0/openssh-key', text(`${key} ${instance.keyName}\n`));
    tree.set('meta-data/public-keys', text(`0=${instance.keyName}`));
  }
  if (instance.metadata.instanceTags === 'enabled')
    for (const [name, value] of Object.entries(instance.tags)) tree.set(`meta-data/tags/instance/${name}`, text(value));
  const role = credentials.roleName();
  if (role !== null) {
    tree.set('meta-data/iam/info', () => credentials.info());
    tree.set('meta-data/iam/security-credentials', text(role));
    tree.set(`meta-data/iam/security-credentials/${role}`, () => credentials.document());
  }
  return tree;
}

/** `ip-172-31-5-9.ec2.internal`, or with the region elsewhere than in us-east-1. */
export function privateName(instance: Pick<InstanceRecord, 'privateIp'>, region: string): string {
  const domain = region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`;
  return `ip-${instance.privateIp.replaceAll('.', '-')}.${domain}`;
}

function identityDocument({ instance, region, accountId }: MetadataSubject): string {
  const document = {
    accountId,
    architecture: instance.architecture,
    availabilityZone: instance.zone,
    imageId: instance.imageId,
    instanceId: instance.id,
    instanceType: instance.instanceType,
    pendingTime: isoSeconds(instance.launchTime),
    privateIp: instance.privateIp,
    region,
    version: '2017-09-30',
  };
  return JSON.stringify(document, null, 2);
}

/** Metadata tells times without fractions. */
function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z/, 'Z');
}

/** What AWS shows when the trust policy leaves EC2 out. */
function untrusted(role: string, LastUpdated: string): string {
  const Message = `EC2 cannot assume the role ${role}. Please see documentation at https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc.`;
  return JSON.stringify({ Code: 'AssumeRoleUnauthorizedAccess', Message, LastUpdated }, null, 2);
}

interface RoleCredentials {
  /** The role that the instance has now, or null. */
  roleName(): string | null;
  info(): string | null;
  document(): string | null;
}

function roleCredentials(subject: MetadataSubject): RoleCredentials {
  const { instance, identities, profiles, region, accountId, now } = subject;
  let session: SessionRecord | null = null;
  const profile = () => (instance.association ? profiles.byArn(instance.association.arn) : null);
  const roleName = (): string | null => {
    const name = profile()?.roleName ?? null;
    return name !== null && identities.role(name) !== null ? name : null;
  };
  return {
    roleName,
    info: () =>
      JSON.stringify({
        Code: 'Success',
        LastUpdated: isoSeconds(instance.association?.since ?? now()),
        InstanceProfileArn: instance.association?.arn,
        InstanceProfileId: instance.association?.id,
      }),
    document: () => {
      const role = roleName();
      const record = role === null ? null : identities.role(role);
      if (role === null || record === null) return null;
      if (!subject.mayAssume(record)) return untrusted(role, isoSeconds(now()));
      const current =
        session?.of.kind === 'role' && session.of.roleName === role && identities.credential(session.accessKeyId);
      if (session === null || !current || session.expiresAt - now() < RENEW_MS) {
        session = identities.openSession(
          { kind: 'role', roleName: role, sessionName: instance.id },
          { seconds: SESSION_SECONDS, instanceArn: `arn:aws:ec2:${region}:${accountId}:instance/${instance.id}` },
        );
      }
      return JSON.stringify(
        {
          Code: 'Success',
          LastUpdated: isoSeconds(session.issuedAt),
          Type: 'AWS-HMAC',
          AccessKeyId: session.accessKeyId,
          SecretAccessKey: session.secretAccessKey,
          Token: session.sessionToken,
          Expiration: isoSeconds(session.expiresAt),
        },
        null,
        2,
      );
    },
  };
}
