/** Launches a host: role, key pair, security group, instance, each on the ledger before it exists. */
import type { AwsClients } from './clients.ts';
import type { IdentityPlan } from './identity.ts';
import type { AskOptions, RunOptions } from './run.ts';

export interface LaunchRequest {
  /** 1-40 characters of a-z 0-9 and -, unique among the hosts of a state directory. */
  readonly name: string;
  /** The bucket the host may back up into; without it the host gets no role. */
  readonly bucket?: string;
  /** Default `hosts/<name>/`. */
  readonly prefix?: string;
  readonly initialize?: boolean;
  readonly kmsKeyArn?: string;
  /** An alias of images.ts ('al2023', 'debian-12', 'ubuntu-24.04') or an AMI id. Default 'al2023'. */
  readonly image?: string;
  readonly architecture?: 'x86_64' | 'arm64';
  /** Default t3.small, t4g.small for arm64. */
  readonly instanceType?: string;
  readonly subnet?: string;
  readonly vpc?: string;
  readonly zone?: string;
  /** CIDR blocks that may reach SSH. Required except on a loopback endpoint, where it is 127.0.0.1/32. */
  readonly sshFrom?: readonly string[];
  readonly volumeGiB?: number;
  /** Login user; default: the image's. */
  readonly user?: string;
}

export interface LaunchPlan {
  readonly kind: 'launch';
  readonly name: string;
  readonly region: string;
  readonly account: string;
  readonly endpoint: string | null;
  readonly image: {
    readonly id: string;
    readonly alias: string | null;
    readonly name: string;
    readonly rootDevice: string;
    readonly user: string;
  };
  readonly architecture: 'x86_64' | 'arm64';
  readonly instanceType: string;
  readonly network: {
    readonly vpc: string;
    readonly subnet: string;
    readonly zone: string;
    readonly sshFrom: readonly string[];
    readonly securityGroupName: string;
  };
  readonly volume: { readonly sizeGiB: number; readonly type: 'gp3'; readonly encrypted: true };
  readonly keyName: string;
  readonly identity: IdentityPlan | null;
  readonly price: {
    /** Dollars; null when the price file does not know the type or the region. */
    readonly instanceHourly: number | null;
    readonly volumeMonthly: number | null;
    readonly addressHourly: number | null;
    readonly asOf: string;
    readonly source: string;
  };
  /** One line each, for people. */
  readonly steps: readonly string[];
}

/** Resolves image, network and price; creates nothing. Bad input is refused here with the rule and the fix. */
export function planLaunch(clients: AwsClients, request: LaunchRequest, options: AskOptions = {}): Promise<LaunchPlan> {
  throw new Error(`not implemented: ${clients.region} ${request.name} ${options.signal}`);
}

/** A host of ours: what the cloud says, joined with what this machine remembers. */
export interface Host {
  readonly name: string;
  readonly instanceId: string;
  /** EC2's word: 'pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'. */
  readonly state: string;
  /** Where SSH answers; null while it has no address. */
  readonly address: string | null;
  readonly port: number;
  readonly user: string;
  /** Path of the private key on this machine (mode 0600), or null when this machine has none. */
  readonly privateKeyFile: string | null;
  /** OpenSSH public key lines that the host must present; empty when this machine does not know them. */
  readonly hostKeys: readonly string[];
  readonly region: string;
  readonly zone: string | null;
  readonly instanceType: string;
  readonly image: string;
  readonly launched: string | null;
  readonly bucket: string | null;
  readonly prefix: string | null;
  /** Whether this state directory launched it. */
  readonly known: boolean;
}

/** Runs the plan, or continues an earlier run of the same name that was killed. Resolves when the instance runs and has an address. */
export function launchHost(clients: AwsClients, plan: LaunchPlan, options: RunOptions): Promise<Host> {
  throw new Error(`not implemented: ${clients.region} ${plan.name} ${options.ledger.directory}`);
}
