import { type GrantFact, parseSigner } from '@salus/contracts';
import { type FhirTree, hasErrors, parseFhirJson, parseFhirXml, parseReference, validateForWrite } from '@salus/fhir';
import { type KnownPatient, RecordsError, sightedOf, sightOf, type VaultCaller } from '@salus/records';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type GivenCall, type GivenSeal, takeGrant } from '../../consent.ts';
import { problem } from '../../http/problem.ts';
import * as schema from '../../http/schemas.ts';
import { type HostedOrganisation, type Node, readHosted } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { callerOf, FHIR_ACCESS } from '../caller.ts';
import { describe, IN_BASE, type InPath } from '../describe.ts';
import { sendProblem, sendTree } from '../fhir-answer.ts';
import { consentOfGrant, consentOfRequest, consentStatus, idOf } from './consent-of.ts';
import { requestConsent, wantedOf } from './consent-request.ts';
import { idIn, matches, type ProjectionSearch, patientIn, projectionSearch, searchset } from './projection-search.ts';

export const CONSENT_PARAMETERS = ['_id', 'patient', 'status'] as const;
/** A grant of a patient as its own attachment: the signed call with what goes beside it, as `/patient/grants` takes it. */
export const SIGNED_CALL_TYPE = 'application/vnd.salus.signed-call+json';
const GRANTS_MAX = 1_000;
const REQUESTS_MAX = 200;
const CONSENT_BYTES_MAX = 2 * 1024 * 1024;

/** FHIR Consent, the exchange form of a grant: what is granted goes out, what is posted becomes a request (DESIGN §5). */
export function addConsents(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Pick<InPath, 'org'> }>({
    method: 'GET',
    url: '/:org/fhir/R4/Consent',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('Grants and requests of a patient as Consents.', IN_BASE),
    handler: async (request, reply) => {
      const search = projectionSearch('Consent', request.url, CONSENT_PARAMETERS);
      const organisation = readHosted(node, request.params.org);
      const caller = callerOf(node, request);
      const patient = await patientOf(organisation, caller, patientIn(search, 'patient'));
      await noteLook(organisation, caller, { pid: patient?.pid ?? null, asked: search.asked });
      const all = patient === undefined ? [] : await consentsOf(organisation, caller, patient);
      const found = all.filter((tree) => matches(tree, search, node.nowMs()));
      const place = { baseUrl: organisation.baseUrl, type: 'Consent' as const, asked: search.asked };
      return sendTree(reply, searchset(place, found, undefined));
    },
  });
  app.route<{ Params: Pick<InPath, 'org' | 'id'> }>({
    method: 'GET',
    url: '/:org/fhir/R4/Consent/:id',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('A grant of the patient who is logged in.', { ...IN_BASE, id: schema.fhirId }),
    handler: async (request, reply) => {
      const organisation = readHosted(node, request.params.org);
      const caller = callerOf(node, request);
      const patient = caller.kind === 'patient' ? await patientOf(organisation, caller, undefined) : undefined;
      const all = patient === undefined ? [] : await consentsOf(organisation, caller, patient);
      const found = all.find(({ id }) => id === request.params.id);
      if (found === undefined)
        throw new ServerError('not-found', 'There is no such resource; search Consents by patient.');
      return sendTree(reply, found);
    },
  });
  app.route<{ Params: Pick<InPath, 'org'>; Body: Buffer | undefined }>({
    method: 'POST',
    url: '/:org/fhir/R4/Consent',
    config: { access: FHIR_ACCESS, fhir: true },
    bodyLimit: CONSENT_BYTES_MAX,
    schema: describe('Asks a patient for access; with the patient’s signed call, grants it.', IN_BASE, {
      hasBody: true,
    }),
    handler: async (request, reply) => {
      const consent = parseBody(request);
      const issues = validateForWrite(consent);
      if (hasErrors(issues)) return sendProblem(reply, { ...problem('structure-invalid'), issues });
      const organisation = readHosted(node, request.params.org);
      const made = await takeConsent(organisation, callerOf(node, request), consent);
      return sendTree(reply.header('location', `${organisation.baseUrl}/Consent/${idIn(made)}`), made, 201);
    },
  });
}

function parseBody({ body, headers }: FastifyRequest<{ Body: Buffer | undefined }>): FhirTree {
  if (body === undefined) throw new ServerError('bad-request', 'A Consent is the body of the request.');
  const isXml = /xml/.test(headers['content-type'] ?? '');
  const tree = isXml ? parseFhirXml(body) : parseFhirJson(body);
  if (tree.resourceType !== 'Consent') throw new ServerError('bad-request', 'The body is a Consent.');
  return tree;
}

/**
 * The patient whose consents a caller may see at all: a patient their own, members of staff one whom they have in care.
 * undefined for anybody else's, as for nobody's.
 */
async function patientOf(
  { vault }: HostedOrganisation,
  caller: VaultCaller,
  fhirId: string | undefined,
): Promise<KnownPatient | undefined> {
  if (caller.kind === 'app' || caller.narrow !== undefined) {
    throw new RecordsError('denied', 'Consents are for the patient, and for who has the patient in care.');
  }
  if (caller.kind === 'patient') {
    const own = await vault.patients.findByPid(caller.who.pid);
    return fhirId === undefined || own?.fhirId === fhirId ? own : undefined;
  }
  if (fhirId === undefined) throw new ServerError('bad-request', 'Name the patient: Consent?patient=….');
  const [patient, record] = await Promise.all([
    vault.patients.findByFhirId(fhirId),
    vault.rows.findResource('Patient', fhirId),
  ]);
  if (patient === undefined || record === undefined) return undefined;
  const decision = await sightOf(vault, caller).decide(sightedOf(record), 's');
  // To know a patient by name is no reason to know what they consented to.
  return decision.kind === 'allowed' && decision.reason !== 'registrar' ? patient : undefined;
}

/** What a patient consented to tells of them: whoever of the staff looks stands in the log, also where there is nothing to see. */
async function noteLook(
  { vault }: HostedOrganisation,
  caller: VaultCaller,
  { pid, asked }: { readonly pid: string | null; readonly asked: ProjectionSearch['asked'] },
): Promise<void> {
  if (caller.kind === 'patient') return;
  const { who, purpose, grant } = sightOf(vault, caller);
  const query = `Consent?${new URLSearchParams(asked.map(([name, value]): [string, string] => [name, value])).toString()}`;
  const event = { kind: 'search', atMs: vault.clock(), pid, who, purpose, grant, query, outcome: 'ok' } as const;
  await vault.audit.append({ ...event, session: null, records: [], request: null });
}

async function consentsOf(
  organisation: HostedOrganisation,
  caller: VaultCaller,
  patient: KnownPatient,
): Promise<readonly FhirTree[]> {
  const { vault, exchange, slug } = organisation;
  const { pid, fhirId } = patient;
  const nowMs = vault.clock();
  const requests = await exchange.requests.listOfPid(pid, { limit: REQUESTS_MAX });
  const asked = requests.map((request) => consentOfRequest(request, { fhirId, organisation: slug }));
  if (caller.kind === 'patient') return [...(await grantsOf(organisation, patient)), ...asked];
  // Staff see what their organisation was granted in answer to what it asked; to whom else a patient granted is the patient's.
  const granted: FhirTree[] = [];
  for (const { asked: words, status } of requests) {
    if (status !== 'granted' && status !== 'partly') continue;
    for (const { terms, authorOrganisation } of await exchange.tokens.listOfRequest(pid, words.request)) {
      const key = `grant/${terms.pid}/${terms.grant}`;
      const fact = (await vault.ledger.get(key)) as GrantFact | undefined;
      const made = { terms, status: consentStatus(fact, terms, nowMs), madeMs: fact?.firstMs ?? terms.notBeforeMs };
      granted.push(consentOfGrant(made, { fhirId, organisation: authorOrganisation }));
    }
  }
  return [...granted, ...asked];
}

async function grantsOf(
  { vault, slug }: HostedOrganisation,
  { pid, fhirId }: KnownPatient,
): Promise<readonly FhirTree[]> {
  const entries = await vault.ledger.range(`grant/${pid}/`, `grant/${pid}0`, GRANTS_MAX);
  const found: FhirTree[] = [];
  for (const { key, value } of entries) {
    const fact = value as unknown as GrantFact;
    const opened = await vault.grants.find(pid, key.slice(key.lastIndexOf('/') + 1));
    if (opened === undefined) continue;
    const { terms } = opened;
    const made = { terms, status: consentStatus(fact, terms, vault.clock()), madeMs: fact.firstMs };
    found.push(consentOfGrant(made, { fhirId, organisation: slug }));
  }
  return found;
}

async function takeConsent(
  organisation: HostedOrganisation,
  caller: VaultCaller,
  consent: FhirTree,
): Promise<FhirTree> {
  const fhirId = patientNamed(consent);
  const patient = await patientOf(organisation, caller, fhirId);
  if (patient === undefined) throw new ServerError('not-found', 'You have no such patient in care.');
  if (caller.kind === 'patient') return takeSignedGrant(organisation, patient, consent);
  const who = caller.kind === 'member' ? caller.who : caller.kind === 'writer' ? caller.writer.who : undefined;
  if (who === undefined) throw new RecordsError('denied', 'Staff ask patients for access.');
  const request = await requestConsent(organisation, {
    pid: patient.pid,
    requester: who.id,
    wanted: wantedOf(consent),
  });
  const kept = await organisation.exchange.requests.find(patient.pid, request);
  if (kept === undefined) throw new RecordsError('corrupt', 'a request that was kept is not found');
  return consentOfRequest(kept, { fhirId: patient.fhirId, organisation: organisation.slug });
}

function patientNamed({ patient }: FhirTree): string {
  const reference = (patient as FhirTree | undefined)?.reference;
  const parsed = parseReference(typeof reference === 'string' ? reference : '');
  if (parsed.kind !== 'local' || parsed.type !== 'Patient') {
    throw new ServerError('bad-request', 'The Consent names its patient as Patient/<id>.');
  }
  return parsed.id;
}

/** Nothing but the patient's own signed call makes a grant, whatever the Consent around it says. */
async function takeSignedGrant(
  organisation: HostedOrganisation,
  patient: KnownPatient,
  { sourceAttachment }: FhirTree,
): Promise<FhirTree> {
  const { contentType, data } = (sourceAttachment ?? {}) as { readonly contentType?: unknown; readonly data?: unknown };
  if (contentType !== SIGNED_CALL_TYPE || typeof data !== 'string') {
    throw new ServerError('bad-request', `A patient’s Consent carries the signed call, as ${SIGNED_CALL_TYPE}.`);
  }
  const given = parseSignedGrant(data);
  const { kind, subject } = parseSigner(given.call.payload.signer);
  if (kind !== 'pid' || subject !== patient.pid) {
    throw new ServerError('not-permitted', 'The call is signed for another pid than the one that is logged in.');
  }
  await takeGrant(organisation, given, { seals: given.seals });
  const { grant } = given.call.payload.args as { readonly grant?: unknown };
  const all = await grantsOf(organisation, patient);
  const made = all.find(({ id }) => id === (typeof grant === 'string' ? idOf('grant', grant) : undefined));
  if (made === undefined) throw new RecordsError('corrupt', 'a grant that was committed is not found');
  return made;
}

function parseSignedGrant(data: string): GivenCall & { readonly seals: readonly GivenSeal[] } {
  const value = parseFhirJson(Buffer.from(data, 'base64')) as unknown as Partial<
    GivenCall & { readonly seals: readonly GivenSeal[] }
  >;
  const isCall = typeof value.call?.payload?.signer === 'string' && typeof value.call.signature === 'string';
  if (!isCall || !Array.isArray(value.seals)) {
    throw new ServerError('bad-request', 'The attachment is {call, privateArgs, seals} as /patient/grants takes it.');
  }
  return value as GivenCall & { readonly seals: readonly GivenSeal[] };
}
