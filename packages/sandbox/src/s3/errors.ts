/** The errors of S3 (API reference, "Error responses"), each with its status and words. */
import { ServiceError } from '../http/service-error.ts';

export function noSuchBucket(bucket: string): ServiceError {
  return new ServiceError(404, 'NoSuchBucket', 'The specified bucket does not exist', {
    fields: { BucketName: bucket },
  });
}

export function noSuchKey(key: string, headers: Readonly<Record<string, string>> = {}): ServiceError {
  return new ServiceError(404, 'NoSuchKey', 'The specified key does not exist.', { fields: { Key: key }, headers });
}

export function noSuchVersion(key: string, versionId: string): ServiceError {
  return new ServiceError(404, 'NoSuchVersion', 'The specified version does not exist.', {
    fields: { Key: key, VersionId: versionId },
  });
}

export function noSuchUpload(uploadId: string): ServiceError {
  return new ServiceError(
    404,
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    { fields: { UploadId: uploadId } },
  );
}

export function accessDenied(message = 'Access Denied'): ServiceError {
  return new ServiceError(403, 'AccessDenied', message);
}

export function invalidArgument(message: string, name: string, value: string): ServiceError {
  return new ServiceError(400, 'InvalidArgument', message, { fields: { ArgumentName: name, ArgumentValue: value } });
}

export function invalidRequest(message: string): ServiceError {
  return new ServiceError(400, 'InvalidRequest', message);
}

export function malformedXml(): ServiceError {
  return new ServiceError(
    400,
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
}

export function preconditionFailed(condition: string): ServiceError {
  return new ServiceError(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    fields: { Condition: condition },
  });
}

export function notImplemented(what: string): ServiceError {
  return new ServiceError(501, 'NotImplemented', `The sandbox does not implement ${what}.`, {
    fields: { Operation: what },
  });
}

/** The bucket lives in another region than the one signed for. */
export function otherRegion(bucket: string, region: string): ServiceError {
  return new ServiceError(
    301,
    'PermanentRedirect',
    'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.',
    {
      fields: { Bucket: bucket, Region: region, Endpoint: `${bucket}.s3.${region}.amazonaws.com` },
      headers: { 'x-amz-bucket-region': region },
    },
  );
}
