import { type FhirTree, type FhirValue, isTree, parseFhirJson, sameValue } from '@salus/fhir';
import type { FeedLookup, KnownResource, Vault } from '@salus/records';
import { conditionOf, type Draft, type MappedMessage } from './draft.ts';
import { refuseMessage } from './fault.ts';

/** Entries of a transaction bundle, and whose they are. */
export interface ResolvedMessage {
  readonly entries: readonly FhirTree[];
  /** Id of the Patient resource that is here already; undefined for one that the bundle creates. */
  readonly patientId: string | undefined;
}

export type Known = Pick<Vault, 'feedLookup' | 'merges'>;

/**
 * Decides what of a message is new and what is the next version of something: patients by identifier, visits by number,
 * results by their order. The caller holds the patient's lock.
 *
 * @throws ServerError `message-refused` where identifiers name nobody, several people, or another patient's resource
 */
export async function resolveDrafts(
  known: Known,
  { patient, others, registers }: MappedMessage,
): Promise<ResolvedMessage> {
  const lookup = known.feedLookup;
  const patientId = await findPatient(known, patient, registers);
  const links = new Map<string, string>();
  if (patientId !== undefined) links.set(patient.fullUrl, `Patient/${patientId}`);
  const subject = patientId === undefined ? undefined : `Patient/${patientId}`;
  const entries: FhirTree[] = await entriesOf(lookup, patient, patientId);
  const found = new Map<Draft, string>();
  for (const draft of others) {
    const id = await findKnown(lookup, draft);
    if (id === undefined) continue;
    found.set(draft, id);
    links.set(draft.fullUrl, `${draft.type}/${id}`);
  }
  for (const draft of others) entries.push(...(await entriesOf(lookup, draft, found.get(draft), subject)));
  return { entries: entries.map((entry) => relinked(entry, links) as FhirTree), patientId };
}

async function findPatient(
  { feedLookup, merges }: Known,
  { identity }: Draft,
  registers: boolean,
): Promise<string | undefined> {
  const ids = new Set<string>();
  for (const query of identity) {
    // Whoever was merged goes on under the other Patient, whichever number a sender knows.
    for (const id of await feedLookup.findIds('Patient', query)) ids.add(await merges.survivorOf(id));
  }
  if (ids.size > 1) {
    throw refuseMessage('205', 'the identifiers of the patient name several patients', { location: 'PID^1^3' });
  }
  const [id] = ids;
  if (id === undefined && !registers) {
    throw refuseMessage('204', 'no identifier names a patient who is known here', { location: 'PID^1^3' });
  }
  return id;
}

/**
 * The Patients that a message says are second ones (MRG-1), those left out that were merged into `into` before.
 *
 * @throws ServerError `message-refused` where it names nobody who is known
 */
export async function findMerged(
  { feedLookup, merges }: Known,
  merged: MappedMessage['merged'],
  into: string,
): Promise<readonly string[]> {
  const ids = new Set<string>();
  for (const query of merged) for (const id of await feedLookup.findIds('Patient', query)) ids.add(id);
  if (ids.size === 0) {
    throw refuseMessage('204', 'no identifier names a patient to be merged', { location: 'MRG^1^1' });
  }
  const open: string[] = [];
  for (const id of ids) if (id !== into && (await merges.survivorOf(id)) !== into) open.push(id);
  return open;
}

async function findKnown(lookup: FeedLookup, { type, identity }: Draft): Promise<string | undefined> {
  const [query] = identity;
  const ids = query === undefined ? [] : await lookup.findIds(type, query);
  if (ids.length > 1) throw refuseMessage('205', 'an identifier names several resources');
  return ids[0];
}

/** None for what is here already and stays as it is. */
async function entriesOf(
  lookup: FeedLookup,
  draft: Draft,
  id: string | undefined,
  subject?: string,
): Promise<FhirTree[]> {
  const { type, fullUrl, resource, identity, known } = draft;
  const [query] = identity;
  if (id === undefined) {
    const ifNoneExist = query === undefined || known === 'replace' ? undefined : conditionOf(query);
    const request = { method: 'POST', url: type, ...(ifNoneExist === undefined ? {} : { ifNoneExist }) };
    return [{ fullUrl, resource, request }];
  }
  if (known === 'keep') return [];
  const current = await lookup.findCurrent(type, id);
  // It ended in between: the store refuses a version of what is gone, and the message is tried again.
  if (current === undefined) throw refuseMessage('206', 'a resource changed while the message was taken');
  const before = parseFhirJson(Buffer.from(current.text));
  if (subject !== undefined && type !== 'Practitioner') demandSubject(before, subject);
  const next = nextVersion(draft, before, current);
  if (next === undefined) return [];
  const url = `${type}/${id}`;
  return [{ fullUrl: url, resource: next, request: { method: 'PUT', url, ifMatch: `W/"${current.versionId}"` } }];
}

/** A number that a sender uses again for another patient would move that patient's record. */
function demandSubject(before: FhirTree, subject: string): void {
  const { subject: stated } = before;
  if (!isTree(stated) || stated.reference !== subject) {
    throw refuseMessage('205', 'a visit or order number is another patient’s');
  }
}

/** Undefined when the message says nothing that is not there. */
function nextVersion(
  { type, resource, known, deleted, yielding, fullUrl }: Draft,
  before: FhirTree,
  { id }: KnownResource,
): FhirTree | undefined {
  const { meta: _meta, text: _text, ...stated } = before;
  const kept =
    known === 'replace' ? {} : Object.fromEntries(Object.entries(stated).filter(([name]) => !deleted.includes(name)));
  const said = Object.fromEntries(
    Object.entries(resource).filter(([name]) => !(yielding.includes(name) && Object.hasOwn(stated, name))),
  );
  const next: FhirTree = { ...withoutOldChoices(kept, said), ...said, id, ...identifiersOf(kept, said) };
  const links = new Map([[fullUrl, `${type}/${id}`]]);
  return sameValue(relinked(next, links), stated) ? undefined : next;
}

/** `deceased[x]`, `multipleBirth[x]`: one kind takes the place of the other. */
function withoutOldChoices(kept: FhirTree, said: FhirTree): FhirTree {
  const choices = ['deceased', 'multipleBirth'].filter((choice) =>
    Object.keys(said).some((name) => name.startsWith(choice)),
  );
  return Object.fromEntries(
    Object.entries(kept).filter(([name]) => !choices.some((choice) => name.startsWith(choice))),
  );
}

/** Identifiers that the message does not name stay: another system gave them. */
function identifiersOf(kept: FhirTree, said: FhirTree): FhirTree {
  const list = (value: FhirValue | undefined): readonly FhirTree[] =>
    Array.isArray(value) ? value.filter(isTree) : [];
  const before = list(kept.identifier);
  const added = list(said.identifier).filter(
    ({ system, value }) => !before.some((identifier) => identifier.system === system && identifier.value === value),
  );
  const identifier = [...before, ...added];
  return identifier.length === 0 ? {} : { identifier };
}

function relinked(value: FhirValue, links: ReadonlyMap<string, string>): FhirValue {
  if (Array.isArray(value)) return value.map((item: FhirValue) => relinked(item, links));
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const link = name === 'reference' && typeof member === 'string' ? links.get(member) : undefined;
      return [name, link ?? (member === undefined ? undefined : relinked(member, links))];
    }),
  );
}
