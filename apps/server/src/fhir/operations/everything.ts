import { type FhirTree, operationOutcome, parseFhirJson } from '@salus/fhir';
import {
  type CompartmentFilter,
  type CompartmentPlace,
  isInFilter,
  listCompartment,
  type OpenedRecord,
  openRecords,
  placeOf,
  type StoredRecord,
  visible,
} from '@salus/records';
import type { FastifyInstance } from 'fastify';
import * as schema from '../../http/schemas.ts';
import type { Node } from '../../node.ts';
import { FHIR_ACCESS } from '../caller.ts';
import { describe, IN_BASE, type InPath } from '../describe.ts';
import { sendTree } from '../fhir-answer.ts';
import { directoryEntries } from './directory-entries.ts';
import { disputeEntries } from './dispute-entries.ts';
import { openPage, sealPage } from './page-token.ts';
import { openPatientDoor, type PatientDoor } from './patient-door.ts';
import { countIn, demandKnown, type OperationQuery, oneOf, periodIn, typesIn } from './query.ts';

const PAGE = { usual: 100, max: 1_000 };
/** Rows that one page looks at; a page of a caller who may see little is short and has a `next` link all the same. */
const SCANNED_MAX = 10_000;
const START: CompartmentPlace = { keyId: '', recordId: '' };
const PARAMETERS = ['_type', '_since', 'start', 'end', '_count', '_page'] as const;

/** `GET [base]/Patient/{id}/$everything` (R4 operation-patient-everything.html). */
export function addEverything(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Pick<InPath, 'org' | 'id'>; Querystring: OperationQuery }>({
    method: 'GET',
    url: '/:org/fhir/R4/Patient/:id/$everything',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('All that the caller may see of a patient, by pages.', { ...IN_BASE, id: schema.fhirId }),
    handler: async (request, reply) => {
      demandKnown(request.query, PARAMETERS);
      const question = questionOf(request.query);
      const door = await openPatientDoor(node, request, request.params);
      return sendTree(reply, await everything(door, question));
    },
  });
}

interface Question {
  readonly filter: CompartmentFilter;
  readonly count: number;
  readonly page: string | undefined;
  /** The parameters as they came, but for the page: what a page token is bound to, and the links repeat. */
  readonly asked: readonly (readonly [string, string])[];
}

function questionOf(query: OperationQuery): Question {
  const [types, since, start, end] = [
    typesIn(query, '_type'),
    periodIn(query, '_since'),
    periodIn(query, 'start'),
    periodIn(query, 'end'),
  ];
  return {
    filter: {
      ...(types === undefined ? {} : { types }),
      ...(since === undefined ? {} : { sinceMs: since.startMs }),
      ...(start === undefined ? {} : { fromMs: start.startMs }),
      ...(end === undefined ? {} : { toMs: end.endMs - 1 }),
    },
    count: countIn(query, '_count', PAGE),
    page: oneOf(query, '_page'),
    asked: PARAMETERS.filter((name) => name !== '_page').flatMap((name) => {
      const value = query[name];
      return value === undefined ? [] : [[name, String(value)] as const];
    }),
  };
}

async function everything(door: PatientDoor, question: Question): Promise<FhirTree> {
  const { organisation, sight, patient, record } = door;
  const { vault, baseUrl } = organisation;
  const { filter, count, asked, page } = question;
  const who = sight.who.kind === 'member' ? sight.who.id : sight.who.pid;
  const context = ['everything', who, patient.pid, asked.map(([name, value]) => [name, value])];
  const after =
    page === undefined ? undefined : (openPage(vault.masterKey, context, page) as unknown as CompartmentPlace);
  const own = after === undefined && isInFilter(record, filter) ? [record] : [];
  const found = await gather(door, { filter, count: count - own.length, after });
  const matches = [...own, ...found.records];
  const included = await directoryEntries(vault, sight, matches);
  const [opened, brought] = [
    await openRecords(vault, sight, { records: matches, kind: 'search' }),
    await openRecords(vault, sight, { records: included, kind: 'search' }),
  ];
  const self = `${baseUrl}/Patient/${patient.fhirId}/$everything`;
  const next =
    found.next === undefined ? [] : [['_page', sealPage(vault.masterKey, context, { ...found.next })] as const];
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    link: [
      { relation: 'self', url: withQuery(self, asked) },
      ...next.map((parameter) => ({ relation: 'next', url: withQuery(self, [...asked, parameter]) })),
    ],
    ...entriesOf(baseUrl, opened, brought, await disputeEntries(door, matches)),
  };
}

function entriesOf(
  base: string,
  opened: readonly OpenedRecord[],
  brought: readonly OpenedRecord[],
  stated: readonly FhirTree[],
): FhirTree {
  const entry = [
    ...opened.map((found) => entryOf(base, found, 'match')),
    ...brought.map((found) => entryOf(base, found, 'include')),
    ...stated,
  ];
  return entry.length === 0 ? {} : { entry };
}

function entryOf(base: string, { record, text }: OpenedRecord, mode: 'match' | 'include'): FhirTree {
  const { type, id } = record.meta;
  const fullUrl = `${base}/${type}/${id}`;
  if (text !== null) return { fullUrl, resource: parseFhirJson(text), search: { mode } };
  const resource = operationOutcome([
    { severity: 'warning', code: 'too-costly', text: `${type}/${id} has attachments that are too large for a bundle` },
  ]);
  return { resource, search: { mode: 'outcome' } };
}

/** The next records that the caller may see, and where to go on. */
async function gather(
  { organisation, sight, patient, record }: PatientDoor,
  {
    filter,
    count,
    after,
  }: { readonly filter: CompartmentFilter; readonly count: number; readonly after: CompartmentPlace | undefined },
): Promise<{ readonly records: readonly StoredRecord[]; readonly next: CompartmentPlace | undefined }> {
  const { vault } = organisation;
  const records: StoredRecord[] = [];
  let scanned = 0;
  let last = after ?? START;
  for await (const rows of listCompartment(vault, `pid:${patient.pid}`, after)) {
    for (const row of rows) {
      if (records.length >= count || scanned >= SCANNED_MAX) return { records, next: last };
      scanned += 1;
      last = placeOf(row);
      // The Patient resource stands on the first page.
      if (row.recordId === record.recordId || !isInFilter(row, filter)) continue;
      records.push(...(await visible(vault, sight, [row])));
    }
  }
  return { records, next: undefined };
}

function withQuery(url: string, parameters: readonly (readonly [string, string])[]): string {
  const query = parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return query === '' ? url : `${url}?${query}`;
}
