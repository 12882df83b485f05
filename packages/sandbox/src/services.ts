/** Every service of the sandbox, in the order in which they start: the folder of its state, and its factory. */
import { ec2Service } from './ec2/service.ts';
import type { ServiceFactory } from './http/service.ts';
import { iamService } from './iam/service.ts';
import { s3Service } from './s3/service.ts';
import { ssmService } from './ssm/service.ts';
import { stsService } from './sts/service.ts';

export const SERVICES: readonly (readonly [folder: string, ServiceFactory])[] = [
  ['s3', s3Service],
  ['sts', stsService],
  ['iam', iamService],
  ['ssm', ssmService],
  ['ec2', ec2Service],
];
