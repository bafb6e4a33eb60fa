import { parseSearch } from '@salus/fhir';
import type { GrantChoice } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type Answer,
  grantAccess,
  openTestServer,
  readingBody,
  revokeGrant,
  type TestServer,
} from '../../test/hospital.ts';
import { B, FHIR_B, ids, openTwoHospitals, type TwoHospitals, transaction } from '../../test/two-hospitals.ts';

/** A founding and ten grants, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const CODES = 'http://terminology.hl7.org/CodeSystem/';
const TARGETS = ['laboratory N', 'laboratory HIV', 'vital-signs N'] as const;
type Target = (typeof TARGETS)[number];
const markerOf = (target: Target): string => `Marker ${target.replace(' ', '-')}`;

/** At the other hospital: three results, and a panel that names them all. */
function chapter(): string {
  const idOf = ids('c');
  const to = (number: number) => ({ reference: `urn:uuid:${idOf(number)}` });
  const observation = (category: string, label: string, valueString: string) => ({
    resourceType: 'Observation',
    ...(label === 'N' ? {} : { meta: { security: [{ system: `${CODES}v3-ActCode`, code: label }] } }),
    ...{ status: 'final', code: { text: 'result' }, subject: to(0), effectiveDateTime: '2026-01-02', valueString },
    category: [{ coding: [{ system: `${CODES}observation-category`, code: category }] }],
  });
  const targets = TARGETS.map((target) => {
    const [category = '', label = ''] = target.split(' ');
    return observation(category, label, markerOf(target));
  });
  const hasMember = TARGETS.map((target, at) => ({ ...to(at + 1), display: markerOf(target) }));
  return transaction(idOf, [
    { resourceType: 'Patient', name: [{ family: 'Elsewhere' }], birthDate: '1970-01-01' },
    ...targets,
    { ...observation('laboratory', 'N', 'panel'), hasMember },
  ]);
}

/** What the patient agreed to, and what of the three results it opens: from the design, apart from the code. */
interface Consent {
  readonly choice?: Partial<GrantChoice>;
  readonly purpose?: 'TREAT' | 'HRESCH';
  readonly opens: readonly Target[];
  /** Is the panel open, which names them? */
  readonly panel: boolean;
  readonly isRefused?: true;
  readonly after?: (grant: string) => Promise<unknown>;
}

const CONSENTS: Readonly<Record<string, Consent>> = {
  everything: { choice: { labelClasses: ['N', 'HIV'] }, opens: TARGETS, panel: true },
  'normal labels': { opens: ['laboratory N', 'vital-signs N'], panel: true },
  'one category': { choice: { categories: ['laboratory'] }, opens: ['laboratory N'], panel: true },
  'another category': { choice: { categories: ['vital-signs'] }, opens: ['vital-signs N'], panel: false },
  'another type': { choice: { resourceTypes: ['Condition'] }, opens: [], panel: false },
  'a later time': { choice: { dataFromMs: Date.parse('2026-02-01') }, opens: [], panel: false },
  'another purpose': { choice: { purposes: ['HRESCH'] }, opens: [], panel: false, isRefused: true },
  'research, asked for care': {
    choice: { purposes: ['TREAT'] },
    purpose: 'HRESCH',
    opens: [],
    panel: false,
    isRefused: true,
  },
  'another role': {
    choice: { grantee: { kind: 'role', organisation: 'hospital-b', role: 'pharmacist' } },
    ...{ opens: [], panel: false, isRefused: true },
  },
  'a grant that was revoked': {
    choice: { labelClasses: ['N', 'HIV'] },
    ...{ opens: [], panel: false },
    after: (grant) => revokeGrant(server, story.patient, grant),
  },
};

const READERS = ['the clinician with the session', 'a colleague', 'a registrar'] as const;
type Reader = (typeof READERS)[number];
const ACCOUNTS: Readonly<Record<Reader, string>> = {
  'the clinician with the session': 'b.novak',
  'a colleague': 'b.colleague',
  'a registrar': 'b.desk',
};
const ROLES: Readonly<Record<Reader, readonly string[]>> = {
  'the clinician with the session': ['clinician'],
  'a colleague': ['clinician'],
  'a registrar': ['registrar'],
};

let server: TestServer;
let story: TwoHospitals;
let tokens: Readonly<Record<Reader, string>>;
let panel: string;
/** Local ids that the first session gave: whoever wrote them down tries them ever after. */
const known = new Map<Target, string>();

beforeAll(async () => {
  const colleague = { account: 'b.colleague', roles: ['clinician'], family: 'Else', given: 'Some', licence: 'b-9' };
  server = await openTestServer(['hospital-b', 'hospital-a'], undefined, [colleague]);
  story = await openTwoHospitals(server, chapter());
  const logIn = (reader: Reader) => server.logIn(ACCOUNTS[reader], { writing: true });
  tokens = {
    'the clinician with the session': await logIn('the clinician with the session'),
    'a colleague': await logIn('a colleague'),
    'a registrar': await logIn('a registrar'),
  };
});
afterAll(() => server?.[Symbol.asyncDispose]());

const get = (token: string, path: string): Promise<Answer> => server.send('GET', `${FHIR_B}/${path}`, { token });
const query = (token: string, text: string): Promise<Answer> =>
  get(token, `$graphql?query=${encodeURIComponent(text)}`);
const type = 'application/fhir+json';

/** Everything that a door tells, together. */
type Door = (token: string) => Promise<string>;
const each = async (ask: (id: string) => Promise<Answer>): Promise<string> =>
  (await Promise.all([...known.values()].map(ask))).map(({ text }) => text).join('\n');

/** The markers by which a search finds something. */
async function matching(token: string, queryOf: (value: string) => string): Promise<string> {
  const found = await Promise.all(
    TARGETS.map(async (target) => {
      const marker = markerOf(target);
      const { json, text } = await get(token, queryOf(encodeURIComponent(marker)));
      if (json.resourceType !== 'Bundle') throw new Error(text);
      return json.total > 0 ? [marker] : [];
    }),
  );
  return found.flat().join('\n');
}

const DOORS: Readonly<Record<string, Door>> = {
  read: (token) => each((id) => get(token, `Observation/${id}`)),
  vread: (token) => each((id) => get(token, `Observation/${id}/_history/1`)),
  history: (token) => each((id) => get(token, `Observation/${id}/_history`)),
  search: async (token) => (await get(token, `Observation?patient=${story.ownId}`)).text,
  'search by id': async (token) => (await get(token, `Observation?_id=${[...known.values()].join(',')}`)).text,
  'search in the compartment': async (token) => (await get(token, `Patient/${story.ownId}/Observation`)).text,
  _include: async (token) => {
    const found = `Observation?patient=${story.ownId}&_id=${panel}&_include=Observation:has-member`;
    return (await get(token, found)).text;
  },
  _revinclude: async (token) => (await get(token, `Patient?_id=${story.ownId}&_revinclude=Observation:patient`)).text,
  // A chain and _has show no marker: what they match by says that it is there.
  'a chain': (token) =>
    matching(token, (value) => `Observation?patient=${story.ownId}&has-member:Observation.value-string=${value}`),
  _has: (token) =>
    matching(token, (value) => `Patient?_id=${story.ownId}&_has:Observation:patient:value-string=${value}`),
  '_has of a reference': async (token) =>
    (await get(token, `Observation?patient=${story.ownId}&_has:Observation:has-member:value-string=panel`)).text,
  // What there is to tell to a subscriber who has heard of nothing yet.
  'a subscription': async (token) => {
    const parsed = parseSearch('Observation', new URLSearchParams({ patient: story.ownId }), { strict: true });
    if (parsed.kind === 'refused') throw new Error('the search of the test is refused');
    const reader = READERS.find((name) => tokens[name] === token)!;
    const { id } = server.wallet(ACCOUNTS[reader]);
    const { news } = server.node.organisations.get('hospital-b')!.exchange.foreign;
    const who = { kind: 'member', id, organisation: 'hospital-b', roles: ROLES[reader] } as const;
    const caller = { kind: 'member', who, purpose: 'TREAT' } as const;
    const { matches } = await news.find(caller, parsed.request, { seen: new Map(), open: true });
    const told = await Promise.all(matches.map((match) => news.mayTell(caller, match)));
    const ids = new Set(matches.filter((_match, at) => told[at]).map((match) => match.id));
    return TARGETS.flatMap((target) => (ids.has(known.get(target)!) ? [markerOf(target)] : [])).join('\n');
  },
  $summary: async (token) => (await get(token, `Patient/${story.ownId}/$summary`)).text,
  $everything: async (token) => (await get(token, `Patient/${story.ownId}/$everything`)).text,
  GraphQL: (token) => each((id) => query(token, `{ Observation(id: "${id}") { valueString } }`)),
  'a list of GraphQL': async (token) =>
    (await query(token, `{ ObservationList(patient: "${story.ownId}") { valueString } }`)).text,
  'GraphQL by reference': async (token) => {
    const inner = '{ hasMember { resource { ... on Observation { valueString } } } }';
    return (await query(token, `{ Observation(id: "${panel}") ${inner} }`)).text;
  },
  'batch GET': async (token) => {
    const entry = [...known.values()].map((id) => ({ request: { method: 'GET', url: `Observation/${id}` } }));
    const raw = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry });
    return (await server.send('POST', FHIR_B, { token, raw, type })).text;
  },
};
/** These lead through the panel: shut, they lead nowhere. */
const THROUGH_PANEL: ReadonlySet<string> = new Set([
  ...['_include', 'GraphQL by reference', 'a chain', '_has of a reference'],
]);

describe.each(Object.entries(CONSENTS))('a consent to %s', (_name, consent) => {
  let grant: string;

  beforeAll(async () => {
    const doctor = tokens['the clinician with the session'];
    const made = await grantAccess(server, story.patient, {
      ...{ to: 'hospital-b', reader: doctor, categories: ['laboratory', 'vital-signs'], ...consent.choice },
    });
    if (made.answer.status !== 200) throw new Error(made.answer.text);
    ({ grant } = made);
    const { categories = ['laboratory', 'vital-signs'] } = consent.choice ?? {};
    const { purpose = 'TREAT' } = consent;
    const asked = { account: 'b.novak', token: doctor, patient: story.patient, grant, purpose, categories };
    const body = { ...(await readingBody(server, asked)), patient: story.ownId };
    const { status, text } = await server.send('POST', `${B}/reads`, { token: doctor, body });
    if ((status === 200) === (consent.isRefused === true)) throw new Error(text);
    if (known.size === 0) await learn(doctor);
    await consent.after?.(grant);
  });
  afterAll(async () => {
    await revokeGrant(server, story.patient, grant);
  });

  describe.each(READERS)('for %s', (reader) => {
    const isHolder = reader === 'the clinician with the session';

    it.each(Object.keys(DOORS))('%s shows what it opens, and nothing else', async (name) => {
      const told = await DOORS[name]!(tokens[reader]);
      const isLed = consent.panel || !THROUGH_PANEL.has(name);
      for (const target of TARGETS) {
        const isOpen = isHolder && isLed && consent.opens.includes(target);
        expect(told.includes(markerOf(target)), `${target}: ${told.slice(0, 2_000)}`).toBe(isOpen);
      }
    });

    it('counts what it opens, and nothing else', async () => {
      const { json, text } = await get(tokens[reader], `Observation?patient=${story.ownId}&_summary=count`);
      const open = isHolder ? consent.opens.length + (consent.panel ? 1 : 0) : 0;
      expect(json.total ?? 0, text).toBe(open);
    });

    it.each(['PUT', 'DELETE'] as const)('%s changes nothing, and tells nothing', async (method) => {
      for (const id of known.values()) {
        const resource = { resourceType: 'Observation', id, status: 'final', code: { text: 'overwritten' } };
        const body = method === 'PUT' ? { raw: JSON.stringify(resource), type } : {};
        const answer = await server.send(method, `${FHIR_B}/Observation/${id}`, { token: tokens[reader], ...body });
        expect([400, 403, 404, 405, 422], answer.text).toContain(answer.status);
        for (const target of TARGETS) expect(answer.text).not.toContain(markerOf(target));
      }
    });
  });
});

/** The ids of the first consent, which opens everything. */
async function learn(token: string): Promise<void> {
  const { json, text } = await get(token, `Observation?patient=${story.ownId}`);
  const found = (json.entry as { resource: { id: string; valueString: string } }[]).map(({ resource }) => resource);
  const idOf = (value: string): string => {
    const resource = found.find(({ valueString }) => valueString === value);
    if (resource === undefined) throw new Error(text);
    return resource.id;
  };
  for (const target of TARGETS) known.set(target, idOf(markerOf(target)));
  panel = idOf('panel');
}
