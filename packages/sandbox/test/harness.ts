/** A sandbox of its own for a test file, SDK clients for any principal, and the shortest ways to make principals. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';
import { afterAll } from 'vitest';
import { IdentityStore, newSecret, type RoleRecord, uniqueId } from '../src/auth/identities.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../src/index.ts';

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A fresh folder that is removed after the test file. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'hostark-sandbox-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts a sandbox that stops after the test file. */
export async function sandbox(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const started = await startSandbox({ directory: temporaryDirectory(), durable: false, ...options });
  afterAll(() => started.stop());
  return started;
}

/** A client that fails at once instead of trying again. */
export function s3Client(box: Sandbox, keys: Keys = box.adminCredentials, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint: box.endpoint,
    region: box.region,
    credentials: { ...keys },
    forcePathStyle: true,
    maxAttempts: 1,
    ...config,
  });
  afterAll(() => client.destroy());
  return client;
}

export function stsClient(box: Sandbox, keys: Keys = box.adminCredentials): STSClient {
  const client = new STSClient({
    endpoint: box.endpoint,
    region: box.region,
    credentials: { ...keys },
    maxAttempts: 1,
  });
  afterAll(() => client.destroy());
  return client;
}

export type StatementInput = Readonly<Record<string, unknown>>;

export function policyText(...statements: readonly StatementInput[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

export interface Principals {
  user(name: string, statements: readonly StatementInput[], tags?: Record<string, string>): Keys;
  role(name: string, trust: string, statements: readonly StatementInput[], more?: Partial<RoleRecord>): RoleRecord;
}

/**
 * Users and roles written into the account before the sandbox starts, since IAM's own service is tested elsewhere.
 * Returns what `fill` returned, and the sandbox.
 */
export async function sandboxWith<T>(
  fill: (principals: Principals, accountId: string) => T,
  options: Partial<SandboxOptions> = {},
): Promise<{ box: Sandbox; made: T }> {
  const directory = options.directory ?? temporaryDirectory();
  const store = new IdentityStore(directory, options.now ?? Date.now);
  const holder = (statements: readonly StatementInput[]) => ({
    path: '/',
    createdAt: 0,
    tags: {},
    inlinePolicies: statements.length === 0 ? {} : { inline: policyText(...statements) },
    attachedPolicyArns: [],
  });
  const made = fill(
    {
      user: (name, statements, tags = {}) => {
        store.putUser({ ...holder(statements), name, id: uniqueId('AIDA'), tags });
        const keys = { accessKeyId: uniqueId('AKIA'), secretAccessKey: newSecret() };
        store.putAccessKey({ ...keys, userName: name, active: true, createdAt: 0 });
        return keys;
      },
      role: (name, trust, statements, more = {}) => {
        const role = {
          ...holder(statements),
          name,
          id: uniqueId('AROA'),
          description: '',
          trustPolicy: trust,
          maxSessionSeconds: 3600,
          ...more,
        };
        store.putRole(role);
        return role;
      },
    },
    store.accountId,
  );
  return { box: await sandbox({ ...options, directory }), made };
}

/** Code and status of what a call is refused with; throws when it succeeds. */
export async function refusal(promise: Promise<unknown>): Promise<{ code: string; status: number; message: string }> {
  try {
    await promise;
  } catch (error) {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    return { code: name, status: $metadata?.httpStatusCode ?? 0, message };
  }
  throw new Error('expected a refusal, got success');
}
