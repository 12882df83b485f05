/** Credentials: asked for once, again in time, and from the environment in the SDK's order. */
import { afterEach, expect, test, vi } from 'vitest';
import { CredentialKeeper, credentialSource, type Expiring } from '../../src/backends/s3/credentials.ts';

const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'not-a-secret' };
const minutes = (count: number): Date => new Date(Date.now() + count * 60_000);

/** A source that numbers its answers, and counts them. */
function numbered(expiration?: (nth: number) => Date): { keeper: CredentialKeeper; asked: () => number } {
  let count = 0;
  const keeper = new CredentialKeeper(async (): Promise<Expiring> => {
    const nth = count++;
    const end = expiration?.(nth);
    return { ...KEYS, accessKeyId: `AKIA${nth}`, ...(end === undefined ? {} : { expiration: end }) };
  });
  return { keeper, asked: () => count };
}

test('those without an end are asked for once, however many want them at the same time', async () => {
  const { keeper, asked } = numbered();
  const all = await Promise.all(Array.from({ length: 10 }, () => keeper.get()));
  expect(new Set(all.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(['AKIA0']));
  await keeper.get();
  expect(asked()).toBe(1);
});

test('those that end within five minutes are asked for again, others are kept', async () => {
  const { keeper, asked } = numbered((nth) => minutes(nth === 0 ? 4 : 6));
  expect((await keeper.get()).accessKeyId).toBe('AKIA0');
  for (let i = 0; i < 3; i++) expect((await keeper.get()).accessKeyId).toBe('AKIA1');
  expect(asked()).toBe(2);
});

test('a source that fails is asked again', async () => {
  let failures = 1;
  const keeper = new CredentialKeeper(async () => {
    if (failures-- > 0) throw new Error('not yet');
    return KEYS;
  });
  await expect(keeper.get()).rejects.toThrow('not yet');
  expect(await keeper.get()).toEqual(KEYS);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test('the environment gives keys, token and end', async () => {
  vi.stubEnv('AWS_PROFILE', undefined);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENV');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'env');
  vi.stubEnv('AWS_SESSION_TOKEN', undefined);
  const source = credentialSource(undefined, undefined, 'eu-west-1');
  expect(await source()).toEqual({ accessKeyId: 'AKIAENV', secretAccessKey: 'env' });
  vi.stubEnv('AWS_SESSION_TOKEN', 'token');
  vi.stubEnv('AWS_CREDENTIAL_EXPIRATION', '2030-01-01T00:00:00Z');
  expect(await source()).toEqual({
    accessKeyId: 'AKIAENV',
    secretAccessKey: 'env',
    sessionToken: 'token',
    expiration: new Date('2030-01-01T00:00:00Z'),
  });
});

test('what is given goes before the environment, and a profile before its keys', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENV');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'env');
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  expect(await credentialSource(KEYS, 'ignored', 'eu-west-1')()).toEqual(KEYS);
  const named = credentialSource(undefined, 'not-there', 'eu-west-1');
  await expect(named()).rejects.toMatchObject({ name: 'CredentialsProviderError' });
});
