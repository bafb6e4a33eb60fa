import { answersOf, parseVisitTask, phaseOf, reasonOf, taskKey, visitTaskResource } from '@salus/fhir/visit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eraseRecords } from '../../test/erase-records.ts';
import { revokeGrant } from '../../test/hospital.ts';
import { readAllKept } from '../../test/kept-plaintext.ts';
import {
  type AgreementBody,
  newVisitId,
  openVisitPlace,
  PROVIDER,
  STAFF,
  seenIn,
  type VisitPlace,
  type Worker,
} from '../../test/visit-place.ts';
import { forgetEarlierCopies } from './earlier-visits.ts';
import { dropErased } from './visit-erasure.ts';

const HOUR_MS = 3_600_000;
/** Three organisations, three claims and four grants, on a loaded machine too. */
const SET_UP_MS = 180_000;
const REASON = 'Thirst and tiredness since spring';
const visit = newVisitId();
let place: VisitPlace;
let agreed: Readonly<Record<'laboratory' | 'pharmacy', AgreementBody>>;
const everAgreed: (typeof agreed)[] = [];
beforeAll(async () => {
  place = await openVisitPlace();
  await agreeAnew();
}, SET_UP_MS);
afterAll(() => place[Symbol.asyncDispose]());

async function agreeAnew(): Promise<void> {
  agreed = await place.agreements();
  everAgreed.push(agreed);
}

async function must(
  answer: Promise<{ status: number; text: string; json: unknown }>,
): Promise<ReturnType<typeof seenIn>> {
  const { status, text, json } = await answer;
  expect(status, text).toBe(200);
  return seenIn(json as Parameters<typeof seenIn>[0]);
}

function wish(id: string): object {
  const answers = { since: 'weeks', worse: true, fever: false, more: 'I drink four litres a day' };
  return { visit: id, reason: REASON, answers, wishedMs: Date.now() + 2 * HOUR_MS };
}

async function beginVisit(id: string): Promise<void> {
  await must(place.asPatient('POST', '', wish(id)));
  const { practitioner } = place;
  await must(place.act('desk', id, 'booking', { practitioner, startMs: Date.now() + HOUR_MS, minutes: 20 }));
  await must(place.asPatient('POST', `/${id}/agreement`, agreed));
  await must(place.act('clinician', id, 'beginning'));
}

async function fhir(
  worker: Worker,
  query: string,
): Promise<{ text: string; json: { total?: number; entry?: { resource: Record<string, unknown> }[] } }> {
  const answer = await place.server.send('GET', `/${STAFF[worker].org}/fhir/R4/${query}`, {
    token: place.tokens[worker],
  });
  expect(answer.status, answer.text).toBe(200);
  return answer;
}

it('leads from a reason to the dispensing, and nobody is asked twice', async () => {
  const asked = await must(place.asPatient('POST', '', wish(visit)));
  expect(phaseOf(asked.course)).toBe('asked');
  const [atDesk] = await place.list('desk');
  expect(reasonOf(atDesk?.course.get('appointment.1')?.parts.appointment)).toBe(REASON);
  const { practitioner } = place;
  await must(place.act('desk', visit, 'booking', { practitioner, startMs: Date.now() + HOUR_MS, minutes: 20 }));
  await must(place.asPatient('POST', `/${visit}/agreement`, agreed));
  const [atClinician] = await place.list('clinician');
  const carried = atClinician?.course.get('consultation.1')?.parts;
  expect(reasonOf(carried?.appointment)).toBe(REASON);
  expect(answersOf(carried?.response)).toMatchObject({
    since: 'weeks',
    worse: true,
    more: 'I drink four litres a day',
  });
  await must(place.act('clinician', visit, 'beginning'));
  await must(place.act('clinician', visit, 'orders', { test: '4548-4' }));
  const [atLaboratory] = await place.list('laboratory');
  expect(atLaboratory?.course.get('laboratory-order.1')?.parts.order).toMatchObject({ reasonCode: [{ text: REASON }] });
  await must(place.act('laboratory', visit, 'order-acceptance', { task: 'laboratory-order.1' }));
  await must(
    place.act('laboratory', visit, 'results', { task: 'laboratory-order.1', values: ['8.40'], conclusion: 'High.' }),
  );
  const [withResult] = await place.list('clinician');
  expect(JSON.stringify(withResult?.course.get('laboratory-order.1')?.parts['observation-1'])).toContain(
    '"value":8.40',
  );
  const prescription = { medicine: '860975', directions: 'One tablet with the evening meal.', quantity: 90 };
  await must(place.act('clinician', visit, 'prescriptions', prescription));
  await place.list('pharmacy');
  await must(place.act('pharmacy', visit, 'prescription-acceptance', { task: 'prescription.1' }));
  await must(place.act('pharmacy', visit, 'dispenses', { task: 'prescription.1', lot: 'L-77' }));
  const [dispensed] = await place.list('clinician');
  expect(dispensed?.course.get('prescription.1')).toMatchObject({
    status: 'completed',
    parts: { dispense: { quantity: { value: 90 }, dosageInstruction: [{ text: prescription.directions }] } },
  });
  await must(place.act('clinician', visit, 'closing'));
  expect(await place.list('clinician')).toEqual([]);
});

it('keeps each act in the record of the organisation that did it, linked by identifiers', async () => {
  const name = `urn:salus:visit-resource|${PROVIDER}/${visit}`;
  const encounter = await fhir('clinician', `Encounter?identifier=${name}/encounter`);
  expect(encounter.json.entry?.[0]?.resource).toMatchObject({ status: 'finished', reasonCode: [{ text: REASON }] });
  const report = await fhir('laboratory', `DiagnosticReport?identifier=${name}/report-1`);
  expect(report.json.entry?.[0]?.resource).toMatchObject({
    conclusion: 'High.',
    basedOn: [{ identifier: { value: `${PROVIDER}/${visit}/order-1` } }],
  });
  const observation = await fhir('laboratory', `Observation?identifier=${name}/observation-1-1`);
  expect(observation.text).toMatch(/"value":\s*8\.40/);
  const dispense = await fhir('pharmacy', `MedicationDispense?identifier=${name}/dispense-1`);
  expect(dispense.json.total).toBe(1);
});

it('has for each hand-over a delivery in the log that the ledger holds', async () => {
  const expected: Record<string, number> = { [PROVIDER]: 9, laboratory: 2, pharmacy: 2 };
  for (const at of [PROVIDER, 'laboratory', 'pharmacy'] as const) {
    await place.server.node.organisations.get(at)!.exchange.roots.publish();
    const { json } = await place.asPatient('GET', '', undefined, at);
    const [own] = json.visits.map(seenIn);
    expect(own.sent).toHaveLength(expected[at]!);
    const url = `/api/v1/orgs/${at}/patient/audit?limit=100`;
    const { json: log } = await place.server.send('GET', url, { token: place.patients[at].token });
    for (const { delivery, state } of own.sent) {
      expect(state).toBe('delivered');
      const line = log.lines.find(
        (each: { event: { exchange?: { delivery?: string } } }) => each.event.exchange?.delivery === delivery,
      );
      expect(line, delivery).toMatchObject({ event: { kind: 'delivery', outcome: 'ok' } });
      expect(line.proof).not.toBeNull();
    }
  }
});

it('shows each participant their own side and nothing else', async () => {
  const id = newVisitId();
  await beginVisit(id);
  const desk = (await place.list('desk')).find((each) => each.visit === id);
  expect(JSON.stringify([...desk!.course.values()])).not.toContain('litres');
  await must(place.act('clinician', id, 'orders', { test: '718-7', note: 'fasting' }));
  const laboratory = (await place.list('laboratory')).find((each) => each.visit === id);
  expect([...laboratory!.course.keys()]).toEqual(['laboratory-order.1']);
  expect(JSON.stringify([...laboratory!.course.values()])).not.toContain('litres');
  expect((await place.list('pharmacy')).some((each) => each.visit === id)).toBe(false);
  const other = await place.server.logIn('a.mehta', { writing: true });
  const { json } = await place.server.send('GET', `/api/v1/orgs/${PROVIDER}/guided-visits`, { token: other });
  expect(json.visits).toEqual([]);
  const url = `/api/v1/orgs/${PROVIDER}/guided-visits/${PROVIDER}/${id}/closing`;
  expect((await place.server.send('POST', url, { token: other, body: {} })).status).toBe(404);
  expect((await place.act('desk', id, 'closing')).status).toBe(403);
  expect((await place.act('pharmacy', id, 'prescription-acceptance', { task: 'laboratory-order.1' })).status).toBe(404);
});

it('refuses what is not due, and does nothing twice', async () => {
  const id = newVisitId();
  const once = await must(place.asPatient('POST', '', wish(id)));
  const twice = await must(place.asPatient('POST', '', wish(id)));
  expect(twice.sent).toEqual(once.sent);
  expect((await place.act('clinician', id, 'beginning')).status).toBe(404);
  const booking = { practitioner: place.practitioner, startMs: Date.now() + HOUR_MS, minutes: 20 };
  await must(place.act('desk', id, 'booking', booking));
  expect((await place.act('desk', id, 'booking', booking)).json).toMatchObject({ code: 'conflict' });
  expect((await place.asPatient('POST', `/${id}/cancellation`, {})).json).toMatchObject({ code: 'conflict' });
  expect((await place.act('clinician', id, 'orders', { test: '4548-4' })).status).toBeGreaterThanOrEqual(400);
});

it('orders nothing without the patient’s own grants, nor after they were taken back', async () => {
  const id = newVisitId();
  await must(place.asPatient('POST', '', wish(id)));
  await must(
    place.act('desk', id, 'booking', { practitioner: place.practitioner, startMs: Date.now() + HOUR_MS, minutes: 20 }),
  );
  const forged = { laboratory: { ...agreed.laboratory, grant: newVisitId() }, pharmacy: null };
  expect((await place.asPatient('POST', `/${id}/agreement`, forged)).json).toMatchObject({ code: 'not-agreed' });
  const swapped = { laboratory: { ...agreed.pharmacy, organisation: 'laboratory' }, pharmacy: null };
  expect((await place.asPatient('POST', `/${id}/agreement`, swapped)).json).toMatchObject({ code: 'not-agreed' });
  for (const narrower of [{ resourceTypes: ['Task'] }, { dataToMs: Date.now() - HOUR_MS }, { labelClasses: ['PSY'] }]) {
    const grant = await place.grantTo(PROVIDER, 'laboratory', { categories: ['orders'], ...narrower });
    const less = { laboratory: { ...agreed.laboratory, grant }, pharmacy: null };
    expect((await place.asPatient('POST', `/${id}/agreement`, less)).json).toMatchObject({ code: 'not-agreed' });
  }
  await must(place.asPatient('POST', `/${id}/agreement`, { laboratory: null, pharmacy: agreed.pharmacy }));
  await must(place.act('clinician', id, 'beginning'));
  expect((await place.act('clinician', id, 'orders', { test: '4548-4' })).json).toMatchObject({ code: 'not-agreed' });
  await revokeGrant(place.server, place.patients[PROVIDER], agreed.pharmacy.grant);
  const prescription = { medicine: '860975', directions: 'One a day.', quantity: 30 };
  expect((await place.act('clinician', id, 'prescriptions', prescription)).json).toMatchObject({ code: 'not-agreed' });
});

it('shows a rejection to its sender, who asks again without doubling anything', async () => {
  const id = newVisitId();
  await agreeAnew();
  await beginVisit(id);
  await must(place.act('clinician', id, 'orders', { test: '4548-4' }));
  await place.list('laboratory');
  await must(
    place.act('laboratory', id, 'order-rejection', { task: 'laboratory-order.1', reason: 'No tubes left today' }),
  );
  const rejected = (await place.list('clinician')).find((each) => each.visit === id);
  expect(rejected?.course.get('laboratory-order.1')).toMatchObject({
    status: 'rejected',
    reason: 'No tubes left today',
  });
  await must(place.act('clinician', id, 'requests', { task: 'laboratory-order.1' }));
  const again = (await place.list('laboratory')).filter((each) => each.visit === id);
  expect(again).toHaveLength(1);
  expect([...again[0]!.course.values()]).toMatchObject([{ status: 'requested', version: 3 }]);
  const orders = await fhir(
    'clinician',
    `ServiceRequest?identifier=urn:salus:visit-resource|${PROVIDER}/${id}/order-1`,
  );
  expect(orders.json.total).toBe(1);
});

it('sends an order back by itself when the laboratory’s own patient took the grant back', async () => {
  const id = newVisitId();
  await beginVisit(id);
  const { deliveries } = place.server.node.organisations.get(PROVIDER)!.exchange;
  await must(place.act('clinician', id, 'orders', { test: '4548-4' }));
  for (const { laboratory } of everAgreed) await revokeGrant(place.server, place.patients.laboratory, laboratory.back);
  await place.list('laboratory');
  const back = (await place.list('clinician')).find((each) => each.visit === id);
  expect(back?.course.get('laboratory-order.1')).toMatchObject({ status: 'rejected', reason: 'not-agreed' });
  expect(await deliveries.listInbox({ state: 'new', limit: 10 })).toEqual([]);
});

it('keeps what does not arrive, shows it to its sender, and sends it again as the same', async () => {
  const id = newVisitId();
  await agreeAnew();
  await beginVisit(id);
  const { exchange } = place.server.node.organisations.get('laboratory')!;
  const accept = exchange.gateway.deliver.bind(exchange.gateway);
  exchange.gateway.deliver = () => Promise.resolve({ kind: 'refused', code: 'peer-unreachable' });
  const waiting = await must(place.act('clinician', id, 'orders', { test: '4548-4' }));
  const order = waiting.sent.find(({ task }) => task === 'laboratory-order.1');
  expect(order).toMatchObject({ state: 'pending', code: 'peer-unreachable' });
  exchange.gateway.deliver = () => Promise.resolve({ kind: 'refused', code: 'key-mismatch' });
  const refused = await must(place.act('clinician', id, 'hand-overs', { task: 'laboratory-order.1' }));
  expect(refused.sent.find(({ task }) => task === 'laboratory-order.1')).toMatchObject({
    state: 'refused',
    code: 'key-mismatch',
  });
  exchange.gateway.deliver = accept;
  const sent = await must(place.act('clinician', id, 'hand-overs', { task: 'laboratory-order.1' }));
  expect(sent.sent.filter(({ task }) => task === 'laboratory-order.1')).toMatchObject([
    { state: 'delivered', code: null },
  ]);
  expect((await place.act('clinician', id, 'hand-overs', { task: 'laboratory-order.1' })).json).toMatchObject({
    code: 'conflict',
  });
  expect((await place.list('laboratory')).filter((each) => each.visit === id)).toHaveLength(1);
});

type At = keyof VisitPlace['patients'];
const AT: readonly At[] = [PROVIDER, 'laboratory', 'pharmacy'];

/** Which of the words a thief with an organisation's store and its master key finds there. */
async function foundAt(at: At, words: readonly string[]): Promise<readonly string[]> {
  const { text } = await readAllKept(place.server.node.organisations.get(at)!);
  return words.filter((word) => text.includes(word));
}

function keptVisit(at: At, id: string) {
  return place.server.node.organisations.get(at)!.vault.documents.find('visit', `${PROVIDER}/${id}`);
}

/** What a visit wrote into the record of an organisation. */
async function writtenAt(at: At, id: string): Promise<readonly string[]> {
  const { documents } = place.server.node.organisations.get(at)!.vault;
  const name = `${PROVIDER}/${id}`;
  const kept = (await documents.find('visit', name)) ?? (await documents.find('visit-over', name));
  return Object.values((kept as unknown as { written: Record<string, string> }).written);
}

it('leaves no readable copy of what is erased, with whoever wrote it or received it, in any row that a master key opens', async () => {
  const id = newVisitId();
  await agreeAnew();
  const words = { reason: 'wordreason', answer: 'wordanswer', note: 'wordnote', waiting: 'wordwaiting' };
  const back = { conclusion: 'wordconclusion', directions: 'worddirections', lot: 'wordlot' };
  const all = Object.values({ ...words, ...back });
  const asked = { since: 'weeks', worse: true, fever: false, more: words.answer };
  await must(
    place.asPatient('POST', '', {
      ...{ visit: id, reason: words.reason, answers: asked, wishedMs: Date.now() + 2 * HOUR_MS },
    }),
  );
  const { practitioner } = place;
  await must(place.act('desk', id, 'booking', { practitioner, startMs: Date.now() + HOUR_MS, minutes: 20 }));
  await must(place.asPatient('POST', `/${id}/agreement`, agreed));
  await must(place.act('clinician', id, 'beginning'));
  await must(place.act('clinician', id, 'orders', { test: '4548-4', note: words.note }));
  await place.list('laboratory');
  // The order lies with the laboratory as long as it works on it.
  expect(await foundAt('laboratory', all)).toEqual([words.reason, words.note]);
  const inWork = (await keptVisit('laboratory', id))!;
  const task = 'laboratory-order.1';
  await must(place.act('laboratory', id, 'order-acceptance', { task }));
  await must(place.act('laboratory', id, 'results', { task, values: ['8.40'], conclusion: back.conclusion }));
  expect(await foundAt('laboratory', all)).toEqual([back.conclusion]);
  await must(
    place.act('clinician', id, 'prescriptions', { medicine: '860975', directions: back.directions, quantity: 9 }),
  );
  await place.list('pharmacy');
  await must(place.act('pharmacy', id, 'prescription-acceptance', { task: 'prescription.1' }));
  await must(place.act('pharmacy', id, 'dispenses', { task: 'prescription.1', lot: back.lot }));
  const { exchange } = place.server.node.organisations.get('laboratory')!;
  const accept = exchange.gateway.deliver.bind(exchange.gateway);
  exchange.gateway.deliver = () => Promise.resolve({ kind: 'refused', code: 'peer-unreachable' });
  await must(place.act('clinician', id, 'orders', { test: '718-7', note: words.waiting }));
  const [before] = (await place.list('clinician')).filter((each) => each.visit === id);
  expect(JSON.stringify([...before!.course.values()])).toContain(back.conclusion);
  const copies = (await keptVisit(PROVIDER, id))!;
  // The provider’s visit holds what came back, and nothing that stands in the provider’s own record.
  expect(Object.values(words).filter((word) => JSON.stringify(copies).includes(word))).toEqual([]);
  expect(JSON.stringify(copies)).toContain(back.conclusion);
  const provider = place.server.node.organisations.get(PROVIDER)!;
  expect((await readAllKept(provider)).waiting).toBe(1);

  for (const at of AT) await eraseRecords(place.server, place.patients[at], await writtenAt(at, id));
  for (const at of AT) expect(await foundAt(at, all), at).toEqual([]);
  expect((await readAllKept(provider)).waiting).toBe(0);
  exchange.gateway.deliver = accept;
  await provider.exchange.deliveries.resendPending();
  expect(await foundAt('laboratory', all)).toEqual([]);
  const { json } = await place.asPatient('GET', '');
  const after = (json.visits as Parameters<typeof seenIn>[0][]).map(seenIn).find((each) => each.visit === id);
  expect(after?.sent.find((way) => way.task === 'laboratory-order.2')).toMatchObject({
    state: 'refused',
    code: 'erased',
  });

  // A restored backup has the visits as they were: the next look takes the same out again.
  for (const [at, kept] of [
    [PROVIDER, copies],
    ['laboratory', inWork],
  ] as const) {
    const { vault } = place.server.node.organisations.get(at)!;
    await vault.documents.put('visit', `${PROVIDER}/${id}`, kept);
    expect(await foundAt(at, all), at).not.toEqual([]);
    await dropErased(place.server.node.organisations.get(at)!);
    expect(await foundAt(at, all), at).toEqual([]);
  }
});

it('forgets at its first start what an earlier version kept of visits, open and over, and keeps what came from elsewhere', async () => {
  const id = newVisitId();
  await agreeAnew();
  await beginVisit(id);
  await must(place.act('clinician', id, 'orders', { test: '4548-4', note: 'wordown' }));
  await place.list('laboratory');
  const task = 'laboratory-order.1';
  await must(place.act('laboratory', id, 'order-acceptance', { task }));
  await must(place.act('laboratory', id, 'results', { task, values: ['8.40'], conclusion: 'wordtheirs' }));
  await place.list('clinician');
  const organisation = place.server.node.organisations.get(PROVIDER)!;
  const { documents } = organisation.vault;
  const kept = (await keptVisit(PROVIDER, id)) as unknown as { tasks: string[]; recorded?: object; visit: string };
  // As it was written before: each task with all that it carried, whatever stands in the record.
  const { recorded: _, ...rest } = kept;
  const tasks = kept.tasks.map((text) => {
    const read = parseVisitTask(text)!;
    const parts = { ...read.parts, ...(taskKey(read) === task && { order: { note: [{ text: 'wordcopy' }] } }) };
    return JSON.stringify(visitTaskResource({ ...read, parts }));
  });
  const over = newVisitId();
  await documents.put('visit', `${PROVIDER}/${id}`, { ...rest, tasks } as never);
  await documents.put('visit-over', `${PROVIDER}/${over}`, { ...rest, visit: over, tasks } as never);
  const about = async (): Promise<string> =>
    JSON.stringify([await keptVisit(PROVIDER, id), await documents.find('visit-over', `${PROVIDER}/${over}`)]);
  expect(await about()).toContain('wordcopy');
  await forgetEarlierCopies(organisation, AbortSignal.abort());
  expect(await about()).toContain('wordcopy');
  await forgetEarlierCopies(organisation, new AbortController().signal);
  expect(await about()).not.toContain('wordcopy');
  expect(JSON.stringify(await keptVisit(PROVIDER, id))).toContain('wordtheirs');
  expect(JSON.stringify(await documents.find('visit-over', `${PROVIDER}/${over}`))).not.toContain('wordtheirs');
  const seen = (await place.list('clinician')).find((each) => each.visit === id);
  expect(JSON.stringify(seen?.course.get(task)?.parts)).toContain('wordown');
  expect(JSON.stringify(seen?.course.get(task)?.parts)).toContain('wordtheirs');
});
