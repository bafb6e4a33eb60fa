import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { transaction } from '../../test/fhir-place.ts';
import { type Hook, openHook } from '../../test/hook.ts';
import {
  type Chart,
  exportedFor,
  type Hidden,
  markedObservation,
  openSightPlace,
  patchOf,
  type SightPlace,
} from '../../test/sight-place.ts';

/** A founding, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let place: SightPlace;
let hook: Hook;
/** Who denied the label HIV: the doctor has the patient in care and may see all else. */
let chart: Chart;
let hidden: Hidden;
let doctor: string;
let stranger: string;
beforeAll(async () => {
  hook = await openHook();
  place = await openSightPlace();
  chart = place.charts['the label denied'];
  hidden = chart.targets['laboratory HIV'];
  doctor = place.tokenOf('clinician in care');
  stranger = place.tokenOf('clinician not in care');
});
afterAll(async () => {
  await place?.[Symbol.asyncDispose]();
  await hook?.[Symbol.asyncDispose]();
});

const get = (path: string, token = doctor) => place.ask(token, 'GET', path);

type PathOf = (wanted: { readonly id: string; readonly marker: string }) => string;

/** What the node answers of what is shown, what is hidden, and what was never there. */
async function guesses(pathOf: PathOf): Promise<{ readonly [of in 'shown' | 'hidden' | 'nothing']: unknown }> {
  const ask = async (path: string): Promise<unknown> => {
    const { statusCode, body } = await get(path);
    const { total, entry } = JSON.parse(body) as { total?: number; entry?: readonly unknown[] };
    return { statusCode, total, entries: entry?.length ?? 0 };
  };
  return {
    shown: await ask(pathOf(chart.targets['laboratory N'])),
    hidden: await ask(pathOf(hidden)),
    nothing: await ask(pathOf({ id: crypto.randomUUID(), marker: `marker-${crypto.randomUUID()}` })),
  };
}

const NOTHING = { statusCode: 200, total: 0, entries: 0 };
const FOUND = { statusCode: 200, total: expect.toSatisfy((total: number) => total > 0), entries: expect.any(Number) };
const NO_ORACLE = { shown: FOUND, hidden: NOTHING, nothing: NOTHING };

/** The patient's own count of what is kept of them. */
const counted = async (): Promise<number> =>
  (await get('Observation?_summary=count', chart.patient.token)).json<{ total: number }>().total;
const seenVersion = async (): Promise<string> =>
  (await get(`Observation/${hidden.id}`, chart.patient.token)).json<{ meta: { versionId: string } }>().meta.versionId;

describe('ways in which servers have leaked', () => {
  it('1: a search total (_total, _summary=count) counts nothing hidden', async () => {
    for (const query of ['_summary=count', '_total=accurate', '_total=estimate', '_count=0']) {
      const { total = 0 } = (await get(`Observation?_id=${hidden.id}&${query}`)).json<{ total?: number }>();
      expect(total, query).toBe(0);
      const all = (await get(`Observation?patient=${chart.patient.fhirId}&${query}`)).json<{ total?: number }>();
      expect(all.total ?? 3, query).toBe(3);
    }
  });

  it('2: _include, _revinclude and :iterate bring nothing hidden', async () => {
    for (const query of [
      `Observation?_id=${chart.panel}&_include=Observation:has-member`,
      `Observation?_id=${chart.panel}&_include:iterate=Observation:has-member`,
      `Observation?_id=${chart.panel}&_include=*`,
      `Patient?_id=${chart.patient.fhirId}&_revinclude=Observation:subject`,
      `Patient?_id=${chart.patient.fhirId}&_revinclude=Observation:patient&_include:iterate=Observation:has-member`,
    ])
      expect((await get(query)).body, query).not.toContain(hidden.marker);
  });

  it('3: a chained search and _has are no oracle about what is hidden', async () => {
    const paths: readonly PathOf[] = [
      ({ marker }) => `Observation?has-member:Observation.identifier=${marker}`,
      ({ marker }) => `Patient?_has:Observation:patient:identifier=${marker}`,
      ({ marker }) => `Patient?_has:Observation:patient:value-string=${marker}`,
      ({ marker }) => `Observation?subject:Patient._has:Observation:patient:identifier=${marker}`,
    ];
    for (const pathOf of paths) expect(await guesses(pathOf), pathOf(hidden)).toEqual(NO_ORACLE);
  });

  it('4: history of instance, type and system, and a version read after the denial, show nothing hidden or deleted', async () => {
    const open = place.charts['no denial'];
    const subject = `Patient/${open.patient.fhirId}`;
    const marker = `marker-${crypto.randomUUID()}`;
    const made = await place.ask(doctor, 'POST', 'Observation', {
      body: markedObservation('laboratory HIV', { subject, marker }),
    });
    const { id } = made.json<{ id: string }>();
    expect((await place.ask(doctor, 'PATCH', `Observation/${id}`, patchOf('amended'))).statusCode).toBe(200);
    expect((await place.ask(doctor, 'DELETE', `Observation/${id}`)).statusCode).toBe(204);
    expect((await get(`Observation/${id}/_history/1`)).body).toContain(marker);
    const denial = await place.deny(open.patient, { labelClasses: ['HIV'] });
    for (const path of [
      ...[`Observation/${id}`, `Observation/${id}/_history`, `Observation/${id}/_history/1`],
      ...[`Observation/${id}/_history/2`, `Observation/${id}/_history/3`],
      ...['Observation/_history?_count=200', '_history?_count=200'],
    ]) {
      for (const token of [doctor, stranger]) {
        const { body } = await get(path, token);
        expect(body, path).not.toContain(marker);
        expect(body, path).not.toContain(`/${id}"`);
      }
    }
    await place.allow(open.patient, denial);
  });

  it('5: files of an export made before a denial hold nothing denied at download', async () => {
    const open = place.charts['no denial'];
    const { marker } = open.targets['laboratory HIV'];
    const { output } = await exportedFor(place, doctor);
    const before = await Promise.all(output.map(({ url }) => get(new URL(url).pathname)));
    expect(before.map(({ body }) => body).join('')).toContain(marker);
    const denial = await place.deny(open.patient, { labelClasses: ['HIV'] });
    const after = await Promise.all(output.map(({ url }) => get(new URL(url).pathname)));
    expect(after.map(({ body }) => body).join('')).not.toContain(marker);
    expect(after.map(({ body }) => body).join('')).toContain(open.targets['laboratory N'].marker);
    await place.allow(open.patient, denial);
  });

  it('6: the status and the files of an asynchronous job are another’s for everybody else', async () => {
    const { status, output } = await exportedFor(place, doctor);
    for (const path of [status, ...output.map(({ url }) => new URL(url).pathname)]) {
      for (const token of [stranger, chart.patient.token, place.tokenOf('administrator')])
        expect((await get(path, token)).statusCode, path).toBe(404);
    }
    expect((await place.ask(stranger, 'DELETE', status)).statusCode).toBe(404);
    expect((await get(status)).statusCode).toBe(200);
  });

  it('7: GraphQL follows no reference, list or alias into what is hidden', async () => {
    const { fhirId } = chart.patient;
    const { id, marker } = chart.targets['laboratory N'];
    const queries = [
      `{ ObservationList(_id: "${chart.panel}") { hasMember { reference resource { ... on Observation { valueString } } } } }`,
      `{ Patient(id: "${fhirId}") { a: ObservationList(_reference: "subject") { valueString identifier { value } } } }`,
    ];
    for (const query of queries) {
      const { body } = await get(`$graphql?query=${encodeURIComponent(query)}`);
      expect([body.includes(marker), body.includes(hidden.marker)], body.slice(0, 500)).toEqual([true, false]);
    }
    const readOf = (wanted: string) =>
      get(`$graphql?query=${encodeURIComponent(`{ Observation(id: "${wanted}") { valueString } }`)}`);
    expect((await readOf(id)).body).toContain(marker);
    expect((await readOf(hidden.id)).body).not.toContain(hidden.marker);
  });

  it('8: a transaction that is refused has written nothing, and tells nothing of what it would have changed', async () => {
    const before = await counted();
    const subject = `Patient/${chart.patient.fhirId}`;
    const fresh = {
      resource: markedObservation('laboratory N', { subject, marker: 'fresh' }),
      request: { method: 'POST', url: 'Observation' },
    };
    const url = `Observation/${hidden.id}`;
    for (const request of [{ url }, { url, ifMatch: 'W/"1"' }].map((each) => ({ ...each, method: 'DELETE' }))) {
      const answer = await place.ask(doctor, 'POST', '', { body: transaction(fresh, { request }) });
      expect(answer.statusCode, answer.body).toBeGreaterThanOrEqual(400);
      expect(answer.body).not.toContain(hidden.marker);
      expect([await counted(), await seenVersion()]).toEqual([before, '1']);
    }
  });

  it('9: conditional create, update, patch and delete neither find nor change what is hidden', async () => {
    const search = `identifier=${hidden.marker}`;
    const nothing = `identifier=marker-${crypto.randomUUID()}`;
    const subject = `Patient/${chart.patient.fhirId}`;
    for (const [method, options] of [
      ['PATCH', patchOf('amended')],
      ['DELETE', {}],
    ] as const) {
      const [left, right] = [
        await place.ask(doctor, method, `Observation?${search}`, options),
        await place.ask(doctor, method, `Observation?${nothing}`, options),
      ];
      expect([left.statusCode, left.body]).toEqual([right.statusCode, right.body]);
    }
    const body = markedObservation('laboratory N', { subject, marker: 'conditional' });
    for (const wanted of [search, nothing]) {
      const created = await place.ask(doctor, 'POST', 'Observation', { body, headers: { 'if-none-exist': wanted } });
      expect([created.statusCode, created.json<{ id: string }>().id === hidden.id]).toEqual([201, false]);
      const updated = await place.ask(doctor, 'PUT', `Observation?${wanted}`, { body });
      expect([updated.statusCode, updated.json<{ id: string }>().id === hidden.id]).toEqual([201, false]);
    }
    const referring = async (wanted: string) => {
      const resource = { ...body, hasMember: [{ reference: `Observation?${wanted}` }] };
      const entry = { resource, request: { method: 'POST', url: 'Observation' } };
      return (await place.ask(doctor, 'POST', '', { body: transaction(entry) })).body;
    };
    expect(await referring(search)).toBe(await referring(nothing));
    expect(await seenVersion()).toBe('1');
  });

  it('10: $everything, $summary, $match and $proof gather nothing hidden', async () => {
    const { fhirId } = chart.patient;
    for (const path of [
      `Patient/${fhirId}/$everything?_count=100`,
      `Patient/${fhirId}/$summary`,
      `Observation/${hidden.id}/$proof`,
    ])
      expect((await get(path)).body, path).not.toContain(hidden.marker);
    const resource = { resourceType: 'Patient', name: [{ family: 'Example' }] };
    const body = { resourceType: 'Parameters', parameter: [{ name: 'resource', resource }] };
    const matched = await place.ask(stranger, 'POST', 'Patient/$match', { body });
    expect(matched.body).not.toContain(fhirId);
  });

  it('11: errors, ETag, Location and paging links give away nothing, nor does another session’s link open', async () => {
    for (const [method, options] of [
      ['GET', { headers: { 'if-none-match': 'W/"1"' } }],
      ['PATCH', { ...patchOf('amended'), headers: { 'if-match': 'W/"9"' } }],
      ['DELETE', { headers: { 'if-match': 'W/"9"' } }],
    ] as const) {
      const answer = await place.ask(doctor, method, `Observation/${hidden.id}`, options);
      expect(answer.statusCode, method).toBeGreaterThanOrEqual(400);
      expect(answer.statusCode, method).not.toBe(412);
      for (const name of ['etag', 'location', 'last-modified']) expect(answer.headers[name], name).toBeUndefined();
      expect(answer.body).not.toContain(hidden.marker);
    }
    // Which rule closes a record would tell of its label, or of what the patient said.
    const refused = [hidden, chart.targets['laboratory N']].map(({ id }) =>
      place.ask(stranger, 'PATCH', `Observation/${id}`, patchOf('amended')),
    );
    const [left, right] = await Promise.all(refused);
    expect([left?.statusCode, left?.body]).toEqual([403, right?.body]);
    for (const first of [`Observation?patient=${chart.patient.fhirId}&_count=1`, 'Observation/_history?_count=1']) {
      const { link } = (await get(first)).json<{ link: readonly { relation: string; url: string }[] }>();
      const next = new URL(link.find(({ relation }) => relation === 'next')!.url);
      expect(next.href).not.toContain(chart.patient.pid);
      expect((await get(next.pathname + next.search)).statusCode).toBe(200);
      for (const token of [stranger, chart.patient.token])
        expect((await get(next.pathname + next.search, token)).statusCode, first).toBeGreaterThanOrEqual(400);
    }
  });

  it('12: _sort, _elements, _summary and guesses at content are no oracle about hidden fields', async () => {
    const patient = `patient=${chart.patient.fhirId}`;
    for (const query of ['_sort=-_lastUpdated', '_sort=value-string', '_elements=valueString', '_summary=text']) {
      const { body } = await get(`Observation?${patient}&${query}&_count=100`);
      expect(body.match(/"fullUrl":"[^"]*"/g)?.join('') ?? '', query).not.toContain(hidden.id);
      expect(body, query).not.toContain(hidden.marker);
    }
    const paths: readonly PathOf[] = [
      ({ marker }) => `Observation?value-string=${marker}`,
      ({ marker }) => `Observation?value-string:contains=${marker.slice(7, 20)}&${patient}`,
      ({ id }) => `Observation?_id=${id}&_elements=status`,
    ];
    for (const pathOf of paths) expect(await guesses(pathOf), pathOf(hidden)).toEqual(NO_ORACLE);
  });

  it('and a subscription: nobody is told of what they may not see, not even that something happened', async () => {
    const { fhirId } = chart.patient;
    const body = {
      ...{ resourceType: 'Subscription', status: 'requested', reason: 'to be told' },
      criteria: `Observation?patient=Patient/${fhirId}`,
      channel: { type: 'rest-hook', endpoint: hook.url, payload: 'application/fhir+json' },
    };
    const made = await place.ask(stranger, 'POST', 'Subscription', { body });
    expect(made.statusCode, made.body).toBe(201);
    const own = await place.ask(doctor, 'POST', 'Subscription', { body });
    const idOf = (answer: typeof made): string => answer.json<{ id: string }>().id;
    for (const [answer, token] of [
      [made, stranger],
      [own, doctor],
    ] as const)
      await vi.waitFor(
        async () =>
          expect((await get(`Subscription/${idOf(answer)}`, token)).json<{ status: string }>().status).toBe('active'),
        { timeout: 60_000, interval: 50 },
      );
    const marker = `marker-${crypto.randomUUID()}`;
    const subject = `Patient/${fhirId}`;
    const written = await place.ask(doctor, 'POST', 'Observation', {
      body: markedObservation('laboratory N', { subject, marker }),
    });
    const about = `Observation/${idOf(written)}`;
    await vi.waitFor(() => expect(hook.received.some(({ body: sent }) => sent.includes(about))).toBe(true), {
      ...{ timeout: 60_000, interval: 50 },
    });
    const sent = hook.received.map((notice) => notice.body);
    expect(sent.join('')).not.toContain(marker);
    expect(sent.filter((notice) => notice.includes(`Subscription/${idOf(made)}`)).join('')).not.toContain(about);
    expect((await get(`Subscription/${idOf(made)}/$status`, stranger)).body).toContain('"valueString":"0"');
  });
});
