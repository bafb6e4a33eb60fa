import type { IssueCode } from '../issue.ts';
import { FHIR_ID } from '../reference.ts';
import { type FhirValue, numberLiteral } from '../tree.ts';

/** What is wrong with a value of a primitive type, in words without the value. */
export type Fault = readonly [code: IssueCode, text: string];

const DAY = '(?:0[1-9]|[12][0-9]|3[01])';
const YEAR = '(?:[0-9](?:[0-9](?:[0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)';
const CLOCK = '(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\\.[0-9]+)?';
const ZONE = '(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))';
/** R4 §2.24.0.1, with the expressions of the definitions. */
const DATE = new RegExp(`^${YEAR}(?:-(?:0[1-9]|1[0-2])(?:-${DAY})?)?$`);
const DATE_TIME = new RegExp(`^${YEAR}(?:-(?:0[1-9]|1[0-2])(?:-${DAY}(?:T${CLOCK}${ZONE})?)?)?$`);
const DATE_TIME_WITHOUT_ZONE = new RegExp(`^${YEAR}-(?:0[1-9]|1[0-2])-${DAY}T${CLOCK}$`);
const INSTANT = new RegExp(`^${YEAR}-(?:0[1-9]|1[0-2])-${DAY}T${CLOCK}${ZONE}$`);
const TIME = new RegExp(`^${CLOCK}$`);
/** One space inside is allowed, none at the ends. */
const CODE = /^[^\s]+(?: [^\s]+)*$/;
const BASE64_CHARACTERS = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const OID = /^[0-2](?:\.(?:0|[1-9][0-9]*))+$/;
const SCHEME = /^[a-z][a-z0-9+.-]*:[^ ]+$/;

/** R4 §2.24.0.1: "Strings SHALL NOT exceed 1MB (1024*1024 characters) in size". */
export const STRING_LENGTH_MAX = 1_048_576;
const INTEGER_MAX = 2_147_483_647;

/** The fault of a value that has already the JSON type of its primitive. */
export function formatFault(type: string, value: FhirValue): Fault | undefined {
  if (typeof value === 'string') return textFault(type, value);
  const literal = numberLiteral(value);
  return literal === undefined ? undefined : numberFault(type, Number(literal));
}

function textFault(type: string, text: string): Fault | undefined {
  switch (type) {
    case 'date':
      return temporalFault(text, DATE, 'a date is YYYY, YYYY-MM or YYYY-MM-DD');
    case 'dateTime':
      if (DATE_TIME_WITHOUT_ZONE.test(text)) return ['value', 'a date with a time must have a time zone'];
      return temporalFault(text, DATE_TIME, 'a dateTime is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz');
    case 'instant':
      return temporalFault(text, INSTANT, 'an instant is YYYY-MM-DDThh:mm:ss.sss+zz:zz');
    case 'time':
      return TIME.test(text) ? undefined : ['value', 'a time is hh:mm:ss'];
    case 'code':
      return CODE.test(text) ? undefined : ['value', 'a code has no space at its ends and no two together'];
    case 'id':
      return FHIR_ID.test(text) ? undefined : ['value', 'an id has 1 to 64 letters, digits, "-" and "."'];
    case 'base64Binary':
      return isBase64(text) ? undefined : ['value', 'the value is not valid base64'];
    case 'uri':
    case 'url':
    case 'canonical':
    case 'oid':
    case 'uuid':
      return uriFault(type, text);
    default:
      return text.length > STRING_LENGTH_MAX && type !== 'xhtml'
        ? ['too-long', `a string has at most ${STRING_LENGTH_MAX} characters`]
        : undefined;
  }
}

function temporalFault(text: string, pattern: RegExp, expected: string): Fault | undefined {
  if (!pattern.test(text)) return ['value', expected];
  return isDay(text) ? undefined : ['value', 'the month has no such day'];
}

function isDay(text: string): boolean {
  if (text.length < 10) return true;
  const day = Number(text.slice(8, 10));
  return (
    day <= 28 || new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)) - 1, day)).getUTCDate() === day
  );
}

/** RFC 4648 §4; white space is allowed in R4, and in no later release. */
export function isBase64(text: string): boolean {
  if (!BASE64_CHARACTERS.test(text)) return false;
  let characters = text.length;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) <= 0x20) characters--;
  return characters % 4 === 0;
}

function uriFault(type: string, text: string): Fault | undefined {
  if (/\s/.test(text)) return ['value', 'a URI has no white space'];
  if (text.startsWith('oid:')) return ['value', 'an OID is written urn:oid:'];
  if (text.startsWith('uuid:')) return ['value', 'a UUID is written urn:uuid:'];
  if (type === 'oid' && !text.startsWith('urn:oid:')) return ['value', 'an OID starts with urn:oid:'];
  if (type === 'uuid' && !text.startsWith('urn:uuid:')) return ['value', 'a UUID starts with urn:uuid:'];
  if (type === 'canonical' && !text.startsWith('#') && !isAbsoluteUrl(text)) {
    return ['value', 'a canonical URL is absolute or starts with #'];
  }
  return urnFault(text);
}

/** RFC 9562 §4 as R4 wants it (lower case), and X.660 with at least five arcs, which HL7's validator wants too. */
export function urnFault(text: string): Fault | undefined {
  if (text.startsWith('urn:uuid:')) {
    const uuid = text.slice('urn:uuid:'.length).split(/[#|]/, 1)[0] ?? '';
    return UUID.test(uuid) ? undefined : ['value', 'a UUID has 32 digits in five groups, in lower case'];
  }
  if (!text.startsWith('urn:oid:')) return undefined;
  const oid = text.slice('urn:oid:'.length).split('|', 1)[0] ?? '';
  return OID.test(oid) && (oid.lastIndexOf('.') >= 4 || oid.startsWith('1.3'))
    ? undefined
    : ['value', 'an OID has numbers between dots, the first 0, 1 or 2'];
}

export function isAbsoluteUrl(text: string): boolean {
  return SCHEME.test(text);
}

function numberFault(type: string, number: number): Fault | undefined {
  if (!Number.isFinite(number)) return ['value', 'the number is too large'];
  if (type === 'decimal') return undefined;
  const min = type === 'positiveInt' ? 1 : type === 'unsignedInt' ? 0 : -INTEGER_MAX - 1;
  return number >= min && number <= INTEGER_MAX
    ? undefined
    : ['value', `a number in the range ${min}..${INTEGER_MAX} was expected`];
}
