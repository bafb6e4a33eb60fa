import { type FhirTree, parseFhirJson } from '@salus/fhir';
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
import { NOT_WHOLE } from '../search-set.ts';
import { directoryEntries } from './directory-entries.ts';
import { disputeEntries } from './dispute-entries.ts';
import { foreignEntries } from './foreign-entries.ts';
import { outcomeEntry, tooLargeEntry } from './outcome-entry.ts';
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

/** Where a page begins: among the own records, or behind them among those of other organisations. */
type PagePlace = CompartmentPlace | { readonly elsewhere: string };

async function everything(door: PatientDoor, question: Question): Promise<FhirTree> {
  const { organisation, sight, patient } = door;
  const { vault, baseUrl } = organisation;
  const { filter, count, asked, page } = question;
  const who = sight.who.kind === 'member' ? sight.who.id : sight.who.pid;
  const context = ['everything', who, patient.pid, asked.map(([name, value]) => [name, value])];
  const after = page === undefined ? undefined : (openPage(vault.masterKey, context, page) as unknown as PagePlace);
  const own = after !== undefined && 'elsewhere' in after ? NOTHING_OWN : await ownEntries(door, question, after);
  const foreign =
    own.next === undefined
      ? await foreignEntries(door, {
          ...{ filter, count: count - own.count },
          after: after !== undefined && 'elsewhere' in after ? after.elsewhere : '',
        })
      : undefined;
  const next = own.next ?? (foreign?.next === undefined ? undefined : { elsewhere: foreign.next });
  const self = `${baseUrl}/Patient/${patient.fhirId}/$everything`;
  const told = foreign?.isWhole === false ? [outcomeEntry(NOT_WHOLE)] : [];
  const entry = [...own.entries, ...(foreign?.entries ?? []), ...told];
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    link: [
      { relation: 'self', url: withQuery(self, asked) },
      ...(next === undefined
        ? []
        : [
            {
              relation: 'next',
              url: withQuery(self, [...asked, ['_page', sealPage(vault.masterKey, context, { ...next })] as const]),
            },
          ]),
    ],
    ...(entry.length === 0 ? {} : { entry }),
  };
}

interface OwnEntries {
  readonly entries: readonly FhirTree[];
  /** Records of the patient among them. */
  readonly count: number;
  readonly next: CompartmentPlace | undefined;
}

const NOTHING_OWN: OwnEntries = { entries: [], count: 0, next: undefined };

async function ownEntries(
  door: PatientDoor,
  { filter, count }: Question,
  after: CompartmentPlace | undefined,
): Promise<OwnEntries> {
  const { organisation, sight, record } = door;
  const { vault, baseUrl } = organisation;
  const own = after === undefined && isInFilter(record, filter) ? [record] : [];
  const found = await gather(door, { filter, count: count - own.length, after });
  const matches = [...own, ...found.records];
  const included = await directoryEntries(vault, sight, matches);
  const [opened, brought] = [
    await openRecords(vault, sight, { records: matches, kind: 'search' }),
    await openRecords(vault, sight, { records: included, kind: 'search' }),
  ];
  const entries = entriesOf(baseUrl, opened, brought, await disputeEntries(door, matches));
  return { entries, count: matches.length, next: found.next };
}

function entriesOf(
  base: string,
  opened: readonly OpenedRecord[],
  brought: readonly OpenedRecord[],
  stated: readonly FhirTree[],
): readonly FhirTree[] {
  return [
    ...opened.map((found) => entryOf(base, found, 'match')),
    ...brought.map((found) => entryOf(base, found, 'include')),
    ...stated,
  ];
}

function entryOf(base: string, { record, text }: OpenedRecord, mode: 'match' | 'include'): FhirTree {
  const { type, id } = record.meta;
  const fullUrl = `${base}/${type}/${id}`;
  return text === null ? tooLargeEntry({ type, id }) : { fullUrl, resource: parseFhirJson(text), search: { mode } };
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
