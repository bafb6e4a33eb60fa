import { type FhirTree, parseFhirJson } from '@salus/fhir';
import {
  isInFilter,
  listCompartment,
  type OpenedRecord,
  openRecords,
  type StoredRecord,
  visible,
  withSeeAlso,
} from '@salus/records';
import type { FastifyInstance } from 'fastify';
import * as schema from '../../http/schemas.ts';
import type { Node } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { FHIR_ACCESS } from '../caller.ts';
import { describe, IN_BASE, type InPath } from '../describe.ts';
import { sendTree } from '../fhir-answer.ts';
import { directoryEntries } from './directory-entries.ts';
import { summaryElsewhere } from './foreign-entries.ts';
import { type IpsSource, ipsDocument } from './ips-document.ts';
import { IPS_SECTIONS } from './ips-sections.ts';
import { openPatientDoor, type PatientDoor } from './patient-door.ts';
import { demandKnown, type OperationQuery, oneOf } from './query.ts';

/** Records that a summary is made from: beyond, the newest of each type that fit. */
const SOURCES_MAX = 5_000;
/** Of other organisations: each is a read at its author's. */
const ELSEWHERE_MAX = 1_000;
const TYPES: ReadonlySet<string> = new Set(IPS_SECTIONS.flatMap(({ types }) => types));
const PROFILES: ReadonlySet<string> = new Set([
  'http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips',
  'http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips',
]);

/** `GET [base]/Patient/{id}/$summary` (IPS 2.0.0, operation summary): what the caller may see, as an IPS document. */
export function addSummary(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Pick<InPath, 'org' | 'id'>; Querystring: OperationQuery }>({
    method: 'GET',
    url: '/:org/fhir/R4/Patient/:id/$summary',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('The International Patient Summary of what the caller may see.', {
      ...IN_BASE,
      id: schema.fhirId,
    }),
    handler: async (request, reply) => {
      demandKnown(request.query, ['profile']);
      const profile = oneOf(request.query, 'profile');
      if (profile !== undefined && !PROFILES.has(profile.split('|')[0] ?? '')) {
        throw new ServerError('bad-request', 'The only profile of a summary is that of IPS 2.0.0.');
      }
      const door = await openPatientDoor(node, request, request.params);
      return sendTree(reply, await documentOf(door, node.nowMs()));
    },
  });
}

async function documentOf(door: PatientDoor, atMs: number): Promise<FhirTree> {
  const { organisation, caller, sight, patient, record } = door;
  const { vault, baseUrl, slug } = organisation;
  const records = await sourcesOf(door);
  const directory = await directoryEntries(vault, sight, records);
  const [[opened], sources, named] = [
    await openRecords(vault, sight, { records: [record], kind: 'read' }),
    await openRecords(vault, sight, { records, kind: 'read' }),
    await openRecords(vault, sight, { records: directory, kind: 'read' }),
  ];
  const sourceOf = ({ record: { meta }, text }: OpenedRecord): readonly IpsSource[] =>
    text === null
      ? []
      : [{ fullUrl: `${baseUrl}/${meta.type}/${meta.id}`, resource: parseFhirJson(text), atMs: meta.dataFromMs }];
  const theirs = await summaryElsewhere(door, { types: TYPES, count: ELSEWHERE_MAX });
  const [own] = sourceOf(opened!);
  const links = await organisation.exchange.foreign.seeAlso(caller, patient.fhirId);
  return ipsDocument({
    ...{ baseUrl, organisation: slug, atMs },
    // What others wrote names their Patient: the links say that it is the same person.
    patient: links.length === 0 ? own! : { ...own!, resource: withSeeAlso(own!.resource, links) },
    sources: [...sources.flatMap(sourceOf), ...theirs.sources],
    directory: [...named.flatMap(sourceOf), ...theirs.directory],
    isWhole: theirs.isWhole,
  });
}

async function sourcesOf({ organisation, sight, patient }: PatientDoor): Promise<readonly StoredRecord[]> {
  const { vault } = organisation;
  const found: StoredRecord[] = [];
  for await (const page of listCompartment(vault, `pid:${patient.pid}`)) {
    found.push(...page.filter((record) => isInFilter(record, { types: TYPES })));
  }
  const newest = found.toSorted((left, right) => timeOf(right) - timeOf(left)).slice(0, SOURCES_MAX);
  return visible(vault, sight, newest);
}

function timeOf({ meta }: StoredRecord): number {
  return meta.dataFromMs ?? Number.MAX_SAFE_INTEGER;
}
