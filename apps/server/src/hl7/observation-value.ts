import { type FhirTree, isUcumUnit, type RawNumber, UCUM } from '@salus/fhir';
import { conceptOf, element, type Reading, timeOf } from './data-types.ts';
import { refuseMessage } from './fault.ts';
import { componentOf, type Segment } from './message.ts';
import { codingSystem } from './tables.ts';

const NUMBER = /^[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})$/;
const COMPARATORS = new Set(['<', '<=', '>=', '>']);
const VALUE_TYPE = 2;
const VALUE = 5;

/**
 * OBX-5 as its type in OBX-2 says (v2-to-FHIR 1.0.0, OBX-to-Observation): numbers keep their literal. Without a value
 * there is no element.
 *
 * @throws ServerError `message-refused` for a type that is not mapped, or a value that is not of its type
 */
export function resultValue(result: Segment, reading: Reading): FhirTree {
  const type = result.text(VALUE_TYPE).toUpperCase();
  const values = result.repetitions(VALUE);
  const [first] = values;
  if (first === undefined) return {};
  const location = `OBX^${result.sequence}^${VALUE}`;
  switch (type) {
    case 'NM':
      return { valueQuantity: { value: numberOf(componentOf(first, 1), location), ...unitOf(result) } };
    case 'SN':
      return structuredNumber(result, location);
    case 'ST':
    case 'TX':
    case 'FT': {
      // A text that is an address or name in disguise keeps its components: the separators were part of it.
      const lines = values.map((repetition) =>
        repetition
          .map((component) => component.join('&'))
          .join('^')
          .trim(),
      );
      return element({ valueString: lines.join('\n').trim() }) ?? {};
    }
    case 'CE':
    case 'CF':
    case 'CNE':
    case 'CWE': {
      const concept = conceptOf(first);
      return concept === undefined ? {} : { valueCodeableConcept: concept };
    }
    case 'ID':
    case 'IS': {
      const text = componentOf(first, 1);
      return text === '' ? {} : { valueCodeableConcept: { text } };
    }
    case 'DT':
    case 'TS':
    case 'DTM': {
      const time = timeOf(result, VALUE, reading);
      return time === undefined ? {} : { valueDateTime: time };
    }
    case 'TM':
      return { valueTime: timeOfDay(componentOf(first, 1), location) };
    default:
      throw refuseMessage('103', 'the type of a result is not one that is mapped', {
        location: `OBX^${result.sequence}^${VALUE_TYPE}`,
      });
  }
}

/** ED → Attachment: a document that came with its results. Base64 only. */
export function attachmentOf(result: Segment): FhirTree {
  const [first] = result.repetitions(VALUE);
  const location = `OBX^${result.sequence}^${VALUE}`;
  const text = (component: number): string => componentOf(first, component);
  const data = text(5).replaceAll(/\s/g, '');
  if (
    text(4).toUpperCase() !== 'BASE64' ||
    !/^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)$/.test(
      data,
    )
  ) {
    throw refuseMessage('102', 'an encapsulated document is not in base64', { location });
  }
  const contentType = mediaType(text(2), text(3));
  return {
    ...(contentType === undefined ? {} : { contentType }),
    data,
    ...(result.text(3) === '' ? {} : { title: conceptText(result) }),
  };
}

function conceptText(result: Segment): string {
  const text = conceptOf(result.repetitions(3)[0])?.text;
  return typeof text === 'string' ? text : result.text(3);
}

function mediaType(type: string, subtype: string): string | undefined {
  const [kind, detail] = [type.toLowerCase(), subtype.toLowerCase()];
  if (detail === 'pdf') return 'application/pdf';
  const known = ['application', 'image', 'text', 'audio', 'video'].includes(kind) && /^[a-z0-9.+-]+$/.test(detail);
  return known ? `${kind}/${detail}` : undefined;
}

/** SN: comparator, number, separator, number. */
function structuredNumber(result: Segment, location: string): FhirTree {
  const [first] = result.repetitions(VALUE);
  const [comparator = '', low = '', separator = '', high = ''] = [1, 2, 3, 4].map((at) => componentOf(first, at));
  if (low === '') return {};
  const unit = unitOf(result);
  const quantity = (text: string): FhirTree => ({ value: numberOf(text, location), ...unit });
  if (high !== '' && separator === '-') return { valueRange: { low: quantity(low), high: quantity(high) } };
  if (high !== '' && (separator === ':' || separator === '/')) {
    return {
      valueRatio: { numerator: { value: numberOf(low, location) }, denominator: { value: numberOf(high, location) } },
    };
  }
  if (separator === '+') return { valueString: `${comparator}${low}+` };
  if (comparator !== '' && comparator !== '=' && !COMPARATORS.has(comparator)) {
    throw refuseMessage('103', 'a comparator is none that FHIR has', { location });
  }
  const { value } = quantity(low);
  return { valueQuantity: { value, ...(COMPARATORS.has(comparator) ? { comparator } : {}), ...unit } };
}

function unitOf(result: Segment): FhirTree {
  const [first] = result.repetitions(6);
  const code = componentOf(first, 1);
  const unit = componentOf(first, 2) === '' ? code : componentOf(first, 2);
  const system = codingSystem(componentOf(first, 3));
  if (unit === '') return {};
  // Senders call "mmHg" a unit of UCUM, which it is not: what they wrote stays as the unit's text.
  const isCode = code !== '' && (system !== UCUM || isUcumUnit(code));
  return { unit, ...(system === undefined || !isCode ? {} : { system, code }) };
}

/** A JSON number with the digits that were sent: 1.50 stays 1.50. */
function numberOf(text: string, location: string): RawNumber | number {
  if (!NUMBER.test(text)) throw refuseMessage('102', 'a number is none', { location });
  const [, sign = '', whole = '', fraction = ''] = /^[+]?(-?)(\d*)(?:\.(\d*))?$/.exec(text) ?? [];
  const digits = whole.replace(/^0+(?=\d)/, '') || '0';
  const literal = `${sign}${digits}${fraction === '' ? '' : `.${fraction}`}`;
  return String(Number(literal)) === literal ? Number(literal) : JSON.rawJSON(literal);
}

function timeOfDay(text: string, location: string): string {
  const [, hour, minute, second = '00', fraction = ''] =
    /^([01]\d|2[0-3])([0-5]\d)(?:([0-5]\d)(\.\d{1,4})?)?(?:[+-]\d{4})?$/.exec(text) ?? [];
  if (hour === undefined || minute === undefined) throw refuseMessage('102', 'a time is none', { location });
  return `${hour}:${minute}:${second}${fraction}`;
}
