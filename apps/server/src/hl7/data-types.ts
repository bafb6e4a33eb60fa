import type { FhirTree, FhirValue } from '@salus/fhir';
import { refuseMessage } from './fault.ts';
import { componentOf, type Repetition, type Segment } from './message.ts';
import { ADDRESS_USE, type CodeMap, codingSystem, NAME_USE, TELECOM_SYSTEM, TELECOM_USE } from './tables.ts';

/** How one sender's messages are read. */
export interface Reading {
  /** URI of an assigning authority by its namespace. */
  systemOf(namespace: string): string;
  /** URI for what this node names by itself from what the sender says. */
  ownSystem(kind: 'observation' | 'report'): string;
  /** Namespace of what the sender identifies without naming an authority: its facility (MSH-4), else its application. */
  readonly sender: string;
  /** `+01:00`: offset of times that name none. */
  readonly timeZone: string;
}

/** An element with its empty members left out; undefined when nothing is left. */
export function element(members: { readonly [name: string]: FhirValue | undefined }): FhirTree | undefined {
  const entries = Object.entries(members).filter(
    ([, value]) => value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0),
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** The values that are there. */
export function present<T>(values: readonly (T | undefined)[]): readonly T[] {
  return values.filter((value) => value !== undefined);
}

/** A code by its table; a code that the table lacks is refused where a binding is required, else left out. */
export function coded(map: CodeMap, code: string, location?: string): string | undefined {
  if (code === '') return undefined;
  const found = map.get(code.toUpperCase());
  if (found === undefined && location !== undefined)
    throw refuseMessage('103', 'a code is not in its table', { location });
  return found;
}

/** CX → Identifier. */
export function identifierOf(repetition: Repetition, reading: Reading): FhirTree | undefined {
  const value = componentOf(repetition, 1);
  if (value === '') return undefined;
  const type = componentOf(repetition, 5);
  return element({
    type: type === '' ? undefined : { coding: [{ system: codingSystem('HL70203') ?? '', code: type }] },
    system: assignerOf(repetition, 4, reading),
    value,
  });
}

/** HD in a component → URI; undefined where no assigner is named. */
export function assignerOf(repetition: Repetition, component: number, reading: Reading): string | undefined {
  const [namespace, universal, kind] = [1, 2, 3].map((part) => componentOf(repetition, component, part));
  return authorityUri(namespace ?? '', universal ?? '', kind ?? '', reading);
}

function authorityUri(namespace: string, universal: string, kind: string, reading: Reading): string | undefined {
  switch (universal === '' ? '' : kind.toUpperCase()) {
    case 'ISO':
      return `urn:oid:${universal}`;
    case 'UUID':
    case 'GUID':
      return `urn:uuid:${universal.toLowerCase()}`;
    case 'URI':
      return universal;
    default:
      return namespace === '' ? undefined : reading.systemOf(namespace);
  }
}

/** EI → Identifier; one without an authority is its sender's own. */
export function entityOf(repetition: Repetition | undefined, reading: Reading, type?: string): FhirTree | undefined {
  const value = componentOf(repetition, 1);
  if (value === '') return undefined;
  const [namespace = '', universal = '', kind = ''] = [2, 3, 4].map((at) => componentOf(repetition, at));
  return element({
    type: type === undefined ? undefined : { coding: [{ system: codingSystem('HL70203') ?? '', code: type }] },
    system: authorityUri(namespace, universal, kind, reading) ?? reading.systemOf(reading.sender),
    value,
  });
}

/** XPN → HumanName. */
export function nameOf(repetition: Repetition): FhirTree | undefined {
  const use = coded(NAME_USE, componentOf(repetition, 7));
  const name = nameParts(repetition, { family: 1, given: [2, 3], suffix: 4, prefix: 5 });
  return name === undefined ? undefined : { ...(use === undefined ? {} : { use }), ...name };
}

function nameParts(
  repetition: Repetition,
  at: { readonly family: number; readonly given: readonly number[]; readonly suffix: number; readonly prefix: number },
): FhirTree | undefined {
  const filled = (components: readonly number[]): readonly string[] =>
    components.map((component) => componentOf(repetition, component)).filter((text) => text !== '');
  return element({
    family: componentOf(repetition, at.family),
    given: filled(at.given),
    prefix: filled([at.prefix]),
    suffix: filled([at.suffix]),
  });
}

/** XAD → Address. */
export function addressOf(repetition: Repetition): FhirTree | undefined {
  const text = (component: number): string => componentOf(repetition, component);
  const use = coded(ADDRESS_USE, text(7));
  const address = element({
    line: [text(1), text(2)].filter((line) => line !== ''),
    city: text(3),
    state: text(4),
    postalCode: text(5),
    country: text(6),
  });
  return address === undefined ? undefined : { ...(use === undefined ? {} : { use }), ...address };
}

/** XTN → ContactPoint. */
export function contactOf(repetition: Repetition): FhirTree | undefined {
  const text = (component: number): string => componentOf(repetition, component);
  const system = text(4) === '' ? (coded(TELECOM_SYSTEM, text(3)) ?? 'phone') : 'email';
  const parts = [text(5) === '' ? '' : `+${text(5)}`, text(6), text(7)].filter((part) => part !== '').join(' ');
  const value = [text(4), text(1), text(12), parts].find((candidate) => candidate !== '');
  if (value === undefined) return undefined;
  const use = text(3).toUpperCase() === 'CP' ? 'mobile' : coded(TELECOM_USE, text(2));
  return { system, value, ...(use === undefined ? {} : { use }) };
}

/** CWE → CodeableConcept. A local coding system has no URI and stays without. */
export function conceptOf(repetition: Repetition | undefined): FhirTree | undefined {
  if (repetition === undefined) return undefined;
  const text = (component: number): string => componentOf(repetition, component);
  const coding = [1, 4].map((from) => {
    const code = text(from);
    return code === '' ? undefined : element({ system: codingSystem(text(from + 2)), code, display: text(from + 1) });
  });
  return element({ coding: present(coding), text: [text(9), text(2), text(1)].find((candidate) => candidate !== '') });
}

/** A person of XCN (or PPN): identifier and name. */
export function personOf(
  repetition: Repetition,
  reading: Reading,
): { readonly identifier: FhirTree | undefined; readonly name: FhirTree | undefined } {
  const value = componentOf(repetition, 1);
  const identifier = value === '' ? undefined : element({ system: assignerOf(repetition, 9, reading), value });
  return { identifier, name: nameParts(repetition, { family: 2, given: [3, 4], suffix: 5, prefix: 6 }) };
}

const TIME = /^(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(\.\d{1,4})?)?)?)?)?)?([+-]\d{4})?$/;

/**
 * DTM → dateTime of the same precision; an hour without minutes is no FHIR time and leaves the date. An absent one is undefined.
 *
 * @throws ServerError `message-refused` for what is no time
 */
export function timeOf(segment: Segment, field: number, { timeZone }: Reading): string | undefined {
  const text = segment.text(field);
  if (text === '') return undefined;
  const location = `${segment.name}^${segment.sequence}^${field}`;
  const [, year, month, day, hour, minute, second = '00', fraction = '', offset] = TIME.exec(text) ?? [];
  if (year === undefined) throw refuseMessage('102', 'a time is none', { location });
  const date = [year, month, day].filter((part) => part !== undefined).join('-');
  if (day !== undefined && !isDay(date)) throw refuseMessage('102', 'a date is none of the calendar', { location });
  if (month !== undefined && (Number(month) < 1 || Number(month) > 12))
    throw refuseMessage('102', 'a date is none of the calendar', { location });
  if (hour === undefined || minute === undefined) return date;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59)
    throw refuseMessage('102', 'a time is none', { location });
  const zone = offset === undefined ? timeZone : `${offset.slice(0, 3)}:${offset.slice(3)}`;
  return `${date}T${hour}:${minute}:${second}${fraction}${zone === '+00:00' ? 'Z' : zone}`;
}

/** DTM → date: what is finer than a day is left out. */
export function dateOf(segment: Segment, field: number, reading: Reading): string | undefined {
  return timeOf(segment, field, reading)?.slice(0, 10);
}

function isDay(date: string): boolean {
  const parsed = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date);
}
