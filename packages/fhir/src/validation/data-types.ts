import { createHash } from 'node:crypto';
import { isUcumUnit, UCUM } from '../terminology/ucum.ts';
import { type FhirTree, numberLiteral, stringOf } from '../tree.ts';
import type { Walk } from './check-element.ts';
import { checkCodingOf } from './codings.ts';
import type { Place } from './place.ts';
import { isAbsoluteUrl, isBase64 } from './primitive-format.ts';

/** Rules of single data types that no invariant of R4 states. */
export function checkDataType(walk: Walk, type: string, value: FhirTree, path: string, place: Place): void {
  switch (type) {
    case 'Coding':
      checkCodingOf(walk, value, path, place);
      break;
    case 'Identifier':
      checkIdentifier(walk, value, path);
      break;
    case 'Attachment':
      checkAttachment(walk, value, path);
      break;
    case 'Quantity':
    case 'Age':
    case 'Duration':
    case 'Distance':
    case 'Count':
      checkUnit(walk, value, path);
      break;
  }
}

/** R4 §2.24.0.11: systems are absolute; a value of `urn:ietf:rfc:3986` is itself a URI. */
function checkIdentifier(walk: Walk, { system, value }: FhirTree, path: string): void {
  if (typeof system !== 'string') return;
  if (!/^(?:https?|urn|ldap):/.test(system)) {
    walk.findings.error('code-invalid', 'an identifier system is an absolute URI', `${path}.system`);
  }
  if (system === 'urn:ietf:rfc:3986' && typeof value === 'string' && !isAbsoluteUrl(value)) {
    walk.findings.error('code-invalid', 'a value of the system urn:ietf:rfc:3986 is a whole URI', `${path}.value`);
  }
}

/** R4 §2.24.0.5: `size` and `hash` are those of the data. */
function checkAttachment(walk: Walk, attachment: FhirTree, path: string): void {
  const data = stringOf(attachment.data);
  if (data === undefined || !isBase64(data)) return;
  const size = numberLiteral(attachment.size);
  const hash = stringOf(attachment.hash);
  if (size !== undefined && Number(size) !== sizeOf(data)) {
    walk.findings.error('value', 'the size is not that of the data', `${path}.size`);
  }
  if (hash === undefined || !isBase64(hash)) return;
  const actual = createHash('sha1').update(Buffer.from(data, 'base64')).digest('base64');
  if (hash.replace(/\s/g, '') !== actual)
    walk.findings.error('value', 'the hash is not the SHA-1 of the data', `${path}.hash`);
}

function sizeOf(base64: string): number {
  const compact = base64.replace(/\s/g, '');
  const padding = compact.endsWith('==') ? 2 : compact.endsWith('=') ? 1 : 0;
  return (compact.length / 4) * 3 - padding;
}

/** R4 §2.24.0.6: a code of UCUM is a unit of UCUM. */
function checkUnit(walk: Walk, { system, code }: FhirTree, path: string): void {
  if (system !== UCUM || typeof code !== 'string' || isUcumUnit(code)) return;
  walk.findings.error('code-invalid', 'the code is no unit of UCUM', `${path}.code`);
}
