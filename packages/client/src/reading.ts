import type { Purpose, Terms } from '@salus/contracts';
import { type FhirTree, type FhirValue, isTree, parseFhirJson } from '@salus/fhir/parse';
import { useRequest } from '@salus/wallet';
import { ClientError } from './client-error.ts';
import type { ListedRecord } from './own-records.ts';
import type { NodeSession, StaffAtWork } from './session.ts';

const PAGE = 1_000;
const PAGES_MAX = 1_000;
/** What an organisation keeps for itself and a patient's record may name; released with the record that names it. */
const DIRECTORY_TYPES = new Set([
  ...['Organization', 'Practitioner', 'PractitionerRole', 'Location', 'HealthcareService', 'Medication', 'Substance'],
]);
const LOCAL_REFERENCE = /^([A-Z][A-Za-z]{1,63})\/[A-Za-z0-9.-]{1,64}$/;

/** An open session at another organisation: 15 minutes at most, for one person. */
export interface ReadingSession {
  readonly session: string;
  readonly untilMs: number;
}

/** How complete a category was: `withheld` records exist and are not shown, `ended` ones are hidden or erased. */
export interface ChartPair {
  readonly category: string;
  readonly labelClass: string;
  readonly released: number;
  readonly withheld: number;
  readonly ended: number;
  readonly state: 'complete' | 'narrowed';
}

export interface Chart {
  readonly records: readonly ListedRecord[];
  readonly pairs: readonly ChartPair[];
}

/** A resource with the text that its author wrote: number literals and order are theirs. */
export interface ReadResource {
  readonly recordId: string | null;
  /** `Type/id` */
  readonly reference: string;
  readonly text: string;
}

/** A grant that a member of staff may use. */
export interface UsableGrant {
  readonly authorOrganisation: string;
  readonly terms: Terms;
  readonly salt: string;
}

/** The grants that this person may use now. */
export async function listUsable({ api, organisation, token }: NodeSession): Promise<readonly UsableGrant[]> {
  const path = `/api/v1/orgs/${organisation}/tokens`;
  const { tokens } = await api.send<{ tokens: readonly UsableGrant[] }>({ method: 'GET', path, token });
  return tokens;
}

/** Uses a grant: the reader's own signed request opens a session at the organisation that keeps the records. */
export async function openReading(
  { session, wallet, occasion }: StaffAtWork,
  {
    token,
    purpose,
    categories,
  }: { readonly token: UsableGrant; readonly purpose: Purpose; readonly categories: readonly string[] },
): Promise<ReadingSession> {
  const { terms, salt, authorOrganisation } = token;
  const request = await useRequest(wallet, occasion, { token: terms, purpose, categories });
  return session.api.send<ReadingSession>({
    method: 'POST',
    path: `/api/v1/orgs/${session.organisation}/reads`,
    body: { author: authorOrganisation, call: request.call, chain: request.chain, token: { terms, salt } },
    token: session.token,
    repeatable: true,
  });
}

/** What the session may read. The reader's own node has proven it complete against the ledger. */
export async function readChart(
  { api, organisation, token }: NodeSession,
  reading: string,
  fresh: boolean,
): Promise<Chart> {
  const records: ListedRecord[] = [];
  let pairs: readonly ChartPair[] = [];
  let after: string | null | undefined;
  for (let page = 0; after !== null; page += 1) {
    if (page >= PAGES_MAX) throw new ClientError('too-many-records', 'There are more records than a client lists.');
    const answer: Chart & { readonly next: string | null } = await api.send({
      method: 'GET',
      path: `/api/v1/orgs/${organisation}/reads/${encodeURIComponent(reading)}/records`,
      query: { after, limit: PAGE, ...(fresh && page === 0 ? { fresh: 1 } : {}) },
      token,
    });
    records.push(...answer.records);
    ({ pairs } = answer);
    after = answer.next;
  }
  return { records, pairs };
}

/** Reads records with their content, then what they name of the author's own directory. */
export async function readContents(
  session: NodeSession,
  reading: string,
  records: readonly ListedRecord[],
  onRead: (done: number) => void,
): Promise<readonly ReadResource[]> {
  const read: ReadResource[] = [];
  const named = new Map<string, string>();
  for (const { recordId } of records) {
    const text = await readRecord(session, reading, recordId);
    const tree = parseFhirJson(text);
    read.push({ recordId, reference: nameOf(tree), text });
    for (const reference of directoryReferences(tree)) if (!named.has(reference)) named.set(reference, recordId);
    onRead(read.length);
  }
  for (const [reference, recordId] of named) {
    const text = await findReferenced(session, { reading, recordId, reference });
    if (text !== undefined) read.push({ recordId: null, reference, text });
  }
  return read;
}

export async function readRecord(
  { api, organisation, token }: NodeSession,
  reading: string,
  recordId: string,
): Promise<string> {
  const path = `/api/v1/orgs/${organisation}/reads/${encodeURIComponent(reading)}/records/${encodeURIComponent(recordId)}`;
  return api.sendText({ method: 'GET', path, token });
}

/** What a record names of the author's directory; undefined where the reference leads elsewhere. */
export async function findReferenced(
  { api, organisation, token }: NodeSession,
  { reading, recordId, reference }: { readonly reading: string; readonly recordId: string; readonly reference: string },
): Promise<string | undefined> {
  const path = `/api/v1/orgs/${organisation}/reads/${encodeURIComponent(reading)}/records/${recordId}/reference`;
  try {
    return await api.sendText({ method: 'GET', path, query: { reference }, token });
  } catch (error) {
    if (error instanceof ClientError && error.code === 'not-found') return undefined;
    throw error;
  }
}

function nameOf({ resourceType, id }: FhirTree): string {
  return [resourceType, id].map((part) => (typeof part === 'string' ? part : '?')).join('/');
}

function directoryReferences(tree: FhirTree): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (value: FhirValue | undefined, key: string): void => {
    if (Array.isArray(value)) for (const item of value as readonly FhirValue[]) visit(item, key);
    else if (isTree(value)) for (const [name, member] of Object.entries(value)) visit(member, name);
    else if (key === 'reference' && typeof value === 'string' && isDirectory(value)) found.add(value);
  };
  visit(tree, '');
  return found;
}

function isDirectory(reference: string): boolean {
  const type = LOCAL_REFERENCE.exec(reference)?.[1];
  return type !== undefined && DIRECTORY_TYPES.has(type);
}
