/** Where requests go, for every way in which a location names a bucket. */
import { expect, test } from 'vitest';
import { type Addressing, addressOf } from '../../src/backends/s3/address.ts';
import { parseS3Location } from '../../src/backends/s3/location.ts';

const amazon = 's3.eu-west-1.amazonaws.com';

test.each<[string, Partial<Addressing>, string]>([
  [`s3:${amazon}/my-backups/a`, {}, `https my-backups.${amazon}:443 my-backups.${amazon} `],
  [`s3:${amazon}/my-backups`, { lookup: 'path' }, `https ${amazon}:443 ${amazon} /my-backups`],
  [`s3:${amazon}/my.backups`, {}, `https ${amazon}:443 ${amazon} /my.backups`],
  [`s3:${amazon}/My_Backups`, { lookup: 'dns' }, `https ${amazon}:443 ${amazon} /My_Backups`],
  [
    's3:s3.amazonaws.com/b-1',
    { region: 'eu-north-1' },
    'https b-1.s3.eu-north-1.amazonaws.com:443 b-1.s3.eu-north-1.amazonaws.com ',
  ],
  [
    `s3:${amazon}/b-1`,
    { region: 'us-west-2', moved: true },
    'https b-1.s3.us-west-2.amazonaws.com:443 b-1.s3.us-west-2.amazonaws.com ',
  ],
  [
    's3:s3.cn-north-1.amazonaws.com.cn/b-1',
    { region: 'cn-northwest-1', moved: true },
    'https b-1.s3.cn-northwest-1.amazonaws.com.cn:443 b-1.s3.cn-northwest-1.amazonaws.com.cn ',
  ],
  ['s3:https://minio.example:9000/b-1', {}, 'https minio.example:9000 minio.example:9000 /b-1'],
  ['s3:https://minio.example:9000/b-1', { moved: true }, 'https minio.example:9000 minio.example:9000 /b-1'],
  ['s3:http://minio.example/b.1', { lookup: 'dns' }, 'http b.1.minio.example:80 b.1.minio.example '],
  ['s3:https://minio.example:443/b-1', {}, 'https minio.example:443 minio.example /b-1'],
  ['s3:http://127.0.0.1:9000/b-1', { lookup: 'dns' }, 'http 127.0.0.1:9000 127.0.0.1:9000 /b-1'],
  ['s3:http://[::1]:9000/b-1', { lookup: 'dns' }, 'http ::1:9000 [::1]:9000 /b-1'],
])('%s with %o', (location, addressing, expected) => {
  const options = { region: 'eu-west-1', lookup: 'auto', moved: false, ...addressing } as const;
  const { tls, hostname, port, host, root } = addressOf(parseS3Location(location), options);
  expect(`${tls ? 'https' : 'http'} ${hostname}:${port} ${host} ${root}`).toBe(expected);
});
