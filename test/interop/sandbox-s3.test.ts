/**
 * The sandbox's S3 and STS driven by programs that were written for AWS: the AWS CLI and stock restic. Both must be on
 * the PATH; a test whose program is missing is skipped by name.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startSandbox } from '@hostark/sandbox';
import { afterAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);

function works(program: string, argument: string): boolean {
  try {
    execFileSync(program, [argument], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const directory = mkdtempSync(join(tmpdir(), 'hostark-interop-s3-'));
const box = await startSandbox({ directory: join(directory, 'sandbox') });
afterAll(async () => {
  await box.stop();
  rmSync(directory, { recursive: true, force: true });
});

// Version 1 of the CLI still presigns with signature version 2, which S3 refuses for buckets made since June 2020.
const configFile = join(directory, 'aws-config');
writeFileSync(configFile, '[default]\ns3 =\n  signature_version = s3v4\n');

/** Only what a program needs to find itself, and the sandbox's own credentials. */
const env: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: directory,
  AWS_PAGER: '',
  AWS_CONFIG_FILE: configFile,
  ...box.environment(),
};

/** Standard output; an error carries standard error in its message. */
async function aws(...args: string[]): Promise<string> {
  const { stdout } = await run('aws', args, { env, cwd: directory, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

function file(name: string, size: number, fill = 'sandbox '): string {
  const path = join(directory, name);
  writeFileSync(path, Buffer.alloc(size, fill));
  return path;
}

describe.skipIf(!works('aws', '--version'))('AWS CLI', () => {
  test('s3: mb, cp both ways (small and multipart), ls, rm, rb', async () => {
    await aws('s3', 'mb', 's3://cli-bucket');
    const [small, big] = [file('small', 1000), file('big', 20 * 1024 * 1024 + 7)];
    await aws('s3', 'cp', small, 's3://cli-bucket/dir/small ü+.txt');
    await aws('s3', 'cp', big, 's3://cli-bucket/dir/big');
    expect(await aws('s3', 'ls', 's3://cli-bucket')).toContain('PRE dir/');
    const listing = await aws('s3', 'ls', '--recursive', 's3://cli-bucket');
    expect(listing).toContain('1000 dir/small ü+.txt');
    expect(listing).toContain('20971527 dir/big');
    await aws('s3', 'cp', 's3://cli-bucket/dir/big', 'big.back');
    expect(readFileSync(join(directory, 'big.back')).equals(readFileSync(big))).toBe(true);
    await aws('s3', 'cp', 's3://cli-bucket/dir/big', 's3://cli-bucket/copy');
    await aws('s3', 'rm', '--recursive', 's3://cli-bucket');
    expect(await aws('s3', 'ls', '--recursive', 's3://cli-bucket').catch(() => '')).toBe('');
    await aws('s3', 'rb', 's3://cli-bucket');
  });

  test('s3 sync copies what changed and deletes what is gone', async () => {
    await aws('s3', 'mb', 's3://cli-sync');
    const tree = join(directory, 'tree');
    mkdirSync(join(tree, 'sub'), { recursive: true });
    for (const name of ['a', 'b', 'sub/c']) {
      writeFileSync(join(tree, name), name);
      // S3 keeps whole seconds, so a file of this very second would look newer than its copy.
      utimesSync(join(tree, name), 1_700_000_000, 1_700_000_000);
    }
    expect((await aws('s3', 'sync', tree, 's3://cli-sync/t')).match(/upload:/g)).toHaveLength(3);
    expect(await aws('s3', 'sync', tree, 's3://cli-sync/t')).not.toContain('upload:');
    rmSync(join(tree, 'b'));
    expect(await aws('s3', 'sync', '--delete', tree, 's3://cli-sync/t')).toContain('delete: s3://cli-sync/t/b');
    await aws('s3', 'sync', 's3://cli-sync/t', join(directory, 'back'));
    expect(readFileSync(join(directory, 'back/sub/c'), 'utf8')).toBe('sub/c');
    await aws('s3', 'rb', '--force', 's3://cli-sync');
  });

  test('s3api: a hardened bucket, versions, tags, conditional writes, presigned URLs', async () => {
    const api = async (operation: string, ...args: string[]): Promise<Record<string, unknown>> =>
      JSON.parse((await aws('s3api', operation, '--bucket', 'cli-api', ...args, '--output', 'json')) || '{}');
    await api('create-bucket', '--object-lock-enabled-for-bucket');
    await api(
      'put-public-access-block',
      '--public-access-block-configuration',
      'BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true',
    );
    await api('put-bucket-ownership-controls', '--ownership-controls', 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]');
    await api(
      'put-bucket-encryption',
      '--server-side-encryption-configuration',
      '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}',
    );
    await api(
      'put-bucket-lifecycle-configuration',
      '--lifecycle-configuration',
      '{"Rules":[{"ID":"parts","Status":"Enabled","Filter":{"Prefix":""},"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":7}}]}',
    );
    await api('put-bucket-tagging', '--tagging', 'TagSet=[{Key=team,Value=ops}]');
    const policy = {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'TlsOnly',
          Effect: 'Deny',
          Principal: '*',
          Action: 's3:*',
          Resource: ['arn:aws:s3:::cli-api', 'arn:aws:s3:::cli-api/*'],
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ],
    };
    await api('put-bucket-policy', '--policy', JSON.stringify(policy));
    expect(JSON.parse((await api('get-bucket-policy')).Policy as string)).toEqual(policy);
    expect(await api('get-bucket-versioning')).toEqual({ Status: 'Enabled' });
    expect(await api('get-bucket-tagging')).toEqual({ TagSet: [{ Key: 'team', Value: 'ops' }] });
    expect(await api('get-bucket-lifecycle-configuration')).toMatchObject({ Rules: [{ ID: 'parts' }] });

    const body = file('body', 5);
    await api('put-object', '--key', 'k', '--body', body, '--if-none-match', '*', '--checksum-algorithm', 'SHA256');
    await expect(api('put-object', '--key', 'k', '--body', body, '--if-none-match', '*')).rejects.toThrow(
      'PreconditionFailed',
    );
    await api('delete-object', '--key', 'k');
    const versions = await api('list-object-versions');
    expect(versions).toMatchObject({
      Versions: [{ Key: 'k', IsLatest: false }],
      DeleteMarkers: [{ Key: 'k', IsLatest: true }],
    });
    await api('put-object', '--key', 'p', '--body', body);
    const url = (await aws('s3', 'presign', 's3://cli-api/p')).trim();
    expect(await (await fetch(url)).text()).toBe('sandb');
    expect((await fetch(`${url}0`)).status).toBe(403);
  });

  test('sts get-caller-identity names the administrator', async () => {
    expect(JSON.parse(await aws('sts', 'get-caller-identity', '--output', 'json'))).toMatchObject({
      Account: box.accountId,
    });
  });

  test('errors are those of AWS', async () => {
    await expect(aws('s3api', 'head-bucket', '--bucket', 'cli-nothing')).rejects.toThrow('404');
    await expect(aws('s3api', 'get-object', '--bucket', 'cli-nothing', '--key', 'k', 'out')).rejects.toThrow(
      'NoSuchBucket',
    );
    await expect(aws('s3api', 'create-bucket', '--bucket', 'Bad_Name')).rejects.toThrow(
      /InvalidBucketName|Invalid bucket name/,
    );
    await expect(aws('s3api', 'get-bucket-cors', '--bucket', 'cli-nothing')).rejects.toThrow('NotImplemented');
  });
});

describe.skipIf(!works('restic', 'version'))('stock restic', () => {
  test('init, backup, check, restore, forget with prune', async () => {
    const source = join(directory, 'source');
    cpSync(join(import.meta.dirname, '../../packages/sandbox/src'), source, { recursive: true });
    writeFileSync(join(source, 'big'), Buffer.alloc(40 * 1024 * 1024, 'r'));
    const restic = async (...args: string[]): Promise<string> => {
      const repository = `s3:${box.endpoint}/restic-bucket/hosts/one`;
      const all = ['-r', repository, '--no-cache', ...args];
      const { stdout } = await run('restic', all, { env: { ...env, RESTIC_PASSWORD: 'sandbox' }, cwd: directory });
      return stdout;
    };
    await restic('init');
    await restic('backup', source);
    writeFileSync(join(source, 'new'), 'new');
    await restic('backup', source);
    expect(await restic('check', '--read-data')).toContain('no errors were found');
    await restic('restore', 'latest', '--target', join(directory, 'restored'), '--verify');
    expect(readFileSync(join(directory, 'restored', source, 'new'), 'utf8')).toBe('new');
    await restic('forget', '--keep-last', '1', '--prune');
    expect(await restic('check', '--read-data')).toContain('no errors were found');
  });
});
