/** The checksums of S3 (`x-amz-checksum-*`) behind one small interface. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { CRC32C_POLYNOMIAL, CRC64NVME_POLYNOMIAL, Crc } from './crc.ts';

export const CHECKSUM_ALGORITHMS = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

export interface Checksum {
  update(data: Uint8Array): void;
  /** Once, at the end. */
  digest(): Uint8Array;
}

export const DIGEST_BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
};

/** A fresh checksum. */
export function checksum(algorithm: ChecksumAlgorithm): Checksum {
  switch (algorithm) {
    case 'crc32':
      return zlibCrc32();
    case 'crc32c':
      return new Crc(CRC32C_POLYNOMIAL, 32);
    case 'crc64nvme':
      return new Crc(CRC64NVME_POLYNOMIAL, 64);
    default: {
      const hash = createHash(algorithm);
      return { update: (data) => void hash.update(data), digest: () => hash.digest() };
    }
  }
}

function zlibCrc32(): Checksum {
  let value = 0;
  return {
    update: (data) => {
      value = crc32(data, value);
    },
    digest: () => {
      const out = Buffer.alloc(4);
      out.writeUInt32BE(value);
      return out;
    },
  };
}

/** Algorithm of a header name such as `x-amz-checksum-crc32`, or null. */
export function checksumOfHeader(name: string): ChecksumAlgorithm | null {
  return CHECKSUM_ALGORITHMS.find((algorithm) => name === `x-amz-checksum-${algorithm}`) ?? null;
}
