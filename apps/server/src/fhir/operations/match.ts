import {
  type FhirTree,
  hasErrors,
  parseFhirJson,
  parseSearch,
  type SearchRequest,
  validateForWrite,
} from '@salus/fhir';
import { openRecords, type StoredRecord, sightOf } from '@salus/records';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { problem } from '../../http/problem.ts';
import { type Node, readHosted } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { callerOf, FHIR_ACCESS } from '../caller.ts';
import { describe, IN_BASE, type InPath } from '../describe.ts';
import { sendProblem, sendTree } from '../fhir-answer.ts';
import { askedOf } from '../operation-parameters.ts';
import { identifiersOf, type MatchScore, scoreOf, textsIn, treesIn } from './match-score.ts';

const COUNT_DEFAULT = 20;
const COUNT_MAX = 100;
/** Candidates of each search; who is asked for more precisely is found all the same. */
const CANDIDATES_MAX = 200;
/** Searches of one match: each identifier, and names with the birth date. */
const SEARCHES_MAX = 20;
const BODY_BYTES_MAX = 256 * 1024;
const GRADE = 'http://hl7.org/fhir/StructureDefinition/match-grade';

/** `POST [base]/Patient/$match` (R4 operation-patient-match.html): graded candidates among those whom the caller may see. */
export function addMatch(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Pick<InPath, 'org'> }>({
    method: 'POST',
    url: '/:org/fhir/R4/Patient/$match',
    config: { access: FHIR_ACCESS, fhir: true },
    bodyLimit: BODY_BYTES_MAX,
    schema: describe('Who of the patients whom the caller may see is the one described.', IN_BASE, { hasBody: true }),
    handler: async (request, reply) => {
      const asked = matchOf(request);
      const issues = validateForWrite(asked.patient);
      if (hasErrors(issues)) return sendProblem(reply, { ...problem('structure-invalid'), issues });
      return sendTree(reply, await match(node, request, asked));
    },
  });
}

interface Asked {
  readonly patient: FhirTree;
  readonly count: number;
  readonly onlyCertain: boolean;
}

function matchOf(request: FastifyRequest): Asked {
  const parameters = askedOf(request, ['resource', 'count', 'onlyCertainMatches']);
  const patient = parameters.tree('resource');
  if (patient?.resourceType !== 'Patient') throw new ServerError('bad-request', 'The parameter resource is a Patient.');
  const count = parameters.one('count') ?? String(COUNT_DEFAULT);
  if (!/^[1-9][0-9]{0,5}$/.test(count)) throw new ServerError('bad-request', 'count is a whole number above zero.');
  const only = parameters.one('onlyCertainMatches') ?? 'false';
  if (only !== 'true' && only !== 'false') throw new ServerError('bad-request', 'onlyCertainMatches is true or false.');
  return { patient, count: Math.min(Number(count), COUNT_MAX), onlyCertain: only === 'true' };
}

interface Candidate extends MatchScore {
  readonly record: StoredRecord;
}

async function match(
  node: Node,
  request: FastifyRequest<{ Params: Pick<InPath, 'org'> }>,
  { patient, count, onlyCertain }: Asked,
): Promise<FhirTree> {
  const { vault, baseUrl } = readHosted(node, request.params.org);
  const sight = sightOf(vault, callerOf(node, request));
  const candidates = new Map<string, Candidate>();
  for (const search of searchesFor(patient)) {
    for (const { record, tree } of await vault.search.match(sight, search, CANDIDATES_MAX)) {
      const score = scoreOf(patient, tree);
      if (score !== undefined) candidates.set(record.recordId, { ...score, record });
    }
  }
  const ranked = [...candidates.values()].toSorted((left, right) => right.score - left.score);
  const certain = ranked.filter(({ grade }) => grade === 'certain');
  // Two who are certainly the same are not: then nobody is.
  const found = onlyCertain ? (certain.length === 1 ? certain : []) : ranked.slice(0, count);
  const facts = { session: null, records: [], request: null, outcome: 'ok', pid: null } as const;
  const { who, purpose, grant } = sight;
  const event = { kind: 'search', atMs: vault.clock(), who, purpose, grant, query: 'Patient/$match' } as const;
  await vault.audit.append({ ...facts, ...event });
  const opened = await openRecords(vault, sight, { records: found.map(({ record }) => record), kind: 'search' });
  const entry = opened.flatMap(({ record, text }, at) =>
    text === null ? [] : [entryOf(`${baseUrl}/Patient/${record.meta.id}`, parseFhirJson(text), found[at]!)],
  );
  return { resourceType: 'Bundle', type: 'searchset', total: entry.length, ...(entry.length === 0 ? {} : { entry }) };
}

function entryOf(fullUrl: string, resource: FhirTree, { grade, score }: MatchScore): FhirTree {
  const extension = [{ url: GRADE, valueCode: grade }];
  return { fullUrl, resource, search: { extension, mode: 'match', score: Math.round(score * 100) / 100 } };
}

/** Exact identifiers; each family or given name with the birth date; a family name with a given one. */
function searchesFor(patient: FhirTree): readonly SearchRequest[] {
  const names = treesIn(patient.name);
  const [families, givens] = [names.flatMap(textsIn('family')), names.flatMap(textsIn('given'))];
  const [born] = textsIn('birthDate')(patient);
  const wanted: (readonly (readonly [string, string])[])[] = [
    ...identifiersOf(patient).map((identifier) => {
      const at = identifier.lastIndexOf('|');
      return [['identifier', `${escaped(identifier.slice(0, at))}|${escaped(identifier.slice(at + 1))}`] as const];
    }),
    ...(born === undefined
      ? []
      : [...families, ...givens].map((name) => [['name', escaped(name)] as const, ['birthdate', born] as const])),
    ...families.flatMap((family) =>
      givens.map((given) => [['family', escaped(family)] as const, ['given', escaped(given)] as const]),
    ),
  ];
  return wanted.slice(0, SEARCHES_MAX).flatMap((parameters) => {
    const parsed = parseSearch('Patient', parameters, { strict: true });
    return parsed.kind === 'search' ? [parsed.request] : [];
  });
}

/** R4 §3.1.1.4.3: what separates values stands for itself behind a backslash. */
function escaped(text: string): string {
  return text.replaceAll(/[\\,|$]/g, '\\$&');
}
