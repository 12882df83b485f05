/** Validation of the bucket configurations that are kept as XML (S3 API reference, the Put operation of each). */
import { child, childrenOf, childText, type XmlElement } from '../xml/parse.ts';
import { escapeXml } from '../xml/write.ts';
import { invalidArgument, invalidRequest, malformedXml } from './errors.ts';
import { STORAGE_CLASSES } from './records.ts';

/** Only these children, each at most once unless it is in `many`. */
function only(element: XmlElement, names: readonly string[], many: readonly string[] = []): void {
  const seen = new Set<string>();
  for (const { name } of element.children) {
    if (!names.includes(name) && !many.includes(name)) throw malformedXml();
    if (seen.has(name) && !many.includes(name)) throw malformedXml();
    seen.add(name);
  }
}

function oneOf(element: XmlElement, name: string, values: readonly string[]): string {
  const value = childText(element, name);
  if (value === null || !values.includes(value)) throw malformedXml();
  return value;
}

function positive(element: XmlElement, name: string): number | null {
  const text = childText(element, name);
  if (text === null) return null;
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0)
    throw invalidArgument(`'${name}' for the action must be a positive integer`, name, text);
  return value;
}

const BOOLEANS = ['true', 'false', 'TRUE', 'FALSE', 'True', 'False'];

export function checkPublicAccessBlock(root: XmlElement): void {
  const names = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'];
  only(root, names);
  for (const { name } of root.children) oneOf(root, name, BOOLEANS);
}

export function checkOwnershipControls(root: XmlElement): void {
  only(root, ['Rule']);
  const rule = child(root, 'Rule');
  if (rule === null) throw malformedXml();
  oneOf(rule, 'ObjectOwnership', ['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter']);
}

export function checkVersioning(root: XmlElement): void {
  only(root, ['Status', 'MfaDelete']);
  oneOf(root, 'Status', ['Enabled', 'Suspended']);
  if (childText(root, 'MfaDelete') === 'Enabled')
    throw invalidRequest('The sandbox has no MFA devices; MfaDelete cannot be enabled.');
}

export function checkEncryption(root: XmlElement): void {
  only(root, ['Rule']);
  const rule = child(root, 'Rule');
  if (rule === null) throw malformedXml();
  only(rule, ['ApplyServerSideEncryptionByDefault', 'BucketKeyEnabled', 'BlockedEncryptionTypes']);
  const byDefault = child(rule, 'ApplyServerSideEncryptionByDefault');
  if (byDefault !== null) {
    only(byDefault, ['SSEAlgorithm', 'KMSMasterKeyID']);
    const algorithm = oneOf(byDefault, 'SSEAlgorithm', ['AES256', 'aws:kms', 'aws:kms:dsse']);
    if (algorithm === 'AES256' && child(byDefault, 'KMSMasterKeyID') !== null)
      throw invalidArgument(
        'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse',
        'KMSMasterKeyID',
        '',
      );
  }
  const blocked = child(rule, 'BlockedEncryptionTypes');
  for (const type of blocked === null ? [] : childrenOf(blocked, 'EncryptionType'))
    if (!['SSE-C', 'NONE'].includes(type.text.trim())) throw malformedXml();
}

export function checkTagging(root: XmlElement): void {
  tagsOf(root, 50);
}

/** Tags of a `Tagging` or similar element. Throws InvalidTag, MalformedXML. */
export function tagsOf(root: XmlElement, most: number): Record<string, string> {
  only(root, ['TagSet']);
  const set = child(root, 'TagSet');
  if (set === null) throw malformedXml();
  only(set, [], ['Tag']);
  const pairs = set.children.map((tag): [string, string] => {
    only(tag, ['Key', 'Value']);
    const [key, value] = [child(tag, 'Key'), child(tag, 'Value')];
    if (key === null || value === null) throw malformedXml();
    return [key.text, value.text];
  });
  return checkTags(pairs, most);
}

/** S3 user guide, "Categorizing your storage using tags". Throws InvalidTag, BadRequest. */
export function checkTags(pairs: readonly (readonly [string, string])[], most: number): Record<string, string> {
  if (pairs.length > most)
    throw invalidArgument(`Object tags cannot be greater than ${most}`, 'Tagging', String(pairs.length));
  const tags: Record<string, string> = {};
  for (const [key, value] of pairs) {
    const good = key.length >= 1 && key.length <= 128 && value.length <= 256 && !key.startsWith('aws:');
    if (!good || !/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u.test(key + value))
      throw invalidArgument('The TagKey or TagValue you have provided is invalid', 'Tag', key);
    if (Object.hasOwn(tags, key)) throw invalidArgument('Cannot provide multiple Tags with the same key', 'Tag', key);
    tags[key] = value;
  }
  return tags;
}

const RULE_PARTS = [
  'ID',
  'Prefix',
  'Filter',
  'Status',
  'Expiration',
  'NoncurrentVersionExpiration',
  'AbortIncompleteMultipartUpload',
];

export function checkLifecycle(root: XmlElement): void {
  only(root, [], ['Rule']);
  const rules = childrenOf(root, 'Rule');
  if (rules.length === 0 || rules.length > 1000) throw malformedXml();
  const ids = rules.flatMap((rule) => childText(rule, 'ID') ?? []);
  if (new Set(ids).size !== ids.length)
    throw invalidArgument('Rule ID must be unique. Found same ID for more than one rule', 'ID', '');
  for (const rule of rules) checkLifecycleRule(rule);
}

function checkLifecycleRule(rule: XmlElement): void {
  only(rule, RULE_PARTS, ['Transition', 'NoncurrentVersionTransition']);
  oneOf(rule, 'Status', ['Enabled', 'Disabled']);
  if ((childText(rule, 'ID') ?? '').length > 255)
    throw invalidArgument('ID length should not exceed allowed limit of 255', 'ID', '');
  const [prefix, filter] = [child(rule, 'Prefix'), child(rule, 'Filter')];
  if ((prefix === null) === (filter === null)) throw malformedXml();
  if (filter !== null) {
    only(filter, ['Prefix', 'Tag', 'And', 'ObjectSizeGreaterThan', 'ObjectSizeLessThan']);
    if (filter.children.length > 1) throw malformedXml();
  }
  const actions = rule.children.filter(({ name }) => !['ID', 'Prefix', 'Filter', 'Status'].includes(name));
  if (actions.length === 0) throw invalidRequest('At least one action needs to be specified in a rule');
  for (const action of actions) checkLifecycleAction(action);
}

function checkLifecycleAction(action: XmlElement): void {
  switch (action.name) {
    case 'Expiration':
      only(action, ['Days', 'Date', 'ExpiredObjectDeleteMarker']);
      if (action.children.length !== 1) throw malformedXml();
      positive(action, 'Days');
      break;
    case 'NoncurrentVersionExpiration':
      only(action, ['NoncurrentDays', 'NewerNoncurrentVersions']);
      positive(action, 'NewerNoncurrentVersions');
      if (positive(action, 'NoncurrentDays') === null) throw malformedXml();
      break;
    case 'AbortIncompleteMultipartUpload':
      only(action, ['DaysAfterInitiation']);
      if (positive(action, 'DaysAfterInitiation') === null) throw malformedXml();
      break;
    default:
      only(action, ['Days', 'Date', 'StorageClass', 'NoncurrentDays', 'NewerNoncurrentVersions']);
      oneOf(action, 'StorageClass', STORAGE_CLASSES.slice(2));
  }
}

export function checkObjectLock(root: XmlElement): void {
  only(root, ['ObjectLockEnabled', 'Rule']);
  oneOf(root, 'ObjectLockEnabled', ['Enabled']);
  const rule = child(root, 'Rule');
  if (rule === null) return;
  only(rule, ['DefaultRetention']);
  const retention = child(rule, 'DefaultRetention');
  if (retention === null) throw malformedXml();
  only(retention, ['Mode', 'Days', 'Years']);
  oneOf(retention, 'Mode', ['GOVERNANCE', 'COMPLIANCE']);
  const [days, years] = [positive(retention, 'Days'), positive(retention, 'Years')];
  if ((days === null) === (years === null)) throw malformedXml();
}

/** The elements inside the root, written anew. */
export function innerXml(root: XmlElement): string {
  return root.children
    .map((one) => `<${one.name}>${one.children.length > 0 ? innerXml(one) : escapeXml(one.text)}</${one.name}>`)
    .join('');
}
