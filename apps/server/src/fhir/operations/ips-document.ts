import { createHash } from 'node:crypto';
import { type FhirTree, type FhirValue, isTree } from '@salus/fhir';
import { IPS_SECTIONS, type IpsSection, sectionCode } from './ips-sections.ts';

const IPS = 'http://hl7.org/fhir/uv/ips/StructureDefinition';
const DAY_CHARACTERS = 10;
const NOT_WHOLE = '<p>Not everything of other organisations is here.</p>';

/** A resource of the patient with the time of its data, null where it has none. */
export interface IpsSource {
  readonly fullUrl: string;
  readonly resource: FhirTree;
  readonly atMs: number | null;
  /** Another organisation, where it wrote it. */
  readonly author?: string;
}

export interface IpsInput {
  readonly baseUrl: string;
  /** Who publishes the summary; the author. */
  readonly organisation: string;
  readonly atMs: number;
  readonly patient: IpsSource;
  /** Everything else of the patient that the reader may see. */
  readonly sources: readonly IpsSource[];
  /** Directory resources that the sources name. */
  readonly directory: readonly IpsSource[];
  /** All organisations that were asked have answered. */
  readonly isWhole: boolean;
}

/**
 * The International Patient Summary (IPS 2.0.0) as a document: nothing in it but what was given, a required section without
 * entries says that nothing is available, and the same input gives the same bytes.
 */
export function ipsDocument(input: IpsInput): FhirTree {
  const { atMs, patient, directory, organisation } = input;
  const timestamp = new Date(atMs).toISOString();
  const sections = IPS_SECTIONS.map((section) => ({ section, found: entriesOf(section, input.sources) })).filter(
    ({ section, found }) => section.required || found.length > 0,
  );
  const used = new Map(sections.flatMap(({ found }) => found.map((source) => [source.fullUrl, source])));
  const names = textsOf([...used.values()]);
  const named = directory.filter(({ fullUrl }) => names.has(nameOf(fullUrl, input.baseUrl)));
  const authorUrl = uuidOf('author', organisation);
  const composition = {
    resourceType: 'Composition',
    meta: { profile: [`${IPS}/Composition-uv-ips`] },
    text: narrative(
      `<p>International Patient Summary of ${timestamp.slice(0, DAY_CHARACTERS)}</p>${input.isWhole ? '' : NOT_WHOLE}`,
    ),
    status: 'final',
    type: { coding: [{ system: 'http://loinc.org', code: '60591-5' }] },
    subject: { reference: patient.fullUrl },
    date: timestamp,
    author: [{ reference: authorUrl }],
    title: `International Patient Summary of ${timestamp.slice(0, DAY_CHARACTERS)}`,
    section: sections.map(({ section, found }) => sectionOf(section, found)),
  };
  const author = { resourceType: 'Organization', name: organisation };
  const content = [timestamp, patient.fullUrl, ...used.keys()].join(' ');
  return {
    resourceType: 'Bundle',
    meta: { profile: [`${IPS}/Bundle-uv-ips`] },
    identifier: { system: 'urn:ietf:rfc:3986', value: uuidOf('document', content) },
    type: 'document',
    timestamp,
    entry: [
      { fullUrl: uuidOf('composition', content), resource: composition },
      entryOf(patient),
      { fullUrl: authorUrl, resource: author },
      ...[...used.values()].map(entryOf),
      ...named.map(entryOf),
    ],
  };
}

/** The newest of each author: whatever others write, and however they date it, displaces none of the own. */
function entriesOf(section: IpsSection, sources: readonly IpsSource[]): readonly IpsSource[] {
  const found = sources
    .filter(({ resource }) => isOfType(resource, section.types) && section.holds(resource))
    .toSorted(newestFirst);
  const byAuthor = Map.groupBy(found, ({ author }) => author);
  return [...byAuthor.values()].flatMap((each) => each.slice(0, section.max)).toSorted(newestFirst);
}

function isOfType({ resourceType }: FhirTree, types: readonly string[]): boolean {
  return typeof resourceType === 'string' && types.includes(resourceType);
}

function newestFirst(left: IpsSource, right: IpsSource): number {
  const byTime = (right.atMs ?? Number.MIN_SAFE_INTEGER) - (left.atMs ?? Number.MIN_SAFE_INTEGER);
  return byTime !== 0 ? byTime : left.fullUrl < right.fullUrl ? -1 : 1;
}

function sectionOf(section: IpsSection, found: readonly IpsSource[]): FhirTree {
  const { title } = section;
  const frame = { title, code: sectionCode(section) };
  if (found.length === 0) {
    // That a reader may not see, or nobody recorded, allergies does not say that there are none.
    const reason = { system: 'http://terminology.hl7.org/CodeSystem/list-empty-reason', code: 'unavailable' };
    return {
      ...frame,
      text: narrative('<p>No information available.</p>'),
      emptyReason: { coding: [{ ...reason, display: 'Unavailable' }] },
    };
  }
  const lines = found.map((source) => `<li>${escaped(lineOf(section, source))}</li>`);
  return {
    ...frame,
    text: narrative(`<ul>${lines.join('')}</ul>`),
    entry: found.map(({ fullUrl }) => ({ reference: fullUrl })),
  };
}

function lineOf({ line }: IpsSection, { resource, atMs, author }: IpsSource): string {
  const day = atMs === null ? '' : ` (${new Date(atMs).toISOString().slice(0, DAY_CHARACTERS)})`;
  return `${line(resource)}${day}${author === undefined ? '' : `, from ${author}`}`;
}

function narrative(body: string): FhirTree {
  return { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml">${body}</div>` };
}

/** Text as XHTML; control characters that XML 1.0 cannot hold are left out. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

/** Own resources name each other by relative references, those of others by their authors' URLs. */
function nameOf(fullUrl: string, baseUrl: string): string {
  return fullUrl.startsWith(`${baseUrl}/`) ? fullUrl.slice(baseUrl.length + 1) : fullUrl;
}

/** All texts that stand in them, gathered once however many are looked for. */
function textsOf(sources: readonly IpsSource[]): ReadonlySet<string> {
  const texts = new Set<string>();
  const gather = (value: FhirValue | undefined): void => {
    if (typeof value === 'string') texts.add(value);
    else if (Array.isArray(value)) for (const each of value) gather(each);
    else if (isTree(value)) for (const each of Object.values(value)) gather(each);
  };
  for (const { resource } of sources) gather(resource);
  return texts;
}

function entryOf({ fullUrl, resource }: IpsSource): FhirTree {
  return { fullUrl, resource };
}

const UUID = /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/;

/** A name-based UUID of version 8 (RFC 9562 §5.8) from SHA-256. */
function uuidOf(use: string, name: string): string {
  const hash = createHash('sha256').update(`salus:ips:${use}:${name}`).digest('hex');
  return `urn:uuid:${hash.replace(UUID, '$1-$2-8$3-8$4-$5')}`;
}
