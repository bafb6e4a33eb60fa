import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { transaction } from '../../test/fhir-place.ts';
import {
  CONSENTS,
  type Consent,
  exportedFor,
  markedObservation,
  openSightPlace,
  patchOf,
  READERS,
  type Reader,
  type SightPlace,
  TARGETS,
  type Target,
} from '../../test/sight-place.ts';

/** A founding, four patients and ten who ask, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let place: SightPlace;
beforeAll(async () => {
  place = await openSightPlace();
});
afterAll(() => place?.[Symbol.asyncDispose]());

/** The rules, written from the design and apart from the code: role, care and grant open; denial and revocation close. */
const CATEGORIES: Readonly<Record<Reader, readonly string[]>> = {
  'clinician in care': ['laboratory', 'vital-signs'],
  'clinician not in care': [],
  'nurse in care': ['laboratory', 'vital-signs'],
  'pharmacist in care': ['laboratory'],
  'laboratory in care': ['laboratory'],
  registrar: [],
  administrator: [],
  'another patient': [],
  'service for TREAT': ['laboratory'],
  'service for HRESCH': [],
};

function isOpen(reader: Reader, consent: Consent, target: Target): boolean {
  const [category = '', label] = target.split(' ');
  if (consent === 'the person denied') return false;
  if (label === 'HIV' && (consent === 'the label denied' || reader.startsWith('service'))) return false;
  return CATEGORIES[reader]!.includes(category);
}

interface Case {
  readonly reader: Reader;
  readonly consent: Consent;
  readonly target: Target;
}

const CASES: readonly Case[] = READERS.flatMap((reader) =>
  CONSENTS.flatMap((consent) => TARGETS.map((target) => ({ reader, consent, target }))),
);

interface Probe {
  readonly token: string;
  readonly patient: string;
  readonly panel: string;
  readonly id: string;
  readonly marker: string;
}

function probeOf({ reader, consent, target }: Case): Probe {
  const { patient, panel, targets } = place.charts[consent];
  return { token: place.tokenOf(reader), patient: patient.fhirId, panel, ...targets[target] };
}

/** What is told of the resource must be nothing at all, or all of it. */
type Ask = (probe: Probe) => Promise<{ readonly body: string }>;

const SHOWN: Readonly<Record<string, Ask>> = {
  read: ({ token, id }) => place.ask(token, 'GET', `Observation/${id}`),
  vread: ({ token, id }) => place.ask(token, 'GET', `Observation/${id}/_history/1`),
  search: ({ token, patient }) => place.ask(token, 'GET', `Observation?patient=${patient}&_count=100`),
  'search by POST': ({ token, id }) => place.ask(token, 'POST', `Observation/_search?_id=${id}`, { body: undefined }),
  _include: ({ token, panel }) => place.ask(token, 'GET', `Observation?_id=${panel}&_include=Observation:has-member`),
  _revinclude: ({ token, patient }) =>
    place.ask(token, 'GET', `Patient?_id=${patient}&_revinclude=Observation:patient`),
  'instance history': ({ token, id }) => place.ask(token, 'GET', `Observation/${id}/_history`),
  'type history': ({ token }) => place.ask(token, 'GET', 'Observation/_history?_count=200'),
  'system history': ({ token }) => place.ask(token, 'GET', '_history?_count=200'),
  $everything: ({ token, patient }) => place.ask(token, 'GET', `Patient/${patient}/$everything?_count=100`),
  GraphQL: ({ token, id }) => {
    const query = encodeURIComponent(`{ ObservationList(_id: "${id}") { valueString } }`);
    return place.ask(token, 'GET', `$graphql?query=${query}`);
  },
  'GraphQL by reference': ({ token, panel }) => {
    const inner = '{ hasMember { resource { ... on Observation { valueString } } } }';
    const query = encodeURIComponent(`{ ObservationList(_id: "${panel}") ${inner} }`);
    return place.ask(token, 'GET', `$graphql?query=${query}`);
  },
  'batch GET': ({ token, id }) => {
    const entry = [{ request: { method: 'GET', url: `Observation/${id}` } }];
    return place.ask(token, 'POST', '', { body: { resourceType: 'Bundle', type: 'batch', entry } });
  },
  'transaction GET': ({ token, id }) => {
    const body = transaction({ request: { method: 'GET', url: `Observation?_id=${id}` } });
    return place.ask(token, 'POST', '', { body });
  },
  $export: async ({ token }) => ({ body: await exported(token) }),
};

const COUNTED: Readonly<Record<string, (probe: Probe) => string>> = {
  '_summary=count': ({ id }) => `Observation?_id=${id}&_summary=count`,
  'total by content': ({ marker }) => `Observation?identifier=urn:example:order|${marker}&_total=accurate&_count=1`,
  _has: ({ patient, marker }) => `Patient?_id=${patient}&_has:Observation:patient:identifier=${marker}`,
  'a chain': ({ panel, marker }) => `Observation?_id=${panel}&has-member:Observation.identifier=${marker}`,
};

const exports = new Map<string, Promise<string>>();

/** All files of one export, made once for each who asks. */
function exported(token: string): Promise<string> {
  const known = exports.get(token) ?? runExport(token);
  exports.set(token, known);
  return known;
}

async function runExport(token: string): Promise<string> {
  const { output } = await exportedFor(place, token);
  const files = await Promise.all(output.map(({ url }) => place.ask(token, 'GET', new URL(url).pathname)));
  return files.map(({ body }) => body).join('\n');
}

describe.each(Object.entries(SHOWN))('%s', (name, ask) => {
  it.each(CASES)('shows $reader, $consent, $target: as the rules have it', async (each) => {
    const probe = probeOf(each);
    const { body } = await ask(probe);
    // A transaction takes whoever may write, and an app without a role may not.
    const isOnlyRead = name === 'transaction GET' && each.reader.startsWith('service');
    const isShown = isOpen(each.reader, each.consent, each.target) && !isOnlyRead;
    expect(body.includes(probe.marker), body.slice(0, 500)).toBe(isShown);
  });
});

describe.each(Object.entries(COUNTED))('%s', (_name, pathOf) => {
  it.each(CASES)('counts for $reader, $consent, $target: as the rules have it', async (each) => {
    const probe = probeOf(each);
    const answer = await place.ask(probe.token, 'GET', pathOf(probe));
    const counted = answer.statusCode === 200 ? answer.json<{ total?: number }>().total : 0;
    expect(counted, answer.body.slice(0, 500)).toBe(isOpen(each.reader, each.consent, each.target) ? 1 : 0);
  });
});

const HIDDEN = CASES.filter(({ reader, consent, target }) => !isOpen(reader, consent, target));

const WRITTEN: Readonly<Record<string, Ask>> = {
  update: ({ token, id, patient }) =>
    place.ask(token, 'PUT', `Observation/${id}`, { body: { ...replacement(patient), id } }),
  patch: ({ token, id }) => place.ask(token, 'PATCH', `Observation/${id}`, patchOf('amended')),
  delete: ({ token, id }) => place.ask(token, 'DELETE', `Observation/${id}`),
  'conditional delete': ({ token, marker }) => place.ask(token, 'DELETE', `Observation?identifier=${marker}`),
  'transaction write': ({ token, id, patient }) => {
    const created = { resource: replacement(patient), request: { method: 'POST', url: 'Observation' } };
    const updated = {
      resource: { ...replacement(patient), id },
      request: { method: 'PUT', url: `Observation/${id}` },
    };
    return place.ask(token, 'POST', '', { body: transaction(created, updated) });
  },
};

const replacement = (patient: string) =>
  markedObservation('vital-signs N', { subject: `Patient/${patient}`, marker: 'overwritten' });

describe.each(Object.entries(WRITTEN))('%s', (_name, ask) => {
  it.each(HIDDEN)('changes nothing for $reader, $consent, $target, and tells nothing', async (each) => {
    const probe = probeOf(each);
    const { patient } = place.charts[each.consent];
    const before = await countOf(patient.token);
    const { body } = await ask(probe);
    expect(body).not.toContain(probe.marker);
    const { meta } = (await place.ask(patient.token, 'GET', `Observation/${probe.id}`)).json<{
      meta: { versionId: string };
    }>();
    expect([meta.versionId, await countOf(patient.token)]).toEqual(['1', before]);
  });
});

/** Observations of a patient, as the patient sees them. */
async function countOf(token: string): Promise<number> {
  return (await place.ask(token, 'GET', 'Observation?_summary=count')).json<{ total: number }>().total;
}
