import {
  type Issue,
  isResourceType,
  type OwnFilter,
  parseSearch,
  patientCompartment,
  RESOURCE_TYPES,
  type ResourceType,
  type SearchRequest,
} from '@salus/fhir';
import {
  openPageLink,
  PAGE_LINK_LIFETIME_MS,
  type PageLink,
  type SearchPosition,
  sealPageLink,
  sightOf,
} from '@salus/records';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { callerOf, callerSession, FHIR_ACCESS } from './caller.ts';
import { describe, IN_BASE, type InPath, RESOURCE_IN_PATH } from './describe.ts';
import { sendProblem, sendText } from './fhir-answer.ts';
import { pageWithLinks } from './foreign.ts';
import { ledgerProvenances } from './projections/provenances.ts';
import { knownType } from './reads.ts';
import { searchSet } from './search-set.ts';

/** A form with search parameters. */
const FORM_BYTES_MAX = 256 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';
/** Types of one search at the base: each is a search of its own. */
const TYPES_MAX = 24;
const PAGE = '_page';

type Pairs = readonly (readonly [name: string, value: string])[];
type SearchCall = FastifyRequest<{ Params: Partial<InPath> & Pick<InPath, 'org'>; Body: unknown }>;

/** What a path searches: `''` at the base, `Observation`, `Patient/x/Observation`, `Patient/x/*`. */
interface Asked {
  readonly path: string;
  readonly parameters: Pairs;
  readonly position: SearchPosition | undefined;
}

/** Search (R4 §3.1.1): of a type, of all, in a patient's compartment; by GET and by POST. */
export function addSearch(app: FastifyInstance, node: Node): void {
  app.addContentTypeParser(FORM_TYPE, { parseAs: 'string', bodyLimit: FORM_BYTES_MAX }, (_request, body, done) =>
    done(null, body),
  );
  const inType = { ...IN_BASE, type: schema.resourceType };
  const inCompartment = { ...RESOURCE_IN_PATH, member: schema.matching('^(?:[A-Z][A-Za-z]{1,63}|\\*)$', 64) };
  const places = [
    { url: '', params: IN_BASE, summary: 'Search at the base, for the types that `_type` names.' },
    { url: '/:type', params: inType, summary: 'Search for resources of a type.' },
    { url: '/:type/:id/:member', params: inCompartment, summary: 'Search in a patient’s compartment.' },
  ] as const;
  for (const { url, params, summary } of places) {
    const handler = (request: SearchCall, reply: FastifyReply) => answer(node, request, reply);
    const config = { access: FHIR_ACCESS, fhir: true };
    app.route({ method: 'GET', url: `/:org/fhir/R4${url}`, config, schema: describe(summary, params), handler });
    app.route({
      method: 'POST',
      url: `/:org/fhir/R4${url}/_search`,
      config,
      bodyLimit: FORM_BYTES_MAX,
      schema: describe(`${summary} The parameters stand in the body.`, params),
      handler,
    });
  }
}

async function answer(node: Node, request: SearchCall, reply: FastifyReply): Promise<FastifyReply> {
  const organisation = readHosted(node, request.params.org);
  const { vault, baseUrl } = organisation;
  const caller = callerOf(node, request);
  const session = callerSession(request);
  const nowMs = node.nowMs();
  const asked = askedBy(request, (text) => openPageLink(vault.masterKey, session, text, nowMs));
  const strict = /(?:^|[,;\s])handling=strict(?:$|[,;\s])/.test(String(request.headers.prefer ?? ''));
  const parsed = parse(asked, strict);
  if (parsed.kind === 'refused') return sendProblem(reply, { ...problem(parsed.code), issues: parsed.issues });
  const { requests, within, issues } = parsed;
  const query = `${asked.path}?${new URLSearchParams(asked.parameters.map(([name, value]): [string, string] => [name, value])).toString()}`;
  const beyond = await organisation.exchange.foreign.beyond(caller);
  const search = { requests, query, beyond, ...(within === undefined ? {} : { within }) };
  const found = await vault.search.find(sightOf(vault, caller), search, asked.position);
  const page = beyond === undefined ? found : await pageWithLinks({ organisation, caller }, found);
  const projected = asked.position === undefined ? await ledgerProvenances(organisation, caller, requests[0]) : [];
  const linkTo = (position: SearchPosition): string => {
    const { path, parameters } = asked;
    const link: PageLink = { path, parameters, position, untilMs: nowMs + PAGE_LINK_LIFETIME_MS };
    return `${baseUrl}${path === '' ? '' : `/${path}`}?${PAGE}=${sealPageLink(vault.masterKey, session, link)}`;
  };
  const next = page.next === undefined ? undefined : linkTo(page.next);
  return sendText(reply, searchSet({ baseUrl, path: asked.path, requests, issues, page, projected, next, nowMs }));
}

function askedBy(request: SearchCall, open: (text: string) => PageLink): Asked {
  const { type, id, member } = request.params as Partial<InPath & { member: string }>;
  const path = [type, id, member].filter((part) => part !== undefined).join('/');
  const parameters = parametersOf(request);
  const page = parameters.find(([name]) => name === PAGE)?.[1];
  if (page === undefined) return { path, parameters, position: undefined };
  const link = open(page);
  if (link.path !== path) throw new ServerError('not-found', 'The page belongs to another search.');
  return { path, parameters: link.parameters, position: link.position };
}

/** Of the query, and of the form. */
function parametersOf(request: FastifyRequest): Pairs {
  const at = request.url.indexOf('?');
  const query = at < 0 ? '' : request.url.slice(at + 1);
  const form = typeof request.body === 'string' ? request.body : '';
  if (request.method === 'POST' && request.body !== undefined && form === '' && request.body !== '') {
    throw new ServerError('unsupported-media-type', `The parameters of a search stand in a body of ${FORM_TYPE}.`);
  }
  return [...new URLSearchParams(query), ...new URLSearchParams(form)];
}

type Parsed =
  | {
      readonly kind: 'search';
      readonly requests: readonly SearchRequest[];
      readonly within: ReadonlyMap<string, readonly OwnFilter[]> | undefined;
      readonly issues: readonly Issue[];
    }
  | { readonly kind: 'refused'; readonly code: string; readonly issues: readonly Issue[] };

function parse({ path, parameters }: Asked, strict: boolean): Parsed {
  const [type, id, member] = path.split('/');
  const within = id === undefined ? undefined : compartmentOf(type, id);
  const named = parameters.filter(([name]) => name === '_type').flatMap(([, value]) => value.split(','));
  const rest = parameters.filter(([name]) => name !== '_type');
  const types = typesOf({ type, member, named, within });
  if (typeof types === 'string') return refused('bad-request', types);
  const requests: SearchRequest[] = [];
  const issues: Issue[] = [];
  for (const each of types) {
    const parsed = parseSearch(each, rest, { strict });
    if (parsed.kind === 'refused') {
      const costly = parsed.issues.some(({ code }) => code === 'too-costly');
      return { kind: 'refused', code: costly ? 'too-costly' : 'bad-request', issues: parsed.issues };
    }
    requests.push(parsed.request);
    issues.push(...parsed.issues);
  }
  return { kind: 'search', requests, within, issues };
}

/** The types, or what is wrong. */
function typesOf(asked: {
  readonly type: string | undefined;
  readonly member: string | undefined;
  readonly named: readonly string[];
  readonly within: ReadonlyMap<string, unknown> | undefined;
}): readonly ResourceType[] | string {
  const { type, member, named, within } = asked;
  if (within === undefined && type !== undefined && type !== '') return [knownType(type)];
  if (member !== undefined && member !== '*') {
    const known = knownType(member);
    return within?.has(known) === true ? [known] : 'resources of this type are in no patient’s compartment';
  }
  const unknown = named.find((name) => !isResourceType(name));
  if (unknown !== undefined) return '_type names what is no resource type of R4';
  const wanted = RESOURCE_TYPES.filter((each) => named.includes(each) && (within === undefined || within.has(each)));
  if (within !== undefined && named.length === 0) return RESOURCE_TYPES.filter((each) => within.has(each));
  if (wanted.length === 0) return 'a search at the base names its types in _type';
  return wanted.length > TYPES_MAX ? `a search at the base names at most ${TYPES_MAX} types` : wanted;
}

function compartmentOf(type: string | undefined, id: string): ReadonlyMap<ResourceType, readonly OwnFilter[]> {
  if (type !== 'Patient') throw new ServerError('not-found', 'The only compartments here are those of patients.');
  return patientCompartment(id);
}

function refused(code: string, text: string): Parsed {
  return { kind: 'refused', code, issues: [{ severity: 'error', code: 'invalid', text }] };
}
